-- name: begin_escalation
-- Told for the first time, or raised once more: from the first step on.
insert into escalation as held (alarm_id, incident_id, plan, began_at, told_at, next_at, reason)
values (%(alarm)s, %(incident)s, %(plan)s, %(now)s, %(now)s, %(next_at)s, 'told')
on conflict (alarm_id) do update
set plan = excluded.plan, step = 0, round = held.round + 1, began_at = excluded.began_at, told_at = excluded.told_at,
    next_at = excluded.next_at, reason = 'told_again'

-- name: begin_escalation_of_incident
insert into escalation (incident_id, plan, began_at, told_at, next_at, reason)
values (%(incident)s, %(plan)s, %(now)s, %(now)s, %(next_at)s, 'told')
on conflict (incident_id) do nothing

-- name: due_escalations
-- The most urgent first.
select e.id, e.alarm_id, e.incident_id
from escalation e left join alarm a on a.id = e.alarm_id
where e.next_at <= %(now)s
order by case a.priority when 'critical' then 0 else 1 end, e.next_at
limit %(most)s

-- name: lock_alarm_to_escalate
-- Before its escalation, as whoever answers does: in the other order the two could wait for each other.
select 1 from alarm where id = %(of)s for update skip locked

-- name: lock_incident_to_escalate
select 1 from incident where id = %(of)s for update skip locked

-- name: lock_escalation
-- Unless another process has looked at it meanwhile.
select plan, step, round, began_at, told_at, help_met_at from escalation
where id = %(id)s and next_at <= %(now)s for update

-- name: escalating_alarm
select a.condition, a.closed_at is not null, a.suppression <> 'none', a.acknowledged_at, a.help_asked_at,
       not exists (select 1 from notification n where n.alarm_id = a.id and n.step = %(step)s and n.round = %(round)s
                   and n.kind in ('raised', 'escalation')
                   and not (n.ended_at is not null and n.state in ('failed', 'superseded') and n.reason <> 'in_digest'))
       and exists (select 1 from notification n where n.alarm_id = a.id and n.state = 'failed'
                   and n.step = %(step)s and n.round = %(round)s and n.kind in ('raised', 'escalation')),
       coalesce(a.acknowledged_by, ''), coalesce(a.help_asked_by, ''), {columns}
from alarm a where a.id = %(alarm)s

-- name: escalating_incident
select i.ended_at is not null, i.acknowledged_at, i.help_asked_at, i.region_id, i.cause, i.drill,
       (select jsonb_object_agg(n.language, n.params) from notification n
        where n.incident_id = i.id and n.kind = 'incident' and n.way <> 'voice')
from incident i where i.id = %(incident)s

-- name: note_climbed
update escalation
set step = %(step)s, round = %(round)s, began_at = %(began_at)s, told_at = %(told_at)s, next_at = %(next_at)s,
    reason = %(reason)s, help_met_at = %(help_met_at)s
where id = %(id)s

-- name: note_rests
update escalation set next_at = %(next_at)s, reason = %(reason)s where id = %(id)s

-- name: open_again
-- Somebody has had it, and it is dangerous still.
update alarm set acknowledged_at = null, acknowledged_by = null, acknowledged_how = null where id = %(alarm)s

-- name: escalations_late
-- How many are due for longer than they should be, and since when; those of drills may be.
select count(*), min(e.next_at)
from escalation e left join alarm a on a.id = e.alarm_id left join incident i on i.id = e.incident_id
where e.next_at < %(before)s and not coalesce(a.drill, i.drill, false)

-- name: top_region
select id, name from region where parent_id is null order by id limit 1

-- name: end_escalation_late
update incident i set ended_at = %(now)s, homes_back = homes, back_at = %(now)s
from region r
where i.kind = 'escalation_late' and i.ended_at is null and r.id = i.region_id
returning i.id, r.id, r.name

-- name: trace_of_alarm
select t.at, t.what, t.detail, coalesce(c.name, '') as to, coalesce(c.role, '') as role, t.notification_id as message
from duty_trace t left join contact c on c.id = t.contact_id
where t.alarm_id = %(alarm)s order by t.id

-- name: trace_of_incident
select t.at, t.what, t.detail, coalesce(c.name, '') as to, coalesce(c.role, '') as role, t.notification_id as message
from duty_trace t left join contact c on c.id = t.contact_id
where t.incident_id = %(incident)s order by t.id
