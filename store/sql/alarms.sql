-- name: devices_with_open_alarm
-- Which devices of a batch have an alarm that a reading could change.
select distinct device_id from alarm where device_id = any(%s::int[]) and closed_at is null

-- name: lock_devices
-- Two workers never judge the same device at once; ordered, so that they cannot wait for each other in a ring.
select pg_advisory_xact_lock(1, device_id) from (select unnest(%s::int[]) as device_id order by 1) as ordered

-- name: open_alarms_of
select {columns}
from alarm a
where a.device_id = any(%s) and a.closed_at is null
order by a.id for update

-- name: due_alarms
-- Pending alarms whose deadline has passed without another reading; not those of rules that the pack no longer has.
select {columns}
from alarm a
where a.deadline <= %s and a.closed_at is null and a.rule = any(%s)
order by a.id for update skip locked limit 1000

-- name: insert_alarm
insert into alarm (device_id, rule, pack, priority, latching, reason, recorded_at, condition, since, last_ts,
                   last_value, peak_value, samples, raised_at, recovering_since, cleared_at, closed_at, deadline,
                   late, stale, excess, detail, stands_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
returning id

-- name: update_alarm
update alarm
set reason = %s, recorded_at = coalesce(recorded_at, %s), condition = %s, since = %s, last_ts = %s, last_value = %s,
    peak_value = %s, samples = %s, raised_at = %s, recovering_since = %s, cleared_at = %s, closed_at = %s,
    deadline = %s, late = %s, stale = %s, excess = %s, detail = %s
where id = %s

-- name: drop_pending_alarm
-- It never became an alarm.
delete from alarm where id = %s and condition = 'pending'

-- name: lock_device_of_alarm
select pg_advisory_xact_lock(1, device_id) from alarm where id = %s

-- name: carry_pending_on
-- An alarm was normal, beyond its level again but not yet long enough, when a person closed it.
insert into alarm (device_id, rule, pack, priority, latching, reason, condition, since, last_ts, last_value, peak_value,
                   samples, deadline, stale, excess, detail, stands_at)
select device_id, rule, pack, priority, latching, reason, 'pending', since, last_ts, last_value, last_value,
       1, deadline, stale, excess, detail, stands_at
from alarm where id = %s

-- name: alarm_for_acknowledgement
select {columns} from alarm a where a.id = %s for update

-- name: acknowledge_alarm
update alarm
set acknowledged_at = %s, acknowledged_by = %s, acknowledged_how = %s, closed_at = %s
where id = %s

-- name: where_is
-- What a message says of a device: village, home, its own name, whether it is only there for a drill, or the canary; and
-- whom to call in its village.
select coalesce(r.name, ''), coalesce(nullif(h.address, ''), h.code, ''), d.uid, d.drill_id is not null,
       exists (select 1 from canary k where k.device_id = d.id), c.id, c.name, c.role
from device d left join home h on h.id = d.home_id left join region r on r.id = h.region_id
left join lateral (
    select id, name, role from contact where region_id = r.id and phone is not null order by id limit 1
) c on true
where d.id = %s

-- name: told_contacts
-- Who was told, or is about to be, that this alarm was raised: they also hear that it is over.
select distinct on (c.id) c.id, c.language, ways_of(c) from notification n join contact c on c.id = n.contact_id
where n.alarm_id = %s and n.kind in ('raised', 'escalation', 'flapping') and n.state not in ('failed', 'superseded')
order by c.id

-- name: insert_notification
-- The same key again changes nothing: a retried transaction tells once.
insert into notification (alarm_id, incident_id, kind, contact_id, way, template, params, body, language, step, round,
                          code, idempotency_key, created_at, next_attempt_at)
values (%(alarm)s, %(incident)s, %(kind)s, %(contact)s, %(way)s, %(template)s, %(params)s, %(body)s, %(language)s,
        %(step)s, %(round)s, %(code)s, (select mark from deployment) || '-' || %(key)s, %(now)s, %(now)s)
on conflict (idempotency_key) do nothing

-- name: raised_before
-- Until when an alarm of this rule was up that had been raised, and was so at some moment of a span: until and since.
select max(coalesce(cleared_at, closed_at, last_ts)) from alarm
where device_id = %s and rule = %s and raised_at is not null and least(since, raised_at) <= %s
  and coalesce(cleared_at, closed_at, last_ts) >= %s

-- name: readings_in
-- What was measured in each span, both ends included, by the span's place from 1 on; without what is judged on another
-- time than the stored one (flags).
select w.place, t.*
from unnest(%s::int[], %s::timestamptz[], %s::timestamptz[]) with ordinality as w (device_id, since, until, place)
cross join lateral (
    select telemetry.ts, telemetry.received_at, {columns}
    from telemetry
    where telemetry.device_id = w.device_id and telemetry.ts >= w.since and telemetry.ts <= w.until
      and telemetry.flags & %s = 0
) as t
order by w.place, t.ts

-- name: extremes_in
-- The lowest and highest value of a metric in each span, by the span's place from 1 on.
select w.place, t.lowest, t.highest
from unnest(%s::int[], %s::timestamptz[], %s::timestamptz[]) with ordinality as w (device_id, after, until, place)
cross join lateral (
    select min({metric}) as lowest, max({metric}) as highest
    from telemetry where telemetry.device_id = w.device_id and ts > w.after and ts <= w.until
) as t
where t.lowest is not null

-- name: times_on_in
-- How often an alarm bit came on in each span, by the span's place from 1 on.
select w.place, t.times
from unnest(%s::int[], %s::timestamptz[], %s::timestamptz[]) with ordinality as w (device_id, after, until, place)
cross join lateral (
    select count(*) as times
    from device_event e
    where e.device_id = w.device_id and e.type = %s and e.is_on and e.ts > w.after and e.ts <= w.until
) as t
