-- name: reach_messages
-- Messages written in the time, by where what they tell has happened (a digest: where its reader is) and by way. What was
-- superseded before a carrier had it was no message to anybody. Drills are left out, here and below.
with recursive within as (
    select id from region where code = %(region)s
    union all
    select r.id from region r join within w on r.parent_id = w.id
), written as (
    select coalesce(h.region_id, i.region_id, c.region_id) as region_id, n.way, n.state, n.accepted_at, n.ended_at
    from notification n
    join contact c on c.id = n.contact_id
    left join alarm a on a.id = n.alarm_id
    left join device d on d.id = a.device_id
    left join home h on h.id = d.home_id
    left join incident i on i.id = n.incident_id
    where n.created_at >= %(since)s and n.created_at < %(until)s and not n.drill
      and (n.state <> 'superseded' or n.accepted_at is not null)
)
select r.code, r.name, w.way, count(w.accepted_at), count(*) filter (where w.state = 'delivered'),
       count(*) filter (where w.state = 'handed_over'), count(*) filter (where w.state = 'failed'),
       count(*) filter (where w.ended_at is null)
from written w join region r on r.id = w.region_id
where %(region)s::text is null or r.id in (select id from within)
group by r.code, r.name, w.way

-- name: reach_alarms
-- Alarms that people were told of in the time, by way: when first, when somebody had it, and whether they had been told
-- of it before that time in another way. Who was told this way before the time is counted there.
with recursive within as (
    select id from region where code = %(region)s
    union all
    select r.id from region r join within w on r.parent_id = w.id
), told as (
    select n.alarm_id, n.way, min(n.accepted_at) as at, min(n.contact_id) as contact_id
    from notification n
    where n.created_at >= %(since)s and n.created_at < %(until)s and not n.drill and n.accepted_at is not null
      and n.alarm_id is not null and n.kind in ('raised', 'escalation', 'flapping')
    group by n.alarm_id, n.way
)
select r.code, t.way, t.alarm_id, t.at, a.acknowledged_at, coalesce(before.told, false)
from told t
join alarm a on a.id = t.alarm_id
join contact c on c.id = t.contact_id
left join device d on d.id = a.device_id
left join home h on h.id = d.home_id
join region r on r.id = coalesce(h.region_id, c.region_id)
cross join lateral (
    select bool_or(true) as told, bool_or(e.way = t.way) as told_so
    from notification e
    where e.alarm_id = t.alarm_id and e.created_at < %(since)s and e.accepted_at is not null
      and coalesce(a.recorded_at, a.since) < %(since)s  -- of a newer alarm nobody can have been told
      and e.kind in ('raised', 'escalation', 'flapping')
) before
where before.told_so is not true
  and (%(region)s::text is null or r.id in (select id from within))

-- name: reach_region
select name from region where code = %s
