-- name: every_region
-- In the order of the code's bytes, as everything here: the same in every database, whatever its language.
select r.code, r.name, r.level, p.code from region r left join region p on p.id = r.parent_id
order by array_position(array['city', 'county', 'township', 'village'], r.level), r.code collate "C"

-- name: every_home
select h.code, r.code, h.address, h.resident, h.vacant, h.vulnerable, h.building_class, h.area_m2, h.heat_load_w_m2,
       h.owner, h.responsible_body
from home h join region r on r.id = h.region_id
order by h.code collate "C"

-- name: every_device
-- Gateways or everything else; never a drill's twins.
select d.uid, d.type, d.model, d.vendor, d.serial, h.code, g.uid, w.uid, d.interval_s, d.state,
       (i.at at time zone 'Asia/Shanghai')::date, (a.at at time zone 'Asia/Shanghai')::date,
       d.owner, d.responsible_body
from device d
left join home h on h.id = d.home_id
left join device g on g.id = d.gateway_id
left join device w on w.id = d.part_of_id
left join (select distinct on (device_id) device_id, at from device_state_log where to_state = 'installed'
           order by device_id, id desc) i on i.device_id = d.id
left join (select distinct on (device_id) device_id, at from device_state_log where to_state = 'accepted'
           order by device_id, id desc) a on a.device_id = d.id
where d.drill_id is null and (d.type = 'gateway') = %s
order by d.uid collate "C"

-- name: every_contact
select r.code, c.name, c.role, c.phone
from contact c join region r on r.id = c.region_id
order by r.code collate "C", c.id

-- name: count_homes
select r.code, count(*) from home h join region r on r.id = h.region_id group by r.code

-- name: count_devices
-- By the region of their home; null for those without one.
select r.code, d.state, count(*)
from device d left join home h on h.id = d.home_id left join region r on r.id = h.region_id
where d.drill_id is null
group by r.code, d.state

-- name: list_devices
with recursive within as (
    select id from region where code = %(region)s
    union all
    select r.id from region r join within w on r.parent_id = w.id
)
select d.uid, d.type, d.state, h.code as home, r.name as village, g.uid as gateway, l.received_at as heard_at
from device d
left join home h on h.id = d.home_id
left join region r on r.id = h.region_id
left join device g on g.id = d.gateway_id
left join device_latest l on l.device_id = d.id
where d.drill_id is null
  and (%(type)s::text is null or d.type = %(type)s)
  and (%(state)s::text is null or d.state = %(state)s)
  and (%(home)s::text is null or h.code = %(home)s)
  and (%(region)s::text is null or h.region_id in (select id from within))
order by d.uid
limit %(limit)s

-- name: show_device
select d.uid, d.type, d.model, d.vendor, d.serial, d.state, d.interval_s, h.code as home, h.address, r.name as village,
       g.uid as gateway, w.uid as part_of, d.owner, d.responsible_body, d.created_at, l.received_at as heard_at,
       exists (select 1 from device_credential c where c.uid = d.uid) as may_log_in,
       array(select p.uid from device p where p.part_of_id = d.id order by p.uid) as parts,
       (select count(*) from device b where b.gateway_id = d.id) as behind_it
from device d
left join home h on h.id = d.home_id
left join region r on r.id = h.region_id
left join device g on g.id = d.gateway_id
left join device w on w.id = d.part_of_id
left join device_latest l on l.device_id = d.id
where d.uid = %s

-- name: life_of
select l.at, l.from_state, l.to_state, l.by, l.note
from device_state_log l join device d on d.id = l.device_id
where d.uid = %s order by l.id

-- name: state_of_device
select state from device where uid = %s for no key update

-- name: set_state
update device set state = %s where uid = %s
