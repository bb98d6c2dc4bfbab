-- name: score_alarms
-- What was raised in a run, on its devices (null: on all), outside drills or in one of them. `until` lies a little
-- after the end, for alarms that belong to what was injected last.
select a.id, a.rule, d.uid, h.code, r.code, coalesce(a.raised_at, a.recorded_at), a.recorded_at, a.cleared_at,
       a.suppression = 'inhibited'
from alarm a
join device d on d.id = a.device_id
left join home h on h.id = d.home_id
left join region r on r.id = h.region_id
where a.condition <> 'pending' and a.recorded_at < %(until)s
  and (a.recorded_at >= %(since)s or a.raised_at >= %(since)s)
  and d.drill_id is not distinct from %(drill)s::integer
  and (%(devices)s::text[] is null or d.uid = any(%(devices)s))
order by a.id

-- name: score_incidents
select i.id, i.kind, r.code, i.recorded_at
from incident i join region r on r.id = i.region_id
where i.recorded_at >= %(since)s and i.recorded_at < %(until)s and i.drill_id is not distinct from %(drill)s::integer
  and (%(devices)s::text[] is null or exists (
      select 1 from incident_device x join device d on d.id = x.device_id
      where x.incident_id = i.id and d.uid = any(%(devices)s)))
order by i.id

-- name: score_messages
-- About these alarms and incidents.
select alarm_id, incident_id, kind, contact_id, created_at, accepted_at
from notification
where alarm_id = any(%(alarms)s) or incident_id = any(%(incidents)s)
order by id

-- name: score_devices
-- How many devices were heard in the run.
select count(*)
from device d join device_latest l on l.device_id = d.id
where l.received_at >= %(since)s and d.drill_id is not distinct from %(drill)s::integer
  and (%(devices)s::text[] is null or d.uid = any(%(devices)s))

-- name: score_under_way
-- Messages that no carrier has taken and that have not ended; alarms whose time has come and that nobody has judged
-- yet; readings that ingest has in its hands.
select (select count(*) from notification
        where ended_at is null and accepted_at is null and created_at >= %(since)s and drill = %(drill)s),
       (select count(*) from alarm
        where deadline <= %(now)s and closed_at is null and last_ts >= %(since)s and drill = %(drill)s),
       (select coalesce(sum(waiting), 0) from worker where kind = 'ingest' and heartbeat_at > %(heartbeat_after)s)
