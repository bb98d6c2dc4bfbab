-- name: create_newest
-- Where the newest readings of a batch wait for the merge, once a session.
create temporary table if not exists newest (like device_latest) on commit delete rows

-- name: copy_newest
copy newest ({columns}) from stdin (format binary)

-- name: merge_newest
-- device_latest never goes back in time: an older reading changes nothing.
insert into device_latest as held ({columns})
select {columns} from newest order by device_id
on conflict (device_id) do update set {assignments}
where excluded.ts > held.ts

-- name: note_heard
-- received_at is when the device was last heard, whatever its clock says: silence is judged by it.
update device_latest held set received_at = newest.received_at
from newest
where held.device_id = newest.device_id and held.received_at < newest.received_at

-- name: latest_from_telemetry
-- The newest reading of each device, device by device along the index (device_id, ts).
insert into device_latest as held ({columns})
select {columns}
from unnest(%(devices)s::integer[]) as d (id)
cross join lateral (
    select * from telemetry where device_id = d.id and ts >= %(since)s order by ts desc limit 1
) as newest
on conflict (device_id) do update set {assignments}
where excluded.ts > held.ts
