-- name: one_drill_at_a_time
-- Two that start at once would both find a home free.
lock table drill in share row exclusive mode

-- name: homes_for_drill
-- The homes of these codes that there are, and the drill that each is in already.
select h.code, r.code, r.name, h.building_class, h.area_m2, h.vacant,
       array(select distinct d.type from device d
             where d.home_id = h.id and d.drill_id is null and d.type <> 'gateway' and d.state <> 'retired' order by 1),
       running.id, running.name
from home h
join region r on r.id = h.region_id
left join lateral (
    select i.id, i.name from drill i join device d on d.drill_id = i.id
    where d.home_id = h.id and i.ended_at is null limit 1
) running on true
where h.code = any(%s)
order by h.code

-- name: devices_for_drill
-- What is to get a twin: what these homes have in service, but for gateways.
select d.uid, d.type, d.model, h.code, d.interval_s
from device d join home h on h.id = d.home_id
where h.code = any(%s) and d.drill_id is null and d.state = 'in_service' and d.type <> 'gateway'
order by h.code, d.uid

-- name: insert_drill
insert into drill (name, scenario, homes, started_by, started_at, ends_at)
values (%s, %s, %s, %s, %s, %s)
returning id

-- name: insert_drill_gateway
-- Publishes for all twins of its drill; stands in no home, because it is in none.
insert into device (uid, type, interval_s, drill_id) values (%s, 'gateway', %s, %s) returning id

-- name: insert_twins
insert into device (uid, type, model, home_id, gateway_id, interval_s, drill_id)
select t.uid, t.type, t.model, h.id, %(gateway)s, t.interval_s, %(drill)s
from unnest(%(uids)s::text[], %(types)s::text[], %(models)s::text[], %(homes)s::text[], %(intervals)s::integer[])
     as t (uid, type, model, home, interval_s)
join home h on h.code = t.home

-- name: drill_to_end
-- Whoever ends it holds its row, so that it is ended once.
select ended_at from drill where id = %s and not canary for update

-- name: overdue_drills
-- Whose time is over; and those that have ended, but had something raised by a process that did not know it yet.
select id from drill where ended_at is null and ends_at <= %s
union
select r.id from alarm a join device d on d.id = a.device_id join drill r on r.id = d.drill_id
where a.drill and a.closed_at is null and r.ended_at is not null
union
select r.id from incident i join drill r on r.id = i.drill_id where i.ended_at is null and r.ended_at is not null
order by 1

-- name: note_drill_end
update drill set ended_at = %(now)s where id = %(drill)s and ended_at is null

-- name: lock_twins
-- As the engine does before it judges a device, and in the same order.
select pg_advisory_xact_lock(1, id)
from (select id from device where drill_id = %(drill)s order by id) as ordered

-- name: retire_twins
update device set state = 'retired'
where drill_id = %(drill)s and state <> 'retired'

-- name: forget_drill_login
delete from device_credential c using device d
where d.uid = c.uid and d.drill_id = %(drill)s

-- name: supersede_drill_messages
-- What a carrier has not taken yet is not news any more, and nobody is told that something is over which never was.
update notification n set state = 'superseded', reason = %(reason)s, ended_at = %(now)s
where n.state = 'pending' and n.ended_at is null and n.drill
  and (n.alarm_id in (select a.id from alarm a join device d on d.id = a.device_id where d.drill_id = %(drill)s)
       or n.incident_id in (select id from incident where drill_id = %(drill)s))

-- name: drop_pending_drill_alarms
-- They never became alarms.
delete from alarm a using device d
where d.id = a.device_id and d.drill_id = %(drill)s and a.closed_at is null and a.condition = 'pending'
 

-- name: close_drill_alarms
update alarm a
set condition = 'normal', reason = %(reason)s, cleared_at = coalesce(a.cleared_at, %(now)s), closed_at = %(now)s,
    recovering_since = null, deadline = null
from device d
where d.id = a.device_id and d.drill_id = %(drill)s and a.closed_at is null

-- name: end_drill_incidents
update incident set ended_at = %(now)s where drill_id = %(drill)s and ended_at is null

-- name: list_drills
select r.id, r.name, r.scenario, r.homes, r.started_by, r.started_at, r.ends_at, r.ended_at,
       (select count(*) from alarm a join device d on d.id = a.device_id
        where d.drill_id = r.id and a.condition <> 'pending'),
       (select count(*) from notification n where n.drill and n.accepted_at is not null
          and (n.alarm_id in (select a.id from alarm a join device d on d.id = a.device_id where d.drill_id = r.id)
               or n.incident_id in (select id from incident where drill_id = r.id)))
from drill r
where not r.canary
order by r.ended_at is not null, r.started_at desc, r.id desc
limit %s
