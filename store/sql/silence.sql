-- name: count_ever_heard
-- Tells whether somebody was heard for the first time; from the index alone, 15 ms for a city.
select count(*) from device_latest

-- name: heard_of_all
-- When each device in service was last heard. All of them: asked for rarely (alerts/overdue.py).
select d.id, d.interval_s, extract(epoch from l.received_at)::float8
from device d join device_latest l on l.device_id = d.id
where d.state = 'in_service'

-- name: heard_of_some
-- The same of these; whether an alarm or an incident has recorded already that they are silent; and whether nothing
-- explains it: no open incident, no alarm of their own but one that an incident explained.
-- Subqueries in the list are hashed whatever the statistics say; joined, a new blackout took 7 s.
select l.device_id, extract(epoch from l.received_at)::float8,
       l.device_id in (select device_id from alarm where closed_at is null and rule = any(%(silence_rules)s))
       or l.device_id in (select x.device_id from incident_device x join incident i on i.id = x.incident_id
                          where i.kind in ('village_silent', 'gateway_silent') and i.ended_at is null),
       l.device_id not in (select device_id from alarm
                           where closed_at is null and rule = any(%(silence_rules)s) and suppression <> 'inhibited')
       and l.device_id not in (select x.device_id from incident_device x join incident i on i.id = x.incident_id
                               where i.kind in ('village_silent', 'gateway_silent') and i.ended_at is null)
from device_latest l
where l.device_id = any(%(devices)s::int[])

-- name: newly_silent
-- Of these devices those of a silence rule's types that have not been heard for its time and have no such alarm yet.
-- Nobody counts as silent for the time in which nobody listened. An incident explains the silence also for a while
-- after its end: not everybody is back in the same moment.
select d.id, greatest(l.received_at, %(hearing_since)s),
       (select max(i.id) from incident_device x join incident i on i.id = x.incident_id
        where x.device_id = d.id and i.kind in ('village_silent', 'gateway_silent')
          and (i.ended_at is null or i.ended_at > %(explained_since)s))
from device d
join device_latest l on l.device_id = d.id
where d.id = any(%(devices)s::int[]) and d.state = 'in_service' and d.type = any(%(types)s)
  and greatest(l.received_at, %(hearing_since)s)
      < %(now)s - greatest(d.interval_s * %(intervals)s, %(at_least_s)s) * interval '1 second'
  and not exists (select 1 from alarm a where a.device_id = d.id and a.rule = %(rule)s and a.closed_at is null)
order by d.id
limit 5000

-- name: raise_silence
insert into alarm (device_id, rule, pack, priority, latching, reason, recorded_at, condition, since, last_ts,
                   last_value, peak_value, raised_at, suppression, incident_id, stands_at)
values (%s, %s, %s, %s, %s, 'silent', %s, 'active', %s, %s, null, null, %s, %s, %s, %s)
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
