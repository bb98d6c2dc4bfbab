-- name: note_buckets
-- Which buckets a batch has touched, and for which devices. `devices` travel as text, because an array of arrays
-- would have to be a rectangle.
insert into rollup_pending (grain, bucket, devices, noted_at)
select %(grain)s, bucket, devices::integer[], %(now)s
from unnest(%(buckets)s::timestamptz[], %(devices)s::text[]) as touched (bucket, devices)

-- name: take_rollup_lock
-- One refresher at a time; false when another one is at it. Compiling a hundred aggregates costs more than it saves.
select pg_try_advisory_xact_lock(%s), set_config('jit', 'off', true)

-- name: due_buckets
-- The newest first: they are looked at. A note older than its bucket does not start the clock of an unfinished one.
select bucket
from rollup_pending
where grain = %(grain)s
group by bucket
having case
    when bucket <= %(now)s - %(span)s::interval then min(noted_at) <= %(now)s - %(finished)s::interval
    else min(noted_at) filter (where noted_at >= bucket) <= %(now)s - %(unfinished)s::interval
end
order by bucket desc
limit %(at_most)s

-- name: take_notes
-- A statement of its own, before the one that reads the readings: what is noted after this stays noted.
delete from rollup_pending where grain = %s and bucket = %s returning devices

-- name: refresh_15m
-- Device by device along the index (device_id, ts): there is none by time alone. Readings are never taken away one by
-- one, so fewer than before means that the chunk has been dropped, and what was computed before stays.
insert into telemetry_15m as held (bucket, device_id, readings, {columns})
select %(bucket)s, d.id, found.*
from unnest(coalesce(%(devices)s::integer[], array(select id from device))) as d (id)
cross join lateral (
    select count(*), {aggregates}
    from telemetry
    where device_id = d.id and ts >= %(bucket)s and ts < %(end)s
    having count(*) > 0
) as found
on conflict (device_id, bucket) do update
set readings = excluded.readings, {assignments}
where excluded.readings >= held.readings

-- name: refresh_1d
insert into telemetry_1d as held (bucket, device_id, readings, {columns})
select %(bucket)s, d.id, found.*
from unnest(coalesce(%(devices)s::integer[], array(select id from device))) as d (id)
cross join lateral (
    select sum(readings), {aggregates}
    from telemetry_15m
    where device_id = d.id and bucket >= %(bucket)s and bucket < %(end)s
    having count(*) > 0
) as found
on conflict (device_id, bucket) do update
set readings = excluded.readings, {assignments}
where excluded.readings >= held.readings
