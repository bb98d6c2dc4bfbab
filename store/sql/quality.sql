-- name: at_one_moment
set transaction isolation level repeatable read, read only

-- name: quality_messages
-- What people's phones received, the messages of each number in order; drills are left out, here and below.
select coalesce(c.phone_mark, 'contact ' || c.id), coalesce(c.phone, ''), c.name, r.name, n.kind, n.accepted_at
from notification n join contact c on c.id = n.contact_id join region r on r.id = c.region_id
where n.accepted_at >= %(since)s and n.accepted_at < %(until)s and not n.drill
order by 1, n.accepted_at, n.id

-- name: quality_sources
-- Alarms of each device and rule, the most frequent first; when, where there were enough of them to chatter.
select d.uid, a.rule, coalesce(r.name, ''), count(*),
       case when count(*) >= 3 then array_agg(coalesce(a.raised_at, a.recorded_at) order by a.raised_at) else array[]::timestamptz[] end
from alarm a
join device d on d.id = a.device_id
left join home h on h.id = d.home_id
left join region r on r.id = h.region_id
where a.recorded_at >= %(since)s and a.recorded_at < %(until)s and not a.drill
group by d.uid, a.rule, r.name
order by count(*) desc, d.uid, a.rule

-- name: quality_priorities
-- How many of each priority, how many of those people were told of and acknowledged, and how soon (median, seconds).
select a.priority, count(*), count(*) filter (where told.at is not null),
       count(*) filter (where told.at is not null and a.acknowledged_at is not null),
       (percentile_cont(0.5) within group (order by extract(epoch from greatest(a.acknowledged_at - told.at, '0'::interval)))
        filter (where told.at is not null and a.acknowledged_at is not null))::float8
from alarm a
left join lateral (
    select min(n.accepted_at) as at from notification n where n.alarm_id = a.id and n.kind in ('raised', 'escalation', 'flapping')
) told on true
where a.recorded_at >= %(since)s and a.recorded_at < %(until)s and not a.drill
group by a.priority

-- name: quality_lasting
-- Fleeting ones in the time; standing and stale ones now, without what is suppressed.
select count(*) filter (where recorded_at >= %(since)s and cleared_at - raised_at < %(fleeting_s)s * interval '1 second'),
       count(*) filter (where closed_at is null and suppression = 'none' and condition in ('active', 'recovering')),
       count(*) filter (where closed_at is null and suppression = 'none' and recorded_at < %(stale_since)s)
from alarm
where condition <> 'pending' and not drill
  and ((recorded_at >= %(since)s and recorded_at < %(until)s) or closed_at is null)

-- name: quality_withheld
-- What was held back, by reason and by what became of it.
select w.reason, w.outcome, count(*)
from withheld w left join alarm a on a.id = w.alarm_id left join incident i on i.id = w.incident_id
where w.at >= %(since)s and w.at < %(until)s and not coalesce(a.drill, i.drill)
group by w.reason, w.outcome order by count(*) desc, w.reason, w.outcome

-- name: quality_answers
-- Alarms that were answered and how many of them were false; what was typed and how much of that was not understood.
select (select count(*) from alarm
        where recorded_at >= %(since)s and recorded_at < %(until)s and not drill
          and (acknowledged_at is not null or false_alarm_at is not null)),
       (select count(*) from alarm
        where recorded_at >= %(since)s and recorded_at < %(until)s and not drill and false_alarm_at is not null),
       count(*), count(*) filter (where r.outcome in ('not_understood', 'unknown_code'))
from answer r left join alarm a on a.id = r.alarm_id
where r.how = 'sms' and r.received_at >= %(since)s and r.received_at < %(until)s and not coalesce(a.drill, false)
