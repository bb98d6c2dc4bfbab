-- name: give_code
select code, alone from give_code(%(contact)s, %(alarm)s, %(incident)s, %(now)s)

-- name: meant_by_code
-- What a number means by a code, and since when.
select s.alarm_id, s.incident_id, s.given_at
from short_code s
where s.code = %(code)s and s.number in (select number_of(c) from contact c where c.id = any(%(contacts)s))

-- name: newest_told
-- The newest that these contacts were told of before they answered, and that can be answered still. Not what they have
-- answered so since: who has it and says "1" again means the next one, also where another person had it first.
with told as (
    select n.alarm_id, null::bigint as incident_id, max(n.accepted_at) as at
    from alarm a join notification n on n.alarm_id = a.id
    where a.closed_at is null and a.condition <> 'pending'
      and n.contact_id = any(%(contacts)s) and n.kind = any(%(kinds)s) and n.accepted_at <= %(before)s
    group by n.alarm_id
    union all
    select null, n.incident_id, max(n.accepted_at)
    from incident i join notification n on n.incident_id = i.id
    where i.ended_at is null
      and n.contact_id = any(%(contacts)s) and n.kind = any(%(kinds)s) and n.accepted_at <= %(before)s
    group by n.incident_id
)
select t.alarm_id, t.incident_id from told t
where not exists (
    select 1 from answer r
    where r.contact_id = any(%(contacts)s) and r.verb = any(%(answered)s) and r.received_at >= t.at
      and (r.alarm_id = t.alarm_id or r.incident_id = t.incident_id)
)
order by t.at desc, t.alarm_id desc nulls last
limit 1

-- name: who_was_told
-- Of several contacts with one number the one who was told of it, and by which message.
select c.id, c.name, n.id
from notification n join contact c on c.id = n.contact_id
where n.contact_id = any(%(contacts)s) and (n.alarm_id = %(alarm)s or n.incident_id = %(incident)s)
order by n.accepted_at desc nulls last, n.id desc
limit 1

-- name: message_answered
-- What a message was about and who has it.
select n.id, n.alarm_id, n.incident_id, c.id, c.name
from notification n join contact c on c.id = n.contact_id
where n.idempotency_key = %(key)s or n.id = %(id)s

-- name: lock_answer
-- The same callback twice at once: the second one waits, and finds the first.
select pg_advisory_xact_lock(2, hashtext(%s))

-- name: answer_before
select outcome from answer where name = %s

-- name: insert_answer
insert into answer (name, alarm_id, incident_id, notification_id, contact_id, who, verb, how, content, at, received_at,
                    outcome)
values (%(name)s, %(alarm)s, %(incident)s, %(notification)s, %(contact)s, %(who)s, %(verb)s, %(how)s, %(content)s, %(at)s,
        %(now)s, %(outcome)s)

-- name: mark_false_alarm
update alarm set false_alarm_at = %s, false_alarm_by = %s where id = %s and false_alarm_at is null

-- name: ask_for_help
update alarm set help_asked_at = %s, help_asked_by = %s where id = %s and condition <> 'pending' returning id

-- name: incident_for_answer
select acknowledged_at is not null, ended_at is not null from incident where id = %s for update

-- name: acknowledge_incident
update incident set acknowledged_at = %s, acknowledged_by = %s, acknowledged_how = %s where id = %s

-- name: mark_incident_false
update incident set false_alarm_at = %s, false_alarm_by = %s where id = %s and false_alarm_at is null

-- name: ask_for_help_with_incident
update incident set help_asked_at = %s, help_asked_by = %s where id = %s returning id

-- name: stir_escalation
select pg_notify('nuanshao_escalation', '')

-- name: answer_page
-- What the page of a message shows: what it told, and how that stands now.
select n.kind, n.params, n.language, n.drill, n.idempotency_key as key, a.rule, a.condition, coalesce(a.stale, false) as stale,
       (select c.name from contact c where c.id = n.contact_id) as reader,
       n.incident_id, coalesce(a.closed_at, i.ended_at) is not null as over,
       coalesce(a.acknowledged_at, i.acknowledged_at) as acknowledged_at,
       coalesce(a.acknowledged_by, i.acknowledged_by) as acknowledged_by,
       coalesce(a.false_alarm_at, i.false_alarm_at) as false_alarm_at,
       coalesce(a.false_alarm_by, i.false_alarm_by) as false_alarm_by,
       coalesce(a.help_asked_at, i.help_asked_at) as help_asked_at,
       coalesce(a.help_asked_by, i.help_asked_by) as help_asked_by
from notification n
left join alarm a on a.id = n.alarm_id
left join incident i on i.id = n.incident_id
where n.id = %s and (n.alarm_id is not null or n.incident_id is not null)
