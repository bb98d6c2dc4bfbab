-- name: overdue_places
-- How many of these devices are in which village, and whether part of it is an incident already. A drill's devices are
-- counted by themselves: neither can they darken a village, nor can its real devices keep their village alight. Not
-- those whose silence is known already, is older than a day (it has another cause), or belonged to an incident that has
-- just ended.
select h.region_id, d.drill_id, r.name, count(*),
       exists (select 1 from incident i where i.region_id = h.region_id and i.kind = 'gateway_silent'
               and i.ended_at is null),
       exists (select 1 from incident i where i.region_id = h.region_id and i.kind = 'village_silent'
               and i.ended_at is null and coalesce(i.drill_id, 0) = coalesce(d.drill_id, 0))
from device d
join device_latest l on l.device_id = d.id
join home h on h.id = d.home_id
join region r on r.id = h.region_id
where d.id = any(%(devices)s::int[]) and d.state = 'in_service'
  and l.received_at > %(now)s - interval '1 day'
  and d.id not in (select x.device_id from incident_device x join incident i on i.id = x.incident_id
                   where i.kind in ('village_silent', 'gateway_silent') and i.ended_at > %(explained_since)s)
group by h.region_id, d.drill_id, r.name
order by h.region_id, d.drill_id nulls first

-- name: heard_in_villages
-- Without those whose silence is known already, or is older than a day: it has another cause. A drill's only gateway
-- is its player. Last: whether an incident of the village counts it.
select h.region_id, d.drill_id,
       d.id, h.id, greatest(l.received_at, %(hearing_since)s), d.interval_s,
       case when d.drill_id is null then coalesce(d.gateway_id, case when d.type = 'gateway' then d.id end) end,
       l.battery_pct is not null, l.voltage_v,
       exists (select 1 from incident_device x join incident i on i.id = x.incident_id
               where x.device_id = d.id and i.kind = 'village_silent' and i.ended_at is null)
from device d join device_latest l on l.device_id = d.id join home h on h.id = d.home_id
where h.region_id = any(%(regions)s) and d.state = 'in_service'
  and l.received_at > %(now)s - interval '1 day'
  and not exists (select 1 from alarm a where a.device_id = d.id and a.rule = any(%(silence_rules)s)
                  and a.suppression <> 'inhibited' and a.closed_at is null)

-- name: gateway_now
-- Its uid, and what the broker last said of its connection.
select d.uid, s.state = 'online'
from device d left join device_status s on s.device_id = d.id
where d.id = %s

-- name: open_incident
insert into incident (kind, region_id, drill_id, subject, gateway_id, began_at, recorded_at, homes, of_homes, cause, hint,
                      told_at)
values (%(kind)s, %(region)s, %(drill)s, %(subject)s, %(gateway)s, %(began_at)s, %(now)s, %(homes)s, %(of_homes)s,
        %(cause)s, %(hint)s, %(told_at)s)
on conflict (kind, region_id, coalesce(drill_id, 0), subject) where ended_at is null do nothing
returning id

-- name: add_incident_devices
insert into incident_device (incident_id, device_id, silent_since)
select %s, device_id, silent_since
from unnest(%s::int[], %s::timestamptz[]) as new (device_id, silent_since)
on conflict (incident_id, device_id) do nothing

-- name: inhibit_silence
-- Single silence alarms that this incident explains, raised before it was recognised; or explained by a smaller one.
update alarm set suppression = 'inhibited', incident_id = %(incident)s
where closed_at is null and suppression in ('none', 'inhibited') and rule = any(%(silence_rules)s)
  and device_id = any(%(devices)s::int[])

-- name: absorb_gateways
-- The village is dark as a whole: what was told of a gateway alone is part of that, and has no end of its own.
update incident set ended_at = %(now)s, part_of_id = %(village)s
where kind = 'gateway_silent' and ended_at is null and region_id = %(region)s and gateway_id = any(%(gateways)s::int[])
returning id

-- name: join_late
-- Devices that report rarely: silent later than the others, though cut off with them. Reporting until then, and not
-- heard since.
with quiet as (
    select d.id, h.region_id, d.gateway_id, coalesce(d.drill_id, 0) as drill, l.received_at as heard_at,
           d.interval_s * %(missed)s * interval '1 second' as before
    from device d join device_latest l on l.device_id = d.id join home h on h.id = d.home_id
    where d.id = any(%(devices)s::int[]) and d.state = 'in_service'
), open as (
    select id, kind, region_id, gateway_id, coalesce(drill_id, 0) as drill, began_at,
           began_at + %(window_s)s * interval '1 second' as until
    from incident where ended_at is null and kind in ('village_silent', 'gateway_silent')
), belongs as (
    select o.id as incident_id, q.id as device_id, q.heard_at
    from quiet q join open o on o.region_id = q.region_id and o.drill = q.drill
    where o.kind = 'village_silent' and q.heard_at between o.began_at - q.before and o.until
    union all
    select o.id, q.id, q.heard_at
    from quiet q join open o on o.gateway_id = q.gateway_id
    where o.kind = 'gateway_silent' and q.heard_at between o.began_at - q.before and o.until
)
insert into incident_device (incident_id, device_id, silent_since)
select min(incident_id), device_id, heard_at from belongs group by device_id, heard_at
on conflict (incident_id, device_id) do nothing
returning incident_id

-- name: recount_homes
update incident i set homes = n.homes, of_homes = greatest(i.of_homes, n.homes)
from (select x.incident_id, count(distinct d.home_id) as homes
      from incident_device x join device d on d.id = x.device_id
      where x.incident_id = any(%s::bigint[]) group by x.incident_id) n
where i.id = n.incident_id and i.homes < n.homes

-- name: note_devices_heard
-- When each device of an incident of silence was heard again; for a day after its end also.
update incident_device x set back_at = l.received_at
from incident i, device_latest l
where i.id = x.incident_id and l.device_id = x.device_id and x.back_at is null
  and i.kind in ('village_silent', 'gateway_silent')
  and (i.ended_at is null or i.ended_at > %(now)s - interval '1 day')
  and l.received_at > i.recorded_at

-- name: silences_under_way
-- Open incidents of silence, with how many of their homes have been heard since they were recorded.
select i.id, i.kind, i.region_id, r.name, i.subject, i.drill, i.homes, i.homes_back, i.back_at,
       count(distinct d.home_id) filter (where x.back_at is not null)
from incident i
join region r on r.id = i.region_id
join incident_device x on x.incident_id = i.id
join device d on d.id = x.device_id
where i.ended_at is null and i.kind in ('village_silent', 'gateway_silent')
group by i.id, r.name
order by i.id

-- name: note_homes_back
update incident set homes_back = %s, back_at = %s where id = %s

-- name: end_incident
update incident set ended_at = %s where id = %s and ended_at is null returning id

-- name: release_inhibited
-- The incident is over, and not only since a moment; what is silent still is a matter of its own now.
update alarm a set suppression = 'none'
from incident i
where i.id = a.incident_id and i.ended_at <= %(explained_since)s
  and a.suppression = 'inhibited' and a.closed_at is null
returning a.id, a.device_id, a.rule, a.raised_at

-- name: dark_villages
-- Open incidents of villages, and those that an open incident of an area counts: each with its county (without one: the
-- top of the tree above it) and the region next above it.
with recursive up as (
    select i.id as incident_id, r.id, r.parent_id, r.level, r.name, 0 as steps
    from incident i join region r on r.id = i.region_id
    where i.kind = 'village_silent' and i.drill_id is null
      and (i.ended_at is null or exists (select 1 from incident area where area.id = i.part_of_id
                                         and area.kind = 'area_silent' and area.ended_at is null))
    union all
    select up.incident_id, r.id, r.parent_id, r.level, r.name, up.steps + 1
    from up join region r on r.id = up.parent_id
    where up.level <> 'county'
)
select distinct on (i.id) up.id, up.name, case when p.id = up.id then '' else p.name end,
       i.id, i.began_at, i.recorded_at, i.homes, i.of_homes, i.homes_back, i.cause, i.ended_at, i.part_of_id
from up
join incident i on i.id = up.incident_id
join region v on v.id = i.region_id
join region p on p.id = v.parent_id
where up.steps > 0
order by i.id, up.steps desc

-- name: open_areas
select region_id, id, recorded_at, told_at, told_homes from incident where kind = 'area_silent' and ended_at is null

-- name: join_area
update incident set part_of_id = %s where id = any(%s::bigint[]) and part_of_id is null

-- name: note_area
update incident set homes = %(homes)s, of_homes = %(of_homes)s, homes_back = %(back)s, cause = %(cause)s, hint = %(hint)s
where id = %(incident)s and (homes, of_homes, homes_back, cause)
      is distinct from (%(homes)s::integer, %(of_homes)s::integer, %(back)s::integer, %(cause)s::text)

-- name: note_told
-- Once, whoever of several processes is first.
update incident set told_at = %(now)s, told_homes = %(homes)s
where id = %(incident)s and ended_at is null and told_homes < %(homes)s
returning id

-- name: take_over_devices
-- The larger incident counts the devices of those that it has absorbed.
with taken as (
    insert into incident_device (incident_id, device_id, silent_since)
    select %(incident)s, device_id, min(silent_since) from incident_device
    where incident_id = any(%(absorbed)s::bigint[]) and back_at is null group by device_id
    on conflict (incident_id, device_id) do nothing
)
select device_id from incident_device where incident_id = any(%(absorbed)s::bigint[]) and back_at is null
