-- The home & device board's queries. Each reads telemetry through its index (device_id, ts).

-- name: village_options
select coalesce(t.name || ' · ', '') || v.name as __text, v.code as __value
from region v left join region t on t.id = v.parent_id
where exists (select from home h where h.region_id = v.id)
order by 1

-- name: home_options
select trim(h.code || ' ' || h.address) as __text, h.code as __value
from home h join region v on v.id = h.region_id
where v.code = ${village:sqlstring}
order by h.code

-- name: device_options
-- The twins of drills at the end; their type says what they are.
select d.uid || ' · ' || @type_zh as __text, d.uid as __value
from device d join home h on h.id = d.home_id
where h.code = ${home:sqlstring}
order by d.drill_id is not null, d.uid

-- name: picked
-- The chosen devices of the chosen home ('*' is all of them). A drill's twin is only there when it is chosen itself, so
-- that nobody takes what it says for the home's own; lists that mark it have it too.
with picked as materialized (
  select d.id, d.uid, @type_zh as type_zh, d.interval_s
  from device d join home h on h.id = d.home_id
  where h.code = ${home:sqlstring} and (('*' in (${device:sqlstring}) and @whose) or d.uid in (${device:sqlstring}))
)

-- name: last_seen
@picked
select extract(epoch from now() - max(l.ts))::float8 as last_seen
from picked p join device_latest l on l.device_id = p.id

-- name: fresh
-- A silent device's last value is history: shown large, it would say that all is well.
l.ts > now() - greatest(3 * p.interval_s, 600) * interval '1 second'

-- name: latest_metric
-- The newest value among the home's devices that measure it and still report.
@picked
select l.@metric as @metric
from picked p join device_latest l on l.device_id = p.id
where l.@metric is not null and @fresh
order by l.ts desc
limit 1

-- name: worst_metric
-- The highest of them: with two detectors the safe one must not hide the other.
@picked
select max(l.@metric) as @metric
from picked p join device_latest l on l.device_id = p.id
where @fresh

-- name: latest_reading
@picked
select p.type_zh || ' ' || p.uid as device, v.label as quantity,
       trim(round(v.value::numeric, v.decimals) || ' ' || v.unit) as value, l.ts
from picked p join device_latest l on l.device_id = p.id
cross join lateral (values
    @latest_values
) v(place, label, value, decimals, unit)
where v.value is not null
order by p.uid, v.place

-- name: series
-- Averaged per device first, then turned into one series for each quantity that has values.
@picked, g as (
  select $__timeGroup(t.ts, $__interval) as time, t.device_id, @columns
  from telemetry t
  where $__timeFilter(t.ts) and t.device_id = any (array(select id from picked))
  group by 1, 2
)
select g.time, v.label || ' · ' || p.uid as metric, v.value::float8 as value
from g join picked p on p.id = g.device_id
cross join lateral (values @labelled) v(label, value)
where v.value is not null
order by 1, 2

-- name: increase
-- How much a counter grew from bucket to bucket; after a reset it has grown by what it shows.
@picked, g as (
  select $__timeGroup(t.ts, $__interval) as time, t.device_id, @columns
  from telemetry t
  where $__timeFilter(t.ts) and t.device_id = any (array(select id from picked))
  group by 1, 2
), v as (
  select g.time, g.device_id, v.label, v.value,
         lag(v.value) over (partition by g.device_id, v.label order by g.time) as earlier
  from g cross join lateral (values @labelled) v(label, value)
  where v.value is not null
)
select v.time, v.label || ' · ' || p.uid as metric,
       (case when v.value >= v.earlier then v.value - v.earlier else v.value end)::float8 as value
from v join picked p on p.id = v.device_id
where v.earlier is not null
order by 1, 2

-- name: cop
-- Heat over electricity while it runs; defrosting takes heat out of the house and is left out.
@picked
select $__timeGroupAlias(t.ts, $__interval), p.uid as metric, (sum(t.heat_w) / sum(t.power_w))::float8 as value
from telemetry t join picked p on p.id = t.device_id
where $__timeFilter(t.ts) and t.device_id = any (array(select id from picked))
  and t.heat_w is not null and t.power_w > 100 and coalesce(t.defrost, 0) = 0
group by 1, 2
order by 1, 2

-- name: home_alarms
-- Those of drills below all that are real; the device's type marks them.
@picked
select a.priority, a.since, p.type_zh, a.rule,
       case when a.closed_at is not null then 'closed' when a.suppression <> 'none' then a.suppression
            when a.stale then 'stale' else a.condition end as condition,
       a.last_value, a.peak_value, coalesce(a.acknowledged_by, '') as acknowledged, a.cleared_at, a.reason
from alarm a join picked p on p.id = a.device_id
where (a.closed_at is null or $__timeFilter(a.since)) and a.condition <> 'pending'
order by a.drill, a.closed_at is not null, a.since desc
limit 100

-- name: home_open_alarms
@picked
select count(*) as open_alarms
from alarm a join picked p on p.id = a.device_id
where @open_alarm

-- name: home_messages
-- About an alarm of these devices, or about an incident that one of them is part of.
@picked
select n.created_at, n.state, n.kind, coalesce(n.channel, n.way) as channel, c.name || ' ' || c.role as contact, n.attempts, n.reason, n.body
from notification n join contact c on c.id = n.contact_id
where $__timeFilter(n.created_at)
  and (n.alarm_id in (select a.id from alarm a join picked p on p.id = a.device_id)
       or n.incident_id in (select i.incident_id from incident_device i join picked p on p.id = i.device_id))
order by n.drill, n.created_at desc
limit 100

-- name: home_flagged
@picked
select t.ts, p.uid, array_to_string(reading_flags(t.flags), ', ') as flags, coalesce(t.fault, '') as fault, t.received_at, t.device_ts
from telemetry t join picked p on p.id = t.device_id
where $__timeFilter(t.ts) and t.device_id = any (array(select id from picked))
  and (t.flags <> 0 or t.fault is not null)
order by t.ts desc
limit 100

-- name: home_events
@picked
select e.ts, p.uid, e.type, e.is_on, e.received_at
from device_event e join picked p on p.id = e.device_id
where $__timeFilter(e.ts) and e.device_id = any (array(select id from picked))
order by e.ts desc
limit 100

-- name: alarm_annotations
@picked
select a.since as time, coalesce(a.cleared_at, a.closed_at, now()) as timeend,
       a.rule || ' · ' || p.uid as text, a.priority as tags
from alarm a join picked p on p.id = a.device_id
where a.condition <> 'pending' and a.since <= $__timeTo() and coalesce(a.cleared_at, a.closed_at, now()) >= $__timeFrom()
order by 1
limit 500
