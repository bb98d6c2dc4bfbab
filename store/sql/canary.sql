-- name: canary_lock
-- One run at a time, whoever starts it; held by the connection.
select pg_try_advisory_lock(hashtext('nuanshao canary'))

-- name: canary_row
-- With whether it is as it should be: without a need nothing is written, because each word about a device or a contact
-- makes others read the registry again.
select k.drill_id, k.device_id, k.contact_id, (k.in_use, k.every_s, k.outside, c.phone_mark, starts_with(c.phone, %(current)s), d.state)
         = (true, %(every_s)s::integer, %(outside)s::boolean, %(mark)s::text, true, 'in_service')
from canary k join contact c on c.id = k.contact_id join device d on d.id = k.device_id
for update of k

-- name: insert_canary_drill
insert into drill (name, scenario, homes, started_by, started_at, ends_at, canary)
values ('自检', 'canary', 1, 'nuanshao', %(now)s, '9999-12-31', true)
returning id

-- name: insert_canary_device
-- In no home. It samples rarely, so that one reading of 300 ppm raises, and it is not silent between two runs.
insert into device (uid, type, interval_s, drill_id) values (%(uid)s, 'co_detector', 86400, %(drill)s) returning id

-- name: insert_canary_contact
insert into contact (region_id, name, role, phone, phone_mark) values (null, '自检', '自检', %(phone)s, %(mark)s) returning id

-- name: canary_has_namesake
-- Whether somebody who is told of real alarms has the canary's number.
select c.name from contact c where c.phone_mark = any(%(marks)s) and c.id is distinct from %(contact)s order by c.id limit 1

-- name: insert_canary
insert into canary (drill_id, device_id, contact_id, every_s, outside)
values (%(drill)s, %(device)s, %(contact)s, %(every_s)s, %(outside)s)

-- name: update_canary
update canary set every_s = %(every_s)s, outside = %(outside)s, in_use = true

-- name: update_canary_contact
update contact set phone = %(phone)s, phone_mark = %(mark)s
where id = %(contact)s and (phone_mark is distinct from %(mark)s or not starts_with(phone, %(current)s))

-- name: set_canary_device
update device set state = %(state)s where id = %(device)s and state <> %(state)s

-- name: retire_canary
update canary set in_use = false where in_use returning drill_id, device_id

-- name: canary_heartbeat
update canary set heartbeat_at = %(now)s

-- name: canary_open_alarms
select id from alarm where device_id = %(device)s and closed_at is null and condition <> 'pending' order by id

-- name: end_killed_runs
-- Asked under the lock: whoever made these rows does not live any more.
update canary_run set ended_at = %(now)s, outcome = 'killed', reason = 'killed' where ended_at is null

-- name: canary_phone_runs
-- How many SMS of the canary were wanted since a moment, and when the last was.
select count(*), max(started_at) from canary_run where reach = 'phone' and started_at > %(since)s

-- name: canary_receipts
-- Whether receipts come to this deployment at all.
select exists (select 1 from canary_run where delivered_s is not null and started_at > %(since)s)

-- name: begin_canary_run
insert into canary_run (started_at, reach) values (%(now)s, %(reach)s) returning id

-- name: end_canary_run
update canary_run
set ended_at = %(ended_at)s, outcome = %(outcome)s, leg = %(leg)s, reason = %(reason)s, published_s = %(published)s,
    stored_s = %(stored)s, raised_s = %(raised)s, queued_s = %(queued)s, accepted_s = %(accepted)s,
    delivered_s = %(delivered)s
where id = %(id)s

-- name: add_canary_run
-- One that the database hears of afterwards.
insert into canary_run (started_at, reach, ended_at, outcome, leg, reason, published_s, stored_s, raised_s, queued_s,
                        accepted_s, delivered_s)
values (%(started_at)s, %(reach)s, %(ended_at)s, %(outcome)s, %(leg)s, %(reason)s, %(published)s, %(stored)s,
        %(raised)s, %(queued)s, %(accepted)s, %(delivered)s)

-- name: forget_canary_runs
delete from canary_run where started_at < %(before)s

-- name: canary_look
-- How far the reading of this moment has come, and which of our processes live.
select exists (select 1 from telemetry where device_id = %(device)s and ts = %(ts)s),
       a.id is not null, n.id is not null, coalesce(n.state, ''), coalesce(n.reason, ''), n.accepted_at is not null,
       exists (select 1 from worker where kind = 'ingest' and connected_since is not null and heartbeat_at > %(alive)s),
       exists (select 1 from worker where kind = 'alerts' and heartbeat_at > %(alive)s)
from (values (true)) as always
left join alarm a on a.device_id = %(device)s and a.rule = %(rule)s and a.raised_at = %(ts)s
left join lateral (
    select id, state, reason, accepted_at from notification
    where alarm_id = a.id and kind = 'raised' order by id limit 1
) n on true

-- name: canary_standing
-- The canary as doctor sees it, with its newest run that has ended.
select k.in_use, k.every_s, k.outside, k.heartbeat_at, c.phone, r.started_at, r.reach, r.ended_at, r.outcome, r.leg,
       r.reason, r.published_s, r.stored_s, r.raised_s, r.queued_s, r.accepted_s, r.delivered_s
from canary k join contact c on c.id = k.contact_id
left join lateral (
    select * from canary_run where outcome <> 'killed' order by started_at desc limit 1
) r on true
