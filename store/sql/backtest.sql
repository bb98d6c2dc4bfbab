-- name: only_read
set default_transaction_read_only = on

-- name: sort_in_memory
-- A day of readings is put in order of time: with what a server gives for a small question much goes to the disk.
set work_mem = '64MB'

-- name: sort_and_group
-- Hashing would hold the arrays of a whole day.
set enable_hashagg = off

-- name: copy_out_telemetry
-- Arrays of some seconds each, in order of time: a row a reading costs both sides ten times as much to pass on. A null is sent
-- as NaN, so that all elements have one length.
copy (
    select array_agg(ts), array_agg(received_at), array_agg(device_id), array_agg(flags){columns} from telemetry
    where ts >= %(begin)s and ts < %(end)s
      and (%(devices)s::int[] is null or device_id = any(%(devices)s::int[]))
    group by time_bucket(%(every)s, ts) order by time_bucket(%(every)s, ts)
) to stdout (format binary)

-- name: faults_between
-- Readings that carry a maker's code: few, and a text, so not among the arrays.
select ts, device_id, fault from telemetry
where ts >= %(begin)s and ts < %(end)s and fault is not null
  and (%(devices)s::int[] is null or device_id = any(%(devices)s::int[]))
order by ts

-- name: series_received_by
-- What one device had measured between two moments, both included, and what had been received before a third; without
-- what is judged on another time than the stored one (flags).
select ts, received_at, {columns} from telemetry
where device_id = %s and ts >= %s and ts <= %s and received_at < %s and flags & %s = 0
order by ts

-- name: events_between
select ts, received_at, device_id, flags, type, is_on from device_event
where ts >= %(begin)s and ts < %(end)s and type = any(%(types)s)
  and (%(devices)s::int[] is null or device_id = any(%(devices)s::int[]))
order by received_at, ts

-- name: stored_span
-- Between which moments readings can be: what the hypertable's chunks say, without a look into them.
select min(range_start), max(range_end) from timescaledb_information.chunks
where hypertable_schema = current_schema and hypertable_name = 'telemetry'

-- name: regions_with_contacts
-- The tree, with how many people stand in each region's list.
select r.id, r.code, r.name, r.level, r.parent_id, (select count(*) from contact c where c.region_id = r.id)
from region r order by r.id

-- name: devices_to_replay
-- Real devices with their home's region; a drill's twins are none.
select d.id, d.type, d.interval_s, d.state = 'in_service', h.region_id, d.vendor, d.model,
       coalesce(h.building_class, '')
from device d left join home h on h.id = d.home_id
where d.drill_id is null order by d.id
