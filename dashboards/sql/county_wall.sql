-- The county wall's queries. Everything "now" comes from device_latest: telemetry has no index on ts alone.

-- name: county_options
select name as __text, code as __value from region where level = 'county' order by name

-- name: whose
-- Drills (演练) count nowhere; a list that shows them too says so: query(…, whose=EVERYBODY).
d.drill_id is null

-- name: fleet
-- The places below the chosen counties ('*' is all) and the devices there, each with whether it still reports.
with place as materialized (
  select v.id, v.code, v.name
  from region v
  left join region t on t.id = v.parent_id
  left join region c on c.id = t.parent_id
  where '*' in (${county:sqlstring})
     or c.code in (${county:sqlstring}) or t.code in (${county:sqlstring}) or v.code in (${county:sqlstring})
), fleet as (
  select d.id, d.uid, d.type, @type_zh as type_zh, d.state = 'in_service' as in_service,
         h.id as home_id, h.code as home, coalesce(h.vacant, false) as vacant,
         p.id as place_id, p.code as village_code, p.name as village,
         case when d.drill_id is null then '' else '演练·' end as drill_zh,
         coalesce(l.ts > now() - greatest(3 * d.interval_s, 600) * interval '1 second', false) as reporting
  from device d
  left join home h on h.id = d.home_id
  left join place p on p.id = h.region_id
  left join device_latest l on l.device_id = d.id
  where ('*' in (${county:sqlstring}) or p.id is not null) and @whose
)

-- name: open_alarm
-- ISA-18.2: open until closed; what waits for its on-delay is no alarm yet.
a.closed_at is null and a.condition <> 'pending'

-- name: reporting
@fleet
select count(*) filter (where reporting) as reporting, count(*) as registered,
       count(*) filter (where reporting)::float8 / nullif(count(*), 0) as share
from fleet where in_service

-- name: open_alarms_by_priority
@fleet
select count(*) filter (where a.priority = 'critical') as critical,
       count(*) filter (where a.priority = 'high') as high,
       count(*) filter (where a.priority = 'medium') as medium,
       count(*) filter (where a.priority = 'low') as low
from alarm a join fleet f on f.id = a.device_id
where @open_alarm and a.suppression = 'none'

-- name: unacknowledged
@fleet
select count(*) as waiting, extract(epoch from now() - min(a.raised_at))::float8 as oldest
from alarm a join fleet f on f.id = a.device_id
where @open_alarm and a.suppression = 'none' and a.acknowledged_at is null and a.priority in ('critical', 'high')

-- name: readings_per_minute
-- The last whole minutes, one index probe a device: a scan by ts would read the whole day.
@fleet
select coalesce(sum(n.readings), 0)::float8 / 5 as readings_per_minute
from fleet f
cross join lateral (
  select count(*) as readings from telemetry t
  where t.device_id = f.id and t.ts > now() - interval '5 minutes' and t.ts <= now()
) n
where f.reporting

-- name: processes
-- Without ingest a silent device may only be an unheard one; without alerts nobody is told.
select count(*) filter (where kind = 'ingest' and connected_since is not null) as ingest,
       count(*) filter (where kind = 'alerts') as alerts
from worker where heartbeat_at > now() - interval '1 minute'

-- name: ingest_lag
@fleet
select percentile_cont(0.95) within group (order by lag.seconds) as p95
from fleet f join device_latest l on l.device_id = f.id
cross join lateral (select greatest(extract(epoch from l.received_at - l.ts), 0)::float8 as seconds) lag
where l.received_at > now() - interval '5 minutes'

-- name: ledger_balance
select coalesce(sum(received - stored - duplicate - rejected), 0)::float8 as missing
from ledger

-- name: open_alarms
-- Those of drills below all that are real.
@fleet
select a.priority, f.drill_zh || coalesce(f.village, '') as village, f.home, f.type_zh, a.rule, a.since, extract(epoch from now() - a.since)::float8 as age,
       a.last_value, a.peak_value,
       case when a.suppression <> 'none' then a.suppression when a.stale then 'stale' else a.condition end as condition,
       coalesce(a.acknowledged_by, '') as acknowledged,
       f.uid, f.village_code
from alarm a join fleet f on f.id = a.device_id
where @open_alarm and a.suppression <> 'inhibited'
order by a.drill, array_position(array['critical', 'high', 'medium', 'low'], a.priority), a.since desc
limit 200

-- name: village_status
@fleet, alarms as (
  select f.place_id, count(*) filter (where a.priority = 'critical') as critical, count(*) as alarms
  from alarm a join fleet f on f.id = a.device_id
  where @open_alarm and a.suppression = 'none'
  group by 1
), outage as (
  select region_id, sum(homes - homes_back) as homes from incident
  where ended_at is null and not drill and kind in ('village_silent', 'gateway_silent') group by 1
)
select f.village, count(distinct f.home_id) as homes,
       count(*) filter (where f.reporting)::float8 / nullif(count(*), 0) as share,
       coalesce(max(a.critical), 0) as critical, coalesce(max(a.alarms), 0) as alarms,
       coalesce(max(o.homes), 0) as silent,
       sum(l.power_w) filter (where f.reporting) as power_w,
       max(l.co_ppm) filter (where f.reporting) as co_ppm,
       f.village_code
from fleet f
left join device_latest l on l.device_id = f.id
left join alarms a on a.place_id = f.place_id
left join outage o on o.region_id = f.place_id
where f.in_service and f.place_id is not null
group by f.place_id, f.village, f.village_code
order by critical desc, alarms desc, share, f.village

-- name: co_worst
@fleet
select f.village || ' ' || coalesce(f.home, f.uid) as home, max(l.co_ppm)::float8 as co_ppm
from fleet f join device_latest l on l.device_id = f.id
where f.reporting and l.co_ppm is not null
group by 1
order by 2 desc
limit 6

-- name: indoor_by_village
-- Vacant homes are left out: they may be cold on purpose. A home with several thermometers counts once.
@fleet, room as (
  select f.place_id, f.home_id, avg(l.indoor_c)::float8 as indoor_c
  from fleet f join device_latest l on l.device_id = f.id
  where f.reporting and not f.vacant and f.place_id is not null and l.indoor_c is not null
  group by 1, 2
)
select p.name as village, count(*) as homes,
       percentile_cont(0.5) within group (order by r.indoor_c) as median,
       percentile_cont(0.1) within group (order by r.indoor_c) as p10,
       count(*) filter (where r.indoor_c < 14)::float8 / count(*) as cold_share,
       p.code as village_code
from room r join place p on p.id = r.place_id
group by p.code, p.name
order by cold_share desc, median

-- name: power_by_village
@fleet
select f.village, sum(l.power_w)::float8 as power_w
from fleet f join device_latest l on l.device_id = f.id
where f.reporting and f.place_id is not null and l.power_w is not null
group by f.place_id, f.village
order by 2 desc
limit 6

-- name: open_incidents
@fleet
select case when i.drill then '演练·' else '' end
       || case i.kind when 'gateway_silent' then '网关·' when 'area_silent' then '片区·' when 'model_fault' then '型号·'
                      when 'clock_wrong' then '时钟·' else '' end || p.name as village, i.homes || ' / ' || i.of_homes as silent, i.homes_back,
       extract(epoch from now() - i.began_at)::float8 as age, i.began_at, p.code as village_code
from incident i join place p on p.id = i.region_id
where i.ended_at is null
order by i.drill, i.homes - i.homes_back desc

-- name: open_incident_count
@fleet
select count(*) as incidents,
       -- an area's homes are those of its villages
       coalesce(sum(i.homes - i.homes_back) filter (where i.kind in ('village_silent', 'gateway_silent')), 0) as silent
from incident i join place p on p.id = i.region_id
where i.ended_at is null and not i.drill

-- name: alarms_raised
@fleet
select $__timeGroupAlias(a.raised_at, '1h', 0), a.priority as metric, count(*)::float8 as value
from alarm a join fleet f on f.id = a.device_id
where $__timeFilter(a.raised_at)
group by 1, 2
order by 1, 2

-- name: rejected_by_reason
select reason, count(*)::float8 as rejected
from rejects
where $__timeFilter(received_at)
  and not exists (select from device d where d.uid = split_part(topic, '/', 3) and d.drill_id is not null)
group by 1
order by 2 desc
limit 6

-- name: message_scope
-- A message belongs to the place of its alarm's home or of its incident; the canary's (自检) to no list.
from notification n
join contact c on c.id = n.contact_id
left join alarm a on a.id = n.alarm_id
left join fleet f on f.id = a.device_id
left join incident i on i.id = n.incident_id
left join place p on p.id = coalesce(f.place_id, i.region_id)
where $__timeFilter(n.created_at) and ('*' in (${county:sqlstring}) or p.id is not null) and (a.id is null or f.id is not null)

-- name: messages_by_state
@fleet
select count(*) filter (where n.state in ('pending', 'sending')) as pending,
       count(*) filter (where n.state = 'accepted') as accepted,
       count(*) filter (where n.state = 'delivered') as delivered,
       count(*) filter (where n.state = 'handed_over') as handed_over,
       count(*) filter (where n.state = 'failed') as failed,
       count(*) filter (where n.state = 'superseded') as superseded
@message_scope and not n.drill

-- name: last_messages
-- Those of drills below all that are real.
@fleet
select n.created_at, n.state, case when n.drill then '演练·' else '' end || coalesce(p.name, '') as village, n.kind, coalesce(n.channel, n.way) as channel, c.name || ' ' || c.role as contact, n.reason
@message_scope
order by n.drill, n.created_at desc
limit 100
