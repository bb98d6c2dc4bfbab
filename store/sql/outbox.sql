-- name: claim_notifications
-- Takes what is due, the critical first and drills last, for a while: a courier that is killed loses its claim, not the
-- message.
-- Says in which state it was found: one found `sending` may have been sent by a courier that did not live to say so.
-- Receipts that did not come are asked for with the places that are left, and always with a few.
with to_send as (
    select id, state as found
    from notification
    where state in ('pending', 'sending') and held_for is null and next_attempt_at <= %(now)s
      and (template = 'critical' or not %(critical_only)s)
    order by drill, template, id
    limit %(most)s
    for update skip locked
), to_ask as (
    select id, state as found
    from notification
    where state = 'accepted' and next_attempt_at <= %(now)s and (template = 'critical' or not %(critical_only)s)
    order by next_attempt_at
    limit greatest(%(most)s - (select count(*) from to_send), 4)
    for update skip locked
), due as (
    select * from to_send union all select * from to_ask
)
update notification n
set state = case when due.found = 'accepted' then 'accepted' else 'sending' end,
    next_attempt_at = %(now)s + %(lease_s)s * interval '1 second'
from due join notification as old on old.id = due.id join contact c on c.id = old.contact_id
where n.id = due.id
returning n.id, due.found, n.attempts, n.way, n.template, n.language, n.params, n.body, n.idempotency_key, n.created_at,
          n.accepted_at, n.kind, coalesce(n.carrier_id, ''),
          case n.way when 'wecom' then c.wecom_id when 'wechat' then c.wechat_id when 'email' then c.email
                     when 'wecom_robot' then c.endpoint when 'webhook' then c.endpoint else c.phone end

-- name: begin_attempts
update notification set attempts = attempts + 1 where id = any(%s)

-- name: causes_of
-- Whether what messages tell still holds, and what their readers have had. Of a drill also: whether it has ended, whether
-- something real is wrong in the home (a device that is only silent may have been so for weeks), and how much its reader
-- has heard of drills in a day. Of the canary: how far it is to go. What is just being sent counts with the budget of
-- those behind it.
select n.id, n.contact_id, n.kind, n.way, n.template, n.created_at, a.condition, a.latching, a.priority,
       coalesce(a.rule = any(%(life_safety)s), false) as life_safety,
       coalesce(a.acknowledged_at, i.acknowledged_at) is not null as acknowledged,
       a.closed_at is not null as closed, i.ended_at is not null as incident_over,
       exists (select 1 from notification t
               where t.contact_id = n.contact_id and t.id <> n.id and t.accepted_at is not null
                 and ((t.alarm_id = n.alarm_id and t.kind in ('raised', 'escalation', 'flapping'))
                      or (t.incident_id = n.incident_id and t.kind = 'incident'))) as first_told,
       exists (select 1 from notification t
               where t.contact_id = n.contact_id and t.id < n.id and t.ended_at is null and t.accepted_at is null
                 and (t.alarm_id = n.alarm_id or t.incident_id = n.incident_id)) as first_waiting,
       coalesce(r.ended_at is not null, false) as drill_over,
       n.drill and exists (
           select 1 from alarm real join device x on x.id = real.device_id
           where not real.drill and real.closed_at is null and real.condition <> 'pending'
             and real.priority in ('critical', 'high') and real.suppression = 'none' and real.reason <> 'silent'
             and x.home_id = d.home_id) as real_alarm,
       case when n.drill and not coalesce(r.canary, false) then (
           select count(*) from notification t
           where t.drill and t.accepted_at > %(a_day_ago)s and t.contact_id = any(reader.ids)) else 0 end as told_of_drills,
       case when r.canary then coalesce((select reach from canary_run where ended_at is null), 'account') else '' end
           as canary,
       case when a.suppression in ('none', 'inhibited') then '' else coalesce(a.suppression_reason, '') end as suppressed,
       had.hour + under_way.these as last_hour, had.day + under_way.these as last_day,
       case when n.template = 'routine' and n.attempts = 0 then (
           select count(*) from notification t
           where t.contact_id = n.contact_id and t.way = n.way and t.template = 'routine' and t.attempts = 0
             and t.ended_at is null and t.accepted_at is null
             and (t.state = 'sending' or t.held_for = 'grouped' or t.held_for is null and t.next_attempt_at <= %(now)s))
           else 1 end as waiting,
       (select max(t.created_at) from notification t
        where t.contact_id = n.contact_id and t.way = n.way and t.kind = 'digest') as last_digest_at
from notification n
join contact c on c.id = n.contact_id
left join alarm a on a.id = n.alarm_id
left join incident i on i.id = n.incident_id
left join device d on d.id = a.device_id
left join drill r on r.id = coalesce(d.drill_id, i.drill_id)
cross join lateral (
    -- a number counts as one reader, whosever contact it is: so do carriers
    select coalesce(array_agg(o.id), array[c.id]) as ids from contact o where o.phone_mark = c.phone_mark
) as reader
cross join lateral (
    select count(*) filter (where t.accepted_at > %(an_hour_ago)s) as hour, count(*) as day from notification t
    where t.contact_id = any(reader.ids) and t.way = n.way and t.template = n.template
      and t.accepted_at > %(a_day_ago)s
) as had
cross join lateral (
    select count(*) as these from notification t
    where t.state = 'sending' and t.attempts > 0 and t.id <> n.id
      and t.contact_id = any(reader.ids) and t.way = n.way and t.template = n.template
) as under_way
where n.id = any(%(ids)s)
order by n.drill, n.template, n.id

-- What has become of messages, a statement for all that ended alike: places are arrays, one element a message.

-- name: note_accepted
update notification n
set state = 'accepted', reason = '', carrier_id = became.carrier_id, channel = became.carrier,
    accepted_at = coalesce(n.accepted_at, %(now)s), next_attempt_at = became.check_at
from unnest(%(id)s::bigint[], %(carrier_id)s::text[], %(carrier)s::text[], %(check_at)s::timestamptz[])
     as became (id, carrier_id, carrier, check_at)
where n.id = became.id and n.ended_at is null

-- name: note_handed_over
-- Its carrier never says whether it has arrived: this is its end.
update notification n
set state = 'handed_over', reason = 'no_receipts_this_way', carrier_id = became.carrier_id, channel = became.carrier,
    accepted_at = coalesce(n.accepted_at, %(now)s), ended_at = %(now)s
from unnest(%(id)s::bigint[], %(carrier_id)s::text[], %(carrier)s::text[]) as became (id, carrier_id, carrier)
where n.id = became.id and n.ended_at is null

-- name: note_retry
update notification n
set state = became.state, reason = became.reason, next_attempt_at = became.at
from unnest(%(id)s::bigint[], %(state)s::text[], %(reason)s::text[], %(at)s::timestamptz[])
     as became (id, state, reason, at)
where n.id = became.id and n.ended_at is null

-- name: note_held
update notification n
set state = 'pending', reason = became.reason, held_for = became.reason, next_attempt_at = became.at
from unnest(%(id)s::bigint[], %(reason)s::text[], %(at)s::timestamptz[]) as became (id, reason, at)
where n.id = became.id and n.ended_at is null

-- name: note_end
-- What a carrier says it has delivered, it has taken too, though its answer was lost.
update notification n
set state = became.state, reason = became.reason, ended_at = %(now)s,
    accepted_at = case when became.state = 'delivered' then coalesce(n.accepted_at, %(now)s) else n.accepted_at end
from unnest(%(id)s::bigint[], %(state)s::text[], %(reason)s::text[]) as became (id, state, reason)
where n.id = became.id and n.ended_at is null

-- name: failed_message
-- A routine message, the open ways of its reader, and those in which the same was written already.
select n.alarm_id, n.incident_id, n.kind, n.contact_id, n.language, n.params, n.step, n.round, n.code,
       (select mark from deployment), n.idempotency_key, ways_of(c),
       (select array_agg(t.way) from notification t
        where t.contact_id = n.contact_id and t.kind = n.kind and t.step = n.step and t.round = n.round
          and (t.alarm_id = n.alarm_id or t.incident_id = n.incident_id))
from notification n join contact c on c.id = n.contact_id
where n.id = %(id)s and n.template = 'routine' and n.kind <> 'digest' and n.way <> 'voice'

-- name: climb_if_nobody_knows
-- A message of an alarm has failed for good: the escalator looks whether anybody has had one.
update escalation e set next_at = %(now)s
from notification n
where n.id = %(id)s and n.kind in ('raised', 'escalation') and e.alarm_id = n.alarm_id and e.next_at > %(now)s

-- name: receipt_delivered
update notification
set state = 'delivered', reason = %s, ended_at = %s, accepted_at = coalesce(accepted_at, %s)
where (idempotency_key = %s or carrier_id = %s) and ended_at is null

-- name: contacts_with_phone
-- By its marks (foundation/sealing.py): that of the key in force and that of the old one.
select id, name from contact where phone_mark = any(%s) order by id

-- name: message_of_call
-- Whose call that is: by the carrier's name for it; while it is open also by ours (alerts/channels/aliyun_call_reports.py),
-- because the answer that held the carrier's may have been lost.
select idempotency_key from notification where carrier_id = %s and way = 'voice'
union all
select idempotency_key from notification
where way = 'voice' and ended_at is null
  and left(encode(sha256(convert_to(idempotency_key, 'UTF8')), 'hex'), 15) = %s
limit 1

-- name: receipt_failed
-- Not delivered: tried again a few times, then over.
update notification
set state = case when attempts < %(most)s then 'pending' else 'failed' end,
    ended_at = case when attempts < %(most)s then null else %(now)s end,
    next_attempt_at = case when way = 'voice' then %(call_again_at)s else %(retry_at)s end, reason = %(reason)s
where (idempotency_key = %(key)s or carrier_id = %(carrier_id)s) and ended_at is null and state <> 'pending'

-- name: held_readers
-- Who has messages held back whose time has come, and the ways. Another process may have them: then they are skipped.
select distinct contact_id, way from notification
where held_for is not null and ended_at is null and next_attempt_at <= %(now)s
limit %(most)s

-- name: lock_held
-- Everything that is held back for one reader and way, also what would have waited longer.
select id from notification
where contact_id = %(contact)s and way = %(way)s and held_for is not null and ended_at is null
order by id for update skip locked

-- name: held_messages
-- What they say: rule or kind of incident, village, since when.
select n.id, coalesce(a.rule, i.kind, n.kind), n.kind, coalesce(h.region_id, i.region_id), coalesce(a.raised_at, i.began_at, n.created_at),
       n.params, n.language
from notification n
left join alarm a on a.id = n.alarm_id
left join incident i on i.id = n.incident_id
left join device d on d.id = a.device_id
left join home h on h.id = d.home_id
where n.id = any(%(ids)s) order by n.id

-- name: told_in_digest
update notification set state = 'superseded', reason = 'in_digest', ended_at = %(now)s, digest_id = %(digest)s
where id = any(%(ids)s) and ended_at is null

-- name: notification_with_key
select id from notification where idempotency_key = (select mark from deployment) || '-' || %(key)s

-- name: set_open_ways
update way set open = name = any(%(open)s::text[])
where name = any(%(all)s::text[]) and open <> (name = any(%(open)s::text[]))
