-- name: told_of_device
-- The first alarm of these rules on a device since a moment, and the first message about it that a carrier took.
select min(a.recorded_at), n.accepted_at, n.channel, n.body
from alarm a
join device d on d.id = a.device_id
left join lateral (
    select x.accepted_at, x.channel, x.body
    from notification x
    join alarm b on b.id = x.alarm_id
    where b.device_id = d.id and x.kind = 'raised' and b.rule = any(%(rules)s) and b.recorded_at >= %(since)s
      and x.accepted_at is not null
    order by x.accepted_at limit 1
) n on true
where d.uid = %(uid)s and a.rule = any(%(rules)s) and a.recorded_at >= %(since)s
group by n.accepted_at, n.channel, n.body

-- name: told_of_village
select i.recorded_at, n.accepted_at, n.channel, n.body
from incident i
join region r on r.id = i.region_id
left join lateral (
    select x.accepted_at, x.channel, x.body from notification x
    where x.incident_id = i.id and x.kind = 'incident' and x.accepted_at is not null
    order by x.accepted_at limit 1
) n on true
where r.code = %(code)s and i.recorded_at >= %(since)s and not i.drill
order by i.recorded_at limit 1

-- name: board
-- What the terminal shows at one glance; drills do not count.
select (select count(*) from alarm
        where closed_at is null and condition <> 'pending' and suppression = 'none' and not drill),
       (select count(*) from incident where ended_at is null and not drill),
       (select count(*) from notification where accepted_at is not null and not drill),
       (select count(*) from notification where ended_at is null and accepted_at is null and not drill),
       (select count(*) from device_latest l join device d on d.id = l.device_id
        where l.received_at > now() - interval '60 seconds' and d.drill_id is null),
       (select count(*) from device where drill_id is null)

-- name: village_glance
-- One line a village: its kind of heater, who reported within a minute, warmth, carbon monoxide, power, what is wrong.
select r.name,
       coalesce(mode() within group (order by d.type) filter (where d.type = any(%s)), ''),
       count(*) filter (where l.received_at > now() - interval '60 seconds'), count(*),
       percentile_cont(0.5) within group (order by l.indoor_c), min(l.indoor_c),
       max(l.co_ppm), sum(l.power_w) filter (where l.received_at > now() - interval '60 seconds'),
       (select count(*) from alarm a join device x on x.id = a.device_id join home y on y.id = x.home_id
        where y.region_id = r.id and a.closed_at is null and a.condition <> 'pending' and a.suppression = 'none'
          and not a.drill),
       exists (select 1 from incident i where i.region_id = r.id and i.ended_at is null and not i.drill)
from region r
join home h on h.region_id = r.id
join device d on d.home_id = h.id and d.drill_id is null
left join device_latest l on l.device_id = d.id
group by r.id order by r.code limit 8

-- name: newest_alarms
-- Those of a drill below the others, and marked.
select a.priority, a.rule, a.condition, a.acknowledged_at is not null,
       case when a.drill then '演练·' else '' end || coalesce(r.name, ''),
       coalesce(h.address, ''), d.uid, a.last_value, a.raised_at
from alarm a join device d on d.id = a.device_id
left join home h on h.id = d.home_id left join region r on r.id = h.region_id
where a.closed_at is null and a.condition <> 'pending' and a.suppression = 'none'
order by a.drill, array_position(array['critical', 'high', 'medium', 'low'], a.priority), a.raised_at desc limit %s

-- name: newest_messages
select n.accepted_at, c.name, c.phone, n.body, n.state
from notification n join contact c on c.id = n.contact_id
where n.accepted_at is not null order by n.accepted_at desc limit %s

-- name: messages_without_end
select count(*) from notification where ended_at is null and not drill
