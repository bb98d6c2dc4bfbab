-- name: devices_page
select d.uid, d.type, d.model, d.state, d.interval_s, h.code as home, r.name as village, r.code as village_code,
       l.received_at as last_seen_at, d.drill_id is not null as drill
from device d
left join home h on h.id = d.home_id
left join region r on r.id = h.region_id
left join device_latest l on l.device_id = d.id
where d.uid > %(after)s
  and (%(village)s::text is null or r.code = %(village)s)
  and (%(home)s::text is null or h.code = %(home)s)
  and (%(type)s::text is null or d.type = %(type)s)
  and (%(drill)s::boolean is null or (d.drill_id is not null) = %(drill)s)
order by d.uid
limit %(limit)s

-- name: device_latest_reading
select d.uid, d.type, reading_flags(l.flags) as flag_names, l.*
from device d join device_latest l on l.device_id = d.id
where d.uid = %s

-- name: device_exists
select 1 from device where uid = %s

-- name: list_alarms
select a.id, a.rule, a.detail, a.pack, a.stands_at, a.priority, a.condition, a.stale, a.late, a.suppression,
       a.suppression_reason, a.suppressed_until, a.incident_id as incident,
       d.uid as device, d.type as device_type, h.code as home, r.name as village, a.raised_at, a.recorded_at,
       a.cleared_at, a.closed_at, a.last_value, a.peak_value, a.reason, a.acknowledged_at, a.acknowledged_by,
       a.false_alarm_at, a.false_alarm_by, a.help_asked_at, a.help_asked_by, a.drill
from alarm a
join device d on d.id = a.device_id
left join home h on h.id = d.home_id
left join region r on r.id = h.region_id
where a.condition <> 'pending'
  and (%(everything)s or a.closed_at is null)
  and (%(everything)s or %(suppressed)s or a.suppression = 'none')
  and (%(village)s::text is null or r.code = %(village)s)
  and (%(drill)s::boolean is null or a.drill = %(drill)s)
order by a.drill, a.closed_at is not null, array_position(array['critical', 'high', 'medium', 'low'], a.priority), a.raised_at desc
limit %(limit)s

-- name: list_incidents
-- Or one, by its id; or those that are part of another one.
select i.id, i.kind, r.name as village, i.subject, i.began_at, i.recorded_at, i.ended_at, i.told_at, i.homes, i.of_homes,
       i.homes_back, i.cause, i.hint, i.part_of_id as part_of, i.acknowledged_at, i.acknowledged_by, i.false_alarm_at,
       i.false_alarm_by, i.help_asked_at, i.help_asked_by, i.drill
from incident i join region r on r.id = i.region_id
where (%(everything)s or i.ended_at is null)
  and (%(drill)s::boolean is null or i.drill = %(drill)s)
  and (%(incident)s::bigint is null or i.id = %(incident)s)
  and (%(part_of)s::bigint is null or i.part_of_id = %(part_of)s)
order by i.recorded_at desc, i.id desc limit 1000

-- name: devices_of_incident
-- Of an area those of its villages.
select h.code as home, h.address, r.name as village, coalesce(h.vulnerable, false) as vulnerable, d.uid, d.type,
       x.silent_since, x.back_at
from incident_device x
join incident i on i.id = x.incident_id
join device d on d.id = x.device_id
left join home h on h.id = d.home_id
left join region r on r.id = h.region_id
where i.id = %(incident)s or i.part_of_id = %(incident)s and i.kind = 'village_silent'
order by r.code, h.code, d.uid

-- name: list_notifications
select n.id, n.alarm_id as alarm, n.incident_id as incident, n.kind, c.name as to, coalesce(c.phone, '') as phone, n.way, n.channel, n.body as text,
       n.state, n.reason, n.attempts, n.created_at, n.accepted_at, n.ended_at, n.drill
from notification n join contact c on c.id = n.contact_id
where %(drill)s::boolean is null or n.drill = %(drill)s
order by n.id desc limit %(limit)s
