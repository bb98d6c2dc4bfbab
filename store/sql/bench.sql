-- name: bench_listening
-- Ingest workers that are connected and have said so since a moment.
select count(*) from worker where kind = 'ingest' and connected_since is not null and heartbeat_at > %s

-- name: bench_watching
select count(*) from worker where kind = 'alerts' and heartbeat_at > %s

-- name: bench_latency
-- From a reading's time to its commit, in ms, of those measured in a span: how many, median, 99 of 100. Where
-- track_commit_timestamp is on.
select count(*), percentile_cont(0.5) within group (order by ms), percentile_cont(0.99) within group (order by ms)
from (
    select extract(epoch from pg_xact_commit_timestamp(xmin) - ts)::float8 * 1000 as ms
    from telemetry where ts >= %s and ts < %s and device_id < %s
) as committed

-- name: bench_told
-- When the carrier took the first message about an alarm of each of these devices.
select d.uid, min(n.accepted_at)
from device d join alarm a on a.device_id = d.id join notification n on n.alarm_id = a.id
where d.uid = any(%s) and n.kind = 'raised' and n.accepted_at is not null
group by d.uid

-- name: bench_rows
-- Readings of devices below an id (above it are those of the COPY alone), and events.
select count(*), (select count(*) from device_event)
from telemetry where device_id < %s

-- name: bench_different
-- Different readings among them. Device by device along the index: all at once may be sorted on the disk.
select coalesce(sum(own), 0)::bigint
from (select count(distinct ts) as own from telemetry where device_id < %s group by device_id) as different

-- name: bench_stored
select (select count(*) from telemetry), (select count(*) from device)

-- name: bench_fullest_home
-- The village and the home with the most devices that have reported.
select r.code, h.code
from home h join region r on r.id = h.region_id join device d on d.home_id = h.id
join device_latest l on l.device_id = d.id
group by r.code, h.code order by count(*) desc, h.code limit 1

-- name: bench_soaked
-- (device, ts) is unique in the table, so every row is another reading.
select count(*) from telemetry

-- name: bench_fill_outbox
-- So many critical messages, one to each of as many contacts, about one alarm that is open.
with alarm as (
    insert into alarm (device_id, rule, pack, priority, condition, latching, since, raised_at, recorded_at, last_ts,
                       last_value, reason)
    select min(id), 'co_300', 'bench', 'critical', 'active', true, %(now)s, %(now)s, %(now)s, %(now)s, 350, 'bench'
    from device where type = 'co_detector'
    returning id
)
insert into notification (alarm_id, kind, contact_id, template, params, body, idempotency_key, created_at, next_attempt_at)
select alarm.id, 'raised', c.id, 'critical', %(params)s, '', 'bench-' || c.id, %(now)s, %(now)s
from alarm cross join (select id from contact order by id limit %(messages)s) as c

-- name: bench_outbox_left
select exists (select from notification where ended_at is null and accepted_at is null)

-- name: bench_carried
-- How many a carrier has, in how many attempts, and the seconds from the first to the last.
select count(*), sum(attempts), extract(epoch from max(accepted_at) - min(accepted_at))::float8
from notification where accepted_at is not null
