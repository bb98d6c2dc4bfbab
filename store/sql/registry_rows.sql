-- name: stage_regions
-- Rows come by COPY into a table of the session and from there by one statement into the registry.
create temp table if not exists staged_region (code text, name text, level text, parent text)

-- name: copy_regions
copy staged_region ({columns}) from stdin

-- name: put_regions
-- A name that is not there becomes -1, which the foreign key refuses.
insert into region (code, name, level, parent_id)
select s.code, s.name, s.level, case when s.parent is not null then coalesce(p.id, -1) end
from staged_region s left join region p on p.code = s.parent
on conflict (code) do update set name = excluded.name, level = excluded.level, parent_id = excluded.parent_id
where (region.name, region.level, region.parent_id) is distinct from (excluded.name, excluded.level, excluded.parent_id)

-- name: stage_homes
create temp table if not exists staged_home (
    code text, village text, address text, resident text, vacant boolean, vulnerable boolean, building_class text,
    area_m2 double precision, heat_load_w_m2 double precision, owner text, responsible_body text)

-- name: copy_homes
copy staged_home ({columns}) from stdin

-- name: put_homes
insert into home (code, region_id, address, resident, vacant, vulnerable, building_class, area_m2, heat_load_w_m2,
                  owner, responsible_body)
select s.code, coalesce(r.id, -1), s.address, s.resident, s.vacant, s.vulnerable, s.building_class, s.area_m2,
       s.heat_load_w_m2, s.owner, s.responsible_body
from staged_home s left join region r on r.code = s.village
on conflict (code) do update
set region_id = excluded.region_id, address = excluded.address, resident = excluded.resident,
    vacant = excluded.vacant, vulnerable = excluded.vulnerable, building_class = excluded.building_class,
    area_m2 = excluded.area_m2, heat_load_w_m2 = excluded.heat_load_w_m2, owner = excluded.owner,
    responsible_body = excluded.responsible_body

-- name: stage_devices
create temp table if not exists staged_device (
    uid text, type text, model text, vendor text, serial text, home text, gateway text, part_of text,
    interval_s integer, state text, installed_on date, accepted_on date, owner text, responsible_body text)

-- name: copy_devices
copy staged_device ({columns}) from stdin

-- name: put_devices
-- What a device sits behind or is part of must be there before this statement.
insert into device (uid, type, model, vendor, serial, home_id, gateway_id, part_of_id, interval_s, state, owner,
                    responsible_body)
select s.uid, s.type, s.model, s.vendor, s.serial, case when s.home is not null then coalesce(h.id, -1) end,
       case when s.gateway is not null then coalesce(g.id, -1) end,
       case when s.part_of is not null then coalesce(w.id, -1) end,
       s.interval_s, s.state, s.owner, s.responsible_body
from staged_device s
left join home h on h.code = s.home
left join device g on g.uid = s.gateway
left join device w on w.uid = s.part_of
on conflict (uid) do update
set type = excluded.type, model = excluded.model, vendor = excluded.vendor, serial = excluded.serial,
    home_id = excluded.home_id, gateway_id = excluded.gateway_id, part_of_id = excluded.part_of_id,
    interval_s = excluded.interval_s, state = excluded.state, owner = excluded.owner,
    responsible_body = excluded.responsible_body

-- name: correct_dates
-- The log's newest entry of a state gets the day that the register names, midnight in China.
update device_state_log l
set at = x.day::timestamp at time zone 'Asia/Shanghai'
from staged_device s
join device d using (uid)
cross join lateral (values ('installed', s.installed_on), ('accepted', s.accepted_on)) as x (state, day)
where x.day is not null
  and l.id = (select max(n.id) from device_state_log n where n.device_id = d.id and n.to_state = x.state)
  and (l.at at time zone 'Asia/Shanghai')::date <> x.day

-- name: add_dates
-- The register knows a day and the log does not: an entry of its own.
insert into device_state_log (device_id, from_state, to_state, at, by, note)
select d.id, x.before, x.state, x.day::timestamp at time zone 'Asia/Shanghai', registry_hand(), 'a day from the register'
from staged_device s
join device d using (uid)
cross join lateral (values ('planned', 'installed', s.installed_on), ('installed', 'accepted', s.accepted_on))
     as x (before, state, day)
where x.day is not null
  and not exists (select 1 from device_state_log n where n.device_id = d.id and n.to_state = x.state)

-- name: stage_contacts
create temp table if not exists staged_contact (
    id integer, region text, name text, role text, phone text, language text, wecom_id text, wechat_id text, email text,
    endpoint text, organisation text, home text, phone_mark text)

-- name: copy_contacts
copy staged_contact ({columns}) from stdin

-- name: put_contacts
-- Those that are there (`contact_ids`) are changed, the others are new.
with changed as (
    update contact c
    set name = s.name, role = s.role, phone = s.phone, phone_mark = s.phone_mark, language = s.language,
        wecom_id = s.wecom_id, wechat_id = s.wechat_id, email = s.email, endpoint = s.endpoint
    from staged_contact s where c.id = s.id
)
insert into contact (region_id, name, role, phone, phone_mark, language, wecom_id, wechat_id, email, endpoint,
                     organisation_id, home_id)
select case when s.region is not null then coalesce(r.id, -1) end, s.name, s.role, s.phone, s.phone_mark, s.language,
       s.wecom_id, s.wechat_id, s.email, s.endpoint, case when s.organisation is not null then coalesce(o.id, -1) end,
       case when s.home is not null then coalesce(h.id, -1) end
from staged_contact s
left join region r on r.code = s.region
left join organisation o on o.code = s.organisation
left join home h on h.code = s.home
where s.id is null

-- name: contact_ids
-- Contacts by whom they belong to and what they are known by: the phone or, where they have none, the first of the rest.
select k.place, c.id
from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
     with ordinality as k (region, organisation, home, mark, other, place)
left join region r on r.code = k.region
left join organisation o on o.code = k.organisation
left join home h on h.code = k.home
join contact c on (c.region_id = r.id or c.organisation_id = o.id or c.home_id = h.id)
              and (c.phone_mark = k.mark
                   or c.phone is null and coalesce(c.wecom_id, c.wechat_id, c.email, c.endpoint) = k.other)
order by k.place, c.id desc

-- name: replace_lost_phones
-- Before that: who is there by name, with a number that no key opens any more, gets the new one and stays the same contact.
with lost as (
    select c.id, c.region_id, c.name, row_number() over (partition by c.region_id, c.name order by c.id) as n
    from contact c
    where c.phone ^@ 'p' and not c.phone ^@ any(%s::text[])
), fresh as (
    select r.id as region_id, s.name, s.phone, s.phone_mark,
           row_number() over (partition by r.id, s.name order by s.phone_mark) as n
    from staged_contact s join region r on r.code = s.region
    where not exists (select 1 from contact k where k.region_id = r.id and k.phone_mark = s.phone_mark)
)
update contact c set phone = fresh.phone, phone_mark = fresh.phone_mark
from lost join fresh using (region_id, name, n) where c.id = lost.id

-- name: stage_credentials
create temp table if not exists staged_credential (uid text, hash text)

-- name: copy_credentials
copy staged_credential ({columns}) from stdin

-- name: put_credentials
insert into device_credential (uid, hash) select uid, hash from staged_credential
on conflict (uid) do update set hash = excluded.hash, changed_at = now()

-- name: say_whose_hand
-- Until the transaction ends: what the log of states writes down.
select set_config('nuanshao.by', %s, true), set_config('nuanshao.note', %s, true)

-- name: lock_registry
-- One import at a time; the lock ends with the session, however it ends.
select pg_try_advisory_lock(hashtext('nuanshao registry import'))

-- name: unlock_registry
select pg_advisory_unlock(hashtext('nuanshao registry import'))

-- name: regions_by_code
select r.code, r.name, r.level, (select p.code from region p where p.id = r.parent_id)
from region r where r.code = any(%s) order by r.code for no key update of r

-- name: homes_by_code
select h.code, (select r.code from region r where r.id = h.region_id), h.address, h.resident, h.vacant, h.vulnerable,
       h.building_class, h.area_m2, h.heat_load_w_m2, h.owner, h.responsible_body
from home h where h.code = any(%s) order by h.code for no key update of h

-- name: devices_by_uid
select d.uid, d.type, d.model, d.vendor, d.serial, (select h.code from home h where h.id = d.home_id),
       (select g.uid from device g where g.id = d.gateway_id), (select w.uid from device w where w.id = d.part_of_id),
       d.interval_s, d.state,
       (select (l.at at time zone 'Asia/Shanghai')::date from device_state_log l
        where l.device_id = d.id and l.to_state = 'installed' order by l.id desc limit 1),
       (select (l.at at time zone 'Asia/Shanghai')::date from device_state_log l
        where l.device_id = d.id and l.to_state = 'accepted' order by l.id desc limit 1),
       d.owner, d.responsible_body
from device d where d.uid = any(%s) order by d.uid for no key update of d

-- name: contacts_by_id
select c.id, (select r.code from region r where r.id = c.region_id), c.name, c.role, c.phone, c.language, c.wecom_id,
       c.wechat_id, c.email, c.endpoint, (select o.code from organisation o where o.id = c.organisation_id),
       (select h.code from home h where h.id = c.home_id)
from contact c where c.id = any(%s) order by c.id for no key update of c

-- name: with_credential
select uid from device_credential where uid = any(%s)

-- name: region_levels
select code, level from region where code = any(%s)

-- name: homes_there
select code from home where code = any(%s)

-- name: device_ties
-- Type, what it is part of, and whether it has parts.
select d.uid, d.type, (select w.uid from device w where w.id = d.part_of_id),
       exists (select 1 from device p where p.part_of_id = d.id)
from device d where d.uid = any(%s)
