-- name: newest_quarter
-- What devices of some types measured in one quarter of an hour, device by device along the index, a slice at a time.
select d.id, d.type, d.model, d.interval_s, coalesce(h.building_class, ''), h.region_id, coalesce(h.vacant, false),
       found.*
from (select * from device where id > %(after)s and state = 'in_service' and type = any(%(types)s)
      order by id limit %(most)s) d
left join home h on h.id = d.home_id
left join lateral (
    select {columns} from telemetry_15m where device_id = d.id and bucket = %(bucket)s
) as found on true
order by d.id

-- name: quarters_together
-- What each device measured in the quarters after one and up to another, put together.
select d.id, found.*
from unnest(%(devices)s::int[]) as d (id)
cross join lateral (
    select {columns} from telemetry_15m where device_id = d.id and bucket > %(after)s and bucket <= %(until)s
) as found

-- name: share_beyond
-- In how many of its quarters each device was beyond a level of its own, how many are known, and since when it serves.
select d.id, found.*,
       coalesce((select max(l.at) from device_state_log l where l.device_id = d.id and l.to_state = 'in_service'),
                (select created_at from device where id = d.id))
from unnest(%(devices)s::int[], %(levels)s::float8[]) as d (id, level)
cross join lateral (
    select {columns} from telemetry_15m where device_id = d.id and bucket > %(after)s and bucket <= %(until)s
) as found

-- name: open_look_alarms
select device_id, id, condition, acknowledged_at is not null from alarm where rule = %s and closed_at is null

-- name: raise_look
-- One alarm a device and rule; a latched one that was normal is raised again.
insert into alarm (device_id, rule, pack, priority, latching, reason, recorded_at, condition, since, last_ts,
                   last_value, peak_value, raised_at, suppression, incident_id, stale, stands_at)
values (%(device)s, %(rule)s, %(pack)s, %(priority)s, %(latching)s, %(reason)s, %(now)s, 'active', %(since)s, %(now)s,
        %(value)s, %(value)s, %(now)s, %(suppression)s, %(incident)s, %(stale)s, %(stands_at)s)
on conflict (device_id, rule) where closed_at is null do update
set condition = 'active', reason = excluded.reason, since = excluded.since, last_ts = excluded.last_ts,
    last_value = excluded.last_value, peak_value = excluded.peak_value, raised_at = excluded.raised_at,
    cleared_at = null, stale = excluded.stale, suppression = excluded.suppression, incident_id = excluded.incident_id
where alarm.condition = 'normal'
returning id

-- name: keep_look
-- What goes on, with its value of now.
update alarm a set last_value = v.value, last_ts = %(now)s, stale = %(stale)s
from unnest(%(alarms)s::bigint[], %(values)s::float8[]) as v (id, value)
where a.id = v.id

-- name: clear_look
update alarm
set condition = 'normal', reason = %(reason)s, cleared_at = %(now)s,
    closed_at = case when latching and acknowledged_at is null then null else %(now)s::timestamptz end
where id = %(alarm)s and closed_at is null and condition <> 'normal'
returning device_id, suppression

-- name: region_parents
select id, parent_id, code from region

-- name: parameter_of_regions
select region_id, value from region_parameter where name = %s

-- name: silent_homes
-- Homes none of whose heaters is heard, as their open alarms of silence say; a drill's devices are a home of their own.
-- One of the heaters stands for the home. `measure` are the types that measure a room.
with heater as (
    select d.id, d.home_id, d.drill_id, l.received_at,
           exists (select 1 from alarm a where a.device_id = d.id and a.rule = any(%(silence_rules)s)
                   and a.condition = 'active' and a.closed_at is null) as silent
    from device d left join device_latest l on l.device_id = d.id
    where d.state = 'in_service' and d.type = any(%(heaters)s)
      and d.home_id in (select x.home_id from alarm a join device x on x.id = a.device_id
                        where a.rule = any(%(silence_rules)s) and a.condition = 'active' and a.closed_at is null
                          and x.type = any(%(heaters)s))
), home_of as (
    select home_id, drill_id, array_agg(id order by id) as ids, max(received_at) as heard_at
    from heater group by home_id, drill_id having bool_and(silent)
)
select o.ids, o.heard_at, room.indoor_c, room.ts, h.building_class, h.heat_load_w_m2, h.region_id, h.vulnerable,
       (select x.incident_id from incident_device x join incident i on i.id = x.incident_id
        where x.device_id = any(o.ids) and i.ended_at is null limit 1),
       d.type, d.model
from home_of o
join home h on h.id = o.home_id
join device d on d.id = o.ids[1]
left join lateral (
    select l.indoor_c, least(l.ts, l.received_at) as ts
    from device s join device_latest l on l.device_id = s.id
    where s.home_id = o.home_id and s.drill_id is not distinct from o.drill_id and l.indoor_c is not null
    order by l.ts desc limit 1
) room on true

-- name: outdoors_measured
-- Not by a drill's devices: a twin plays its weather.
select h.region_id, l.outdoor_c
from device_latest l join device d on d.id = l.device_id join home h on h.id = d.home_id
where l.outdoor_c is not null and l.ts > %(since)s and d.drill_id is null and d.state = 'in_service'

-- name: released_and_untold
-- Alarms that an incident held back and that nobody has been told of since it ended.
select a.id, a.device_id, a.since, a.last_value from alarm a
where a.rule = %s and a.condition = 'active' and a.closed_at is null and a.incident_id is not null
  and a.suppression = 'none'
  and not exists (select 1 from notification n where n.alarm_id = a.id and n.kind = 'raised')
  and not exists (select 1 from withheld w where w.alarm_id = a.id)

-- name: take_look_lock
-- One process at a time; false when another one is at it. Short queries, many times: to compile them costs more.
select pg_try_advisory_xact_lock(%s), set_config('jit', 'off', true)

-- name: set_region_parameter
insert into region_parameter (region_id, name, value, source, set_by, set_at)
select id, %(name)s, %(value)s, %(source)s, %(by)s, %(now)s from region where code = %(region)s
on conflict (region_id, name) do update
set value = excluded.value, source = excluded.source, set_by = excluded.set_by, set_at = excluded.set_at
returning region_id

-- name: unset_region_parameter
delete from region_parameter where name = %s and region_id = (select id from region where code = %s) returning region_id

-- name: region_parameters
select r.code, r.name as region, r.level, p.name, p.value, p.source, p.set_by, p.set_at
from region_parameter p join region r on r.id = p.region_id order by r.code, p.name

-- name: homes_that_heat
-- Homes whose own heaters all report, a slice at a time: of one that has a stove without a connection nothing can be
-- said. Drills are not real.
select h.id, h.code, h.region_id, h.building_class, h.heat_load_w_m2,
       array_agg(d.id order by d.id) filter (where d.type = any(%(heaters)s)),
       array_agg(d.id order by d.id) filter (where d.type = any(%(rooms)s)),
       array_agg(d.id order by d.id) filter (where d.type = 'co_detector')
from (select * from home where id > %(after)s order by id limit %(most)s) h
join device d on d.home_id = h.id and d.state = 'in_service' and d.drill_id is null
group by h.id, h.code, h.region_id, h.building_class, h.heat_load_w_m2
having count(*) filter (where d.type = any(%(heaters)s)) > 0
   and count(*) filter (where d.type = any(%(unheard)s)) = 0
order by h.id

-- name: last_home
select coalesce(max(id), 0) from (select id from home where id > %s order by id limit %s) as slice

-- name: heaters_at_rest
-- Blocks of some hours in which a heater gave nothing: no power, no flame, no heat, and what it has stored did not fall.
-- Device by device along the index, as everything here.
select d.id, found.block
from unnest(%(devices)s::int[]) as d (id)
cross join lateral (
    select time_bucket(%(block)s, q.bucket, %(begins)s) as block
    from telemetry_15m q
    where q.device_id = d.id and q.bucket >= %(begins)s and q.bucket < %(ends)s
    group by 1
    having count(*) >= %(fewest)s
       and coalesce(max(q.power_w_avg), 0) < %(power_w)s and coalesce(max(q.flame_avg), 0) <= 0
       and coalesce(max(q.heat_w_avg), 0) < %(heat_w)s and coalesce(max(q.state_max), 0) <= 0
       and coalesce(max(q.charge_pct_avg) - min(q.charge_pct_avg), 0) < %(charge_pct)s
       and coalesce(max(q.power_w_avg), max(q.flame_avg), max(q.state_max)) is not null
) found

-- name: rooms_by_block
-- The room's temperature at the beginning and the end of each block.
select d.id, found.*
from unnest(%(devices)s::int[]) as d (id)
cross join lateral (
    select time_bucket(%(block)s, q.bucket, %(begins)s) as block,
           first(q.indoor_c_avg, q.bucket), last(q.indoor_c_avg, q.bucket),
           max(q.bucket) - min(q.bucket)
    from telemetry_15m q
    where q.device_id = d.id and q.bucket >= %(begins)s and q.bucket < %(ends)s and q.indoor_c_n > 0
    group by 1
    having count(*) >= %(fewest)s
) found

-- name: outdoors_by_block
-- What a few heaters of each region say of its weather, by block: a village has one.
select w.region_id, time_bucket(%(block)s, q.bucket, %(begins)s) as block, avg(q.outdoor_c_avg)
from (
    select d.id, h.region_id, row_number() over (partition by h.region_id order by d.id) as place
    from device d join home h on h.id = d.home_id
    where d.type = any(%(types)s) and d.drill_id is null and d.state = 'in_service'
) w
cross join lateral (
    select bucket, outdoor_c_avg from telemetry_15m
    where device_id = w.id and bucket >= %(begins)s and bucket < %(ends)s and outdoor_c_n > 0
) q
where w.place <= 5
group by w.region_id, block

-- name: quarters_with_co
-- A day has 96 quarters: the limit is only there to keep the planner on the index.
select d.id, found.*
from unnest(%(devices)s::int[]) as d (id)
cross join lateral (
    select q.bucket, q.co_ppm_max
    from telemetry_15m q
    where q.device_id = d.id and q.bucket >= %(begins)s and q.bucket < %(ends)s and q.co_ppm_max >= %(co_ppm)s
    order by q.bucket limit 96
) found

-- name: heaters_in_quarters
-- How many of these heaters gave nothing in each of some quarters.
select q.bucket, count(*)
from telemetry_15m q
where q.device_id = any(%(devices)s) and q.bucket = any(%(buckets)s)
  and coalesce(q.power_w_avg, 0) < %(power_w)s and coalesce(q.flame_avg, 0) <= 0
  and coalesce(q.heat_w_avg, 0) < %(heat_w)s and coalesce(q.state_max, 0) <= 0
  and coalesce(q.power_w_avg, q.flame_avg, q.state_max) is not null
group by q.bucket

-- name: keep_coal_again
insert into coal_again (home_id, day, score, evidence)
select * from unnest(%(homes)s::int[], array_fill(%(day)s::date, array[cardinality(%(homes)s::int[])]),
                     %(scores)s::real[], %(evidence)s::jsonb[])
on conflict (home_id, day) do update set score = excluded.score, evidence = excluded.evidence

-- name: coal_again
select r.code as region, r.name as village, h.code as home, h.address, c.day, c.score, c.evidence
from coal_again c join home h on h.id = c.home_id join region r on r.id = h.region_id
where c.day >= %(since)s
order by c.day desc, c.score desc, h.code limit %(most)s
