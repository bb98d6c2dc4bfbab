-- name: copy_telemetry
-- The fast path: fails as a whole when one row is there already.
copy telemetry ({columns}) from stdin (format binary)

-- name: create_staging
-- The slow path's table, once a session; empties itself at commit.
create temporary table if not exists staging (like telemetry) on commit delete rows

-- name: copy_staging
copy staging ({columns}) from stdin (format binary)

-- name: merge_staging
-- Stores what is new and says which rows those were.
insert into telemetry ({columns})
select distinct on (device_id, ts) {columns} from staging order by device_id, ts
on conflict (device_id, ts) do nothing
returning device_id, (extract(epoch from ts) * 1000)::bigint

-- name: remember_bad_clock
-- Which of these fingerprints are new: the others are redeliveries of readings that are stored already.
insert into bad_clock_reading (device_id, fingerprint, received_at)
select device_id, fingerprint, max(received_at)
from unnest(%s::int[], %s::text[], %s::timestamptz[]) as new (device_id, fingerprint, received_at)
group by device_id, fingerprint
on conflict do nothing
returning device_id, fingerprint

-- name: insert_event
insert into device_event (ts, device_id, type, is_on, received_at, device_ts, flags)
values (%s, %s, %s, %s, %s, %s, %s)
on conflict (device_id, type, is_on, ts) do nothing

-- name: upsert_status
-- A will that belongs to an older session than the newest birth is ignored.
insert into device_status as held (device_id, state, session, ts, received_at)
values (%s, %s, %s, %s, %s)
on conflict (device_id) do update
set state = excluded.state, session = excluded.session, ts = excluded.ts, received_at = excluded.received_at
where excluded.state = 'online' or excluded.session = held.session

-- name: insert_reject
-- The same bytes again with the broker's DUP mark are a redelivery, not another reject.
insert into rejects (received_at, topic, reason, detail, payload, payload_size)
select %(received_at)s, %(topic)s, %(reason)s, %(detail)s, %(payload)s, %(payload_size)s
where not (%(duplicate)s and exists (
    select 1 from rejects held
    where held.received_at > %(received_at)s - interval '1 hour'
      and hashtextextended(held.topic, 0) = hashtextextended(%(topic)s, 0) and held.topic = %(topic)s
      and sha256(held.payload) = sha256(%(payload)s)
      and held.reason = %(reason)s and held.detail = %(detail)s and held.payload = %(payload)s))

-- name: count_ledger
insert into ledger as held (worker, started_at, received, stored, duplicate, rejected)
values (%s, %s, %s, %s, %s, %s)
on conflict (worker, started_at) do update
set received = held.received + excluded.received, stored = held.stored + excluded.stored,
    duplicate = held.duplicate + excluded.duplicate, rejected = held.rejected + excluded.rejected, updated_at = now()

-- name: read_ledger
select coalesce(sum(received), 0)::bigint, coalesce(sum(stored), 0)::bigint,
       coalesce(sum(duplicate), 0)::bigint, coalesce(sum(rejected), 0)::bigint
from ledger
