-- name: standby_devices
-- What alerts must know of each device to tell its alarm without the database; words as in where_is. A device without a
-- home belongs to the top of the tree, as in recipient_candidates.
select d.uid, d.id, d.type, d.interval_s, d.drill_id is not null, g.uid, coalesce(r.name, ''),
       coalesce(nullif(h.address, ''), h.code, ''),
       coalesce(h.region_id, (select id from region where parent_id is null order by id limit 1))
from device d
left join device g on g.id = d.gateway_id
left join home h on h.id = d.home_id
left join region r on r.id = h.region_id
where d.state <> 'retired'

-- name: standby_recipients
-- Who is told of a region: its contacts, or those of the nearest region above it that has any with a number. Whoever is on
-- duty: a copy may be old, and all are better than nobody.
with recursive up as (
    select id as of_region, id, parent_id, 0 as steps from region
    union all
    select up.of_region, r.id, r.parent_id, up.steps + 1 from region r join up on r.id = up.parent_id
), nearest as (
    select distinct on (of_region) of_region, id from up
    where exists (select 1 from contact c where c.region_id = up.id and c.phone is not null)
    order by of_region, steps
)
select nearest.of_region, c.id, c.phone, c.language from nearest join contact c on c.region_id = nearest.id
where c.phone is not null

-- name: standby_relatives
-- Relatives of vulnerable homes, by the home's devices.
select d.id, c.id, c.phone, c.language
from contact c join home h on h.id = c.home_id join device d on d.home_id = h.id
where h.vulnerable and c.phone is not null and d.state <> 'retired'

-- name: deployment_mark
select mark from deployment

-- name: standby_alarms
-- The open alarms of these rules; those of drills are not told without the database.
select {columns}
from alarm a
where a.closed_at is null and not a.drill and a.rule = any(%s)

-- name: standby_waiting
-- Messages about alarms of these rules that no carrier is known to have.
select n.idempotency_key, a.device_id, a.rule, n.contact_id, c.phone, n.params, n.body, a.raised_at,
       n.created_at, n.language
from notification n join alarm a on a.id = n.alarm_id join contact c on c.id = n.contact_id
where n.ended_at is null and n.accepted_at is null and n.kind = 'raised' and n.way = 'sms' and not n.drill and a.rule = any(%s)

-- name: record_told
insert into told_without_database (key, device_id, rule, contact_id, measured_at, told_at, until, channel, carrier_id,
                                   body)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
on conflict (key) do nothing

-- name: about_to_tell
-- The alarms whose raising these messages tell, of these rules.
select n.id, a.id, a.device_id, a.rule, n.contact_id, a.raised_at
from notification n join alarm a on a.id = n.alarm_id
where n.id = any(%s) and n.kind = 'raised' and n.way = 'sms' and a.rule = any(%s) and a.raised_at is not null

-- name: told_about
-- What these contacts have been told of these devices and rules while the database was away, and for which alarm that
-- counted.
select t.device_id, t.rule, t.contact_id, t.key, t.measured_at, t.until, n.alarm_id
from unnest(%s::int[], %s::text[], %s::int[]) as a (device_id, rule, contact_id)
join told_without_database t using (device_id, rule, contact_id)
left join notification n on n.id = t.notification_id

-- name: note_told_without_database
-- The carrier knows the message by the key under which it was told, and its reader by that wording.
with used as (
    update told_without_database set notification_id = %(id)s
    where key = %(key)s and notification_id is null
    returning key, channel, carrier_id, told_at, body
)
update notification n
set state = 'accepted', reason = 'told_without_database', channel = used.channel, carrier_id = nullif(used.carrier_id, ''),
    accepted_at = used.told_at, idempotency_key = used.key, body = used.body, next_attempt_at = %(check_at)s
from used
where n.id = %(id)s and n.ended_at is null
