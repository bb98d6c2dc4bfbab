-- name: newly_silent
-- Devices of a silence rule's types that have not been heard for its time and have no such alarm yet.
-- Nobody counts as silent for the time in which nobody listened.
select d.id, greatest(l.received_at, %(hearing_since)s), i.id
from device d
join device_latest l on l.device_id = d.id
left join incident_device x on x.device_id = d.id
     and exists (select 1 from incident open where open.id = x.incident_id and open.ended_at is null)
left join incident i on i.id = x.incident_id
where d.state = 'in_service' and d.type = any(%(types)s)
  and greatest(l.received_at, %(hearing_since)s)
      < %(now)s - greatest(d.interval_s * %(intervals)s, %(at_least_s)s) * interval '1 second'
  and not exists (select 1 from alarm a where a.device_id = d.id and a.rule = %(rule)s and a.closed_at is null)
order by d.id
limit 5000

-- name: raise_silence
insert into alarm (device_id, rule, pack, priority, latching, reason, recorded_at, condition, since, last_ts,
                   last_value, peak_value, raised_at, suppression, incident_id)
values (%s, %s, %s, %s, %s, 'silent', %s, 'active', %s, %s, null, null, %s, %s, %s)
on conflict (device_id, rule) where closed_at is null do nothing
returning id

-- name: heard_again
-- Open silence alarms whose device has been heard since.
select a.id, a.device_id, a.rule, l.received_at, a.suppression
from alarm a join device_latest l on l.device_id = a.device_id
where a.closed_at is null and a.rule = any(%s) and l.received_at > a.last_ts + interval '1 second'
order by a.id for update of a skip locked limit 5000

-- name: clear_silence
update alarm
set condition = 'normal', reason = 'heard_again', cleared_at = %(heard_at)s,
    closed_at = case when latching and acknowledged_at is null then null else %(now)s end
where id = %(alarm)s

-- name: mark_stale
-- Silence never clears an alarm: it makes what we know of it old.
update alarm a set stale = true
from device d join device_latest l on l.device_id = d.id
where d.id = a.device_id and a.closed_at is null and not a.stale and a.condition in ('active', 'recovering')
  and not (a.rule = any(%(silence_rules)s))
  and greatest(l.received_at, %(hearing_since)s) < %(now)s - d.interval_s * 3 * interval '1 second'

-- name: villages_with_silence
-- Villages without an open incident in which at least five devices have missed three readings. A drill's devices are
-- counted by themselves: neither can they darken a village, nor can its real devices keep their village alight.
select h.region_id, d.drill_id, r.name
from device d
join device_latest l on l.device_id = d.id
join home h on h.id = d.home_id
join region r on r.id = h.region_id
where d.state = 'in_service'
  and greatest(l.received_at, %(hearing_since)s) < %(now)s - d.interval_s * 3 * interval '1 second'
  and l.received_at > %(now)s - interval '1 day'
  and not exists (select 1 from alarm a where a.device_id = d.id and a.rule = any(%(silence_rules)s)
                  and a.suppression <> 'inhibited' and a.closed_at is null)
  and not exists (select 1 from incident i where i.region_id = h.region_id and i.ended_at is null
                  and coalesce(i.drill_id, 0) = coalesce(d.drill_id, 0))
group by h.region_id, d.drill_id, r.name
having count(*) >= 5

-- name: heard_in_villages
-- Without those whose silence is known already, or is older than a day: it has another cause.
select h.region_id, d.drill_id, d.id, h.id, greatest(l.received_at, %(hearing_since)s), d.interval_s
from device d join device_latest l on l.device_id = d.id join home h on h.id = d.home_id
where h.region_id = any(%(regions)s) and d.state = 'in_service'
  and l.received_at > %(now)s - interval '1 day'
  and not exists (select 1 from alarm a where a.device_id = d.id and a.rule = any(%(silence_rules)s)
                  and a.suppression <> 'inhibited' and a.closed_at is null)

-- name: open_incident
insert into incident (kind, region_id, drill_id, began_at, recorded_at, homes, of_homes)
values ('village_silent', %s, %s, %s, %s, %s, %s)
on conflict (kind, region_id, coalesce(drill_id, 0)) where ended_at is null do nothing
returning id

-- name: add_incident_devices
insert into incident_device (incident_id, device_id) select %s, unnest(%s::int[])

-- name: inhibit_silence
-- Single silence alarms that this incident explains, raised before it was recognised.
update alarm set suppression = 'inhibited', incident_id = %(incident)s
where closed_at is null and suppression = 'none' and rule = any(%(silence_rules)s) and device_id = any(%(devices)s)

-- name: incidents_under_way
-- Open incidents, with how many of their homes have been heard since they began.
select i.id, i.region_id, r.name, i.drill, i.homes, i.homes_back, i.back_at,
       count(distinct d.home_id) filter (where l.received_at > i.recorded_at)
from incident i
join region r on r.id = i.region_id
join incident_device x on x.incident_id = i.id
join device d on d.id = x.device_id
left join device_latest l on l.device_id = d.id
where i.ended_at is null
group by i.id, r.name

-- name: note_homes_back
update incident set homes_back = %s, back_at = %s where id = %s

-- name: end_incident
update incident set ended_at = %s where id = %s and ended_at is null returning id

-- name: release_inhibited
-- The incident is over; what is silent still is a matter of its own now.
update alarm set suppression = 'none'
where incident_id = %s and suppression = 'inhibited' and closed_at is null
returning id, device_id, rule, raised_at
