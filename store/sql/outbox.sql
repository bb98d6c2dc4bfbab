-- name: claim_notifications
-- Takes what is due, the critical first and drills last, for a while: a courier that is killed loses its claim, not the
-- message.
-- Says in which state it was found: one found `sending` may have been sent by a courier that did not live to say so.
with due as (
    select id, state as found
    from notification
    where ended_at is null and next_attempt_at <= %(now)s
    order by drill, template, id
    limit %(most)s
    for update skip locked
)
update notification n
set state = case when due.found = 'accepted' then 'accepted' else 'sending' end,
    next_attempt_at = %(now)s + %(lease_s)s * interval '1 second'
from due join notification as old on old.id = due.id
where n.id = due.id
returning n.id, due.found, n.attempts, n.template, n.params, n.idempotency_key, n.created_at, n.accepted_at,
          (select c.phone from contact c where c.id = n.contact_id)

-- name: begin_attempt
update notification set attempts = attempts + 1 where id = %s

-- name: cause_of
-- Whether what a message tells still holds. Of a drill also: whether it has ended, whether something real is wrong in the
-- home (a device that is only silent may have been so for weeks), and how much its reader has heard of drills in a day.
-- Of the canary: how far it is to go.
select n.kind, a.condition, a.latching, a.priority, a.acknowledged_at is not null, a.closed_at is not null,
       i.ended_at is not null,
       exists (select 1 from notification t
               where t.contact_id = n.contact_id and t.id <> n.id and t.accepted_at is not null
                 and ((t.alarm_id = n.alarm_id and t.kind in ('raised', 'escalation', 'flapping'))
                      or (t.incident_id = n.incident_id and t.kind = 'incident'))),
       exists (select 1 from notification t
               where t.contact_id = n.contact_id and t.id < n.id and t.ended_at is null and t.accepted_at is null
                 and (t.alarm_id = n.alarm_id or t.incident_id = n.incident_id)),
       coalesce(r.ended_at is not null, false),
       n.drill and exists (
           select 1 from alarm real join device x on x.id = real.device_id
           where not real.drill and real.closed_at is null and real.condition <> 'pending'
             and real.priority in ('critical', 'high') and real.suppression = 'none' and real.reason <> 'silent'
             and x.home_id = d.home_id),
       case when n.drill and not coalesce(r.canary, false) then (
           select count(*) from notification t join contact c on c.id = t.contact_id
           where t.drill and t.accepted_at > %(a_day_ago)s
             and c.phone = (select phone from contact where id = n.contact_id)) else 0 end,
       case when r.canary then coalesce((select reach from canary_run where ended_at is null), 'account') else '' end,
       case when a.suppression in ('none', 'inhibited') then '' else coalesce(a.suppression_reason, '') end
from notification n
left join alarm a on a.id = n.alarm_id
left join incident i on i.id = n.incident_id
left join device d on d.id = a.device_id
left join drill r on r.id = coalesce(d.drill_id, i.drill_id)
where n.id = %(id)s

-- name: note_accepted
update notification
set state = 'accepted', reason = '', carrier_id = %s, channel = %s, accepted_at = coalesce(accepted_at, %s), next_attempt_at = %s
where id = %s and ended_at is null

-- name: note_retry
update notification set state = %s, reason = %s, next_attempt_at = %s where id = %s and ended_at is null

-- name: note_end
update notification set state = %s, reason = %s, ended_at = %s where id = %s and ended_at is null

-- name: receipt_delivered
update notification
set state = 'delivered', reason = %s, ended_at = %s, accepted_at = coalesce(accepted_at, %s)
where (idempotency_key = %s or carrier_id = %s) and ended_at is null

-- name: contacts_with_phone
-- The last eleven digits are the subscriber; carriers write the country in front or not.
select id, name from contact
where right(regexp_replace(phone, '\D', '', 'g'), 11) = right(regexp_replace(%s, '\D', '', 'g'), 11)

-- name: receipt_failed
-- Not delivered: tried again a few times, then over.
update notification
set state = case when attempts < %(most)s then 'pending' else 'failed' end,
    ended_at = case when attempts < %(most)s then null else %(now)s end,
    next_attempt_at = %(retry_at)s, reason = %(reason)s
where (idempotency_key = %(key)s or carrier_id = %(carrier_id)s) and ended_at is null and state <> 'pending'
