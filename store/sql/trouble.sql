-- name: troubles_to_note
-- Devices whose newest reading says that something is wrong, or whose clock is, and lockouts of the last hour; without
-- those of which this has been noted within an hour. Never a drill's. 519: the flags of a clock (catalogue/flags.py).
select d.id, d.vendor, d.model, d.type, t.trouble
from (
    select device_id, fault as trouble from device_latest where fault is not null and received_at > %(now)s - interval '1 hour'
    union all
    select device_id, 'clock' from device_latest where flags & 519 <> 0 and received_at > %(now)s - interval '1 hour'
    union
    select device_id, 'lockout' from device_event where type = 'lockout' and is_on and ts > %(now)s - interval '1 hour'
) t
join device d on d.id = t.device_id
where d.drill_id is null
  and not exists (select 1 from device_trouble held where held.device_id = t.device_id and held.trouble = t.trouble
                  and held.seen_at > %(now)s - interval '1 hour')
order by d.id, t.trouble

-- name: note_troubles
-- What was not so for a long time begins now.
with seen as (
    select * from unnest(%(devices)s::int[], %(troubles)s::text[], %(faults)s::text[]) as t (device_id, trouble, fault)
), known as (
    update device_trouble held set seen_at = %(now)s
    from seen
    where held.device_id = seen.device_id and held.trouble = seen.trouble and held.seen_at > %(known_since)s
    returning held.device_id, held.trouble
)
insert into device_trouble (device_id, trouble, fault, began_at, seen_at)
select s.device_id, s.trouble, s.fault, %(now)s, %(now)s from seen s
where not exists (select 1 from known k where k.device_id = s.device_id and k.trouble = s.trouble)
on conflict do nothing

-- name: forget_troubles
delete from device_trouble where seen_at < %s

-- name: new_faults
-- What is new since a moment, by model and fault. A device without a home has no village.
select d.vendor, d.model, d.type, t.fault, array_agg(distinct d.id), count(distinct h.region_id)
from device_trouble t
join device d on d.id = t.device_id
left join home h on h.id = d.home_id
where t.began_at > %s and t.trouble <> 'clock' and t.fault <> '' and d.model <> '' and d.state = 'in_service'
group by d.vendor, d.model, d.type, t.fault
order by d.vendor, d.model, t.fault = 'lockout', t.fault

-- name: usual_faults
-- How often a fault began on a model between two moments.
select count(distinct (t.device_id, t.began_at))
from device_trouble t join device d on d.id = t.device_id
where t.began_at > %(since)s and t.began_at <= %(until)s and t.fault = %(fault)s
  and d.vendor = %(vendor)s and d.model = %(model)s and d.type = %(type)s

-- name: devices_of_type
-- How many of a type are in service: of this model, and of all others.
select count(*) filter (where vendor = %(vendor)s and model = %(model)s),
       count(*) filter (where (vendor, model) <> (%(vendor)s, %(model)s))
from device where type = %(type)s and state = 'in_service' and drill_id is null

-- name: new_clocks
-- Devices whose clock went wrong within a time, and is wrong still.
select d.id, coalesce(d.gateway_id, case when d.type = 'gateway' then d.id end), g.uid, d.vendor, d.model, d.type
from device_trouble t
join device_latest l on l.device_id = t.device_id and l.flags & 519 <> 0
join device d on d.id = t.device_id
left join device g on g.id = coalesce(d.gateway_id, case when d.type = 'gateway' then d.id end)
where t.trouble = 'clock' and t.began_at > %(since)s and t.began_at <= %(until)s and d.state = 'in_service'
order by d.id

-- name: where_devices_are
-- The region with most of these devices, the highest above it that has contacts (else the top of the tree), and in how
-- many homes they are.
with recursive most as (
    select h.region_id as id
    from device d join home h on h.id = d.home_id
    where d.id = any(%(devices)s::int[]) group by 1 order by count(*) desc, 1 limit 1
), up as (
    select r.id, r.parent_id, 0 as steps from region r join most on most.id = r.id
    union all
    select r.id, r.parent_id, up.steps + 1 from up join region r on r.id = up.parent_id
), highest as (
    select id from up
    order by exists (select 1 from contact c where c.region_id = up.id) desc, steps desc limit 1
)
select village.id, village.name, top.id, top.name,
       (select count(distinct home_id) from device where id = any(%(devices)s::int[]))
from most join region village on village.id = most.id
cross join highest join region top on top.id = highest.id

-- name: incident_of_subject
select id from incident where kind = %(kind)s and subject = %(subject)s and ended_at is null order by id limit 1

-- name: note_devices_well
-- When the newest reading of a device was well again: no fault, or a clock that is believed.
update incident_device x set back_at = l.received_at
from incident i, device_latest l
where i.id = x.incident_id and l.device_id = x.device_id and x.back_at is null and i.ended_at is null
  and l.received_at > i.recorded_at
  and (i.kind = 'model_fault' and l.fault is null or i.kind = 'clock_wrong' and l.flags & 519 = 0)

-- name: outbreaks_under_way
-- Open incidents of models and clocks: how many devices, how many of them well (or not heard for a day: nobody knows),
-- how many homes are well, and when the newest device came to it.
select i.id, i.kind, r.id, r.name, i.subject, i.gateway_id is not null, i.homes, i.homes_back, i.back_at,
       count(*), count(*) filter (where x.back_at is not null or l.received_at is null
                                  or l.received_at < %(now)s - interval '1 day'),
       count(distinct d.home_id) - count(distinct d.home_id) filter (where x.back_at is null),
       count(distinct d.home_id), max(x.silent_since)
from incident i
join region r on r.id = i.region_id
join incident_device x on x.incident_id = i.id
join device d on d.id = x.device_id
left join device_latest l on l.device_id = x.device_id
where i.ended_at is null and i.kind in ('model_fault', 'clock_wrong')
group by i.id, r.id
order by i.id

-- name: note_outbreak
update incident set homes = %(homes)s, of_homes = greatest(of_homes, %(homes)s), homes_back = %(back)s, back_at = %(at)s
where id = %(incident)s
