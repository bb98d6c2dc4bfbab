-- name: region_paths
-- Each region's code with those of all above it, its own first.
with recursive path as (
    select id, array[code] as codes, id as of_region, parent_id from region
    union all
    select r.id, path.codes || r.code, path.of_region, r.parent_id from region r join path on r.id = path.parent_id
)
select of_region, codes from path where parent_id is null

-- name: known_devices
-- With the flags that each of its readings carries, and what tells for which rules it is.
select d.id, d.uid, d.type, d.interval_s, d.state, g.uid, case when d.drill_id is null then 0 else %s end,
       d.vendor, d.model, coalesce(h.building_class, ''), h.region_id
from device d left join device g on g.id = d.gateway_id left join home h on h.id = d.home_id

-- name: known_devices_named
select d.id, d.uid, d.type, d.interval_s, d.state, g.uid, case when d.drill_id is null then 0 else %s end,
       d.vendor, d.model, coalesce(h.building_class, ''), h.region_id
from device d left join device g on g.id = d.gateway_id left join home h on h.id = d.home_id
where d.uid = any(%s)

-- name: add_region
insert into region (code, name, level, parent_id)
values (%s, %s, %s, (select id from region where code = %s))
on conflict (code) do update set name = excluded.name
returning id

-- name: add_home
insert into home (code, region_id, address, vacant, vulnerable)
values (%s, (select id from region where code = %s), %s, %s, %s)
on conflict (code) do nothing

-- name: add_device
insert into device (uid, type, model, home_id, interval_s)
values (%s, %s, %s, (select id from home where code = %s), %s)
returning id

-- name: set_credential
insert into device_credential (uid, hash) values (%s, %s)
on conflict (uid) do update set hash = excluded.hash, changed_at = now()

-- name: credentials
-- What the broker may let in: every device that is not retired.
select c.uid, c.hash from device_credential c join device d using (uid) where d.state <> 'retired' order by c.uid

-- name: add_contact
insert into contact (region_id, name, role, phone, phone_mark)
values ((select id from region where code = %s), %s, %s, %s, %s)
on conflict (region_id, phone_mark) do update set name = excluded.name, role = excluded.role, phone = excluded.phone
