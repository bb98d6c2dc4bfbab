-- name: put_organisations
insert into organisation (code, name, kind)
select * from unnest(%s::text[], %s::text[], %s::text[])
on conflict (code) do update set name = excluded.name, kind = excluded.kind
where (organisation.name, organisation.kind) is distinct from (excluded.name, excluded.kind)

-- name: take_zones_away
delete from organisation_zone z using organisation o, region r
where o.id = z.organisation_id and r.id = z.region_id and o.code = any(%(codes)s::text[])
  and not exists (select 1 from unnest(%(of)s::text[], %(zones)s::text[]) as w (code, zone)
                  where w.code = o.code and w.zone = r.code)

-- name: put_zones
-- All of them, those too that are there: whoever asks counts them.
insert into organisation_zone (organisation_id, region_id)
select o.id, r.id
from unnest(%(of)s::text[], %(zones)s::text[]) as w (code, zone)
join organisation o on o.code = w.code join region r on r.code = w.zone
where o.code = any(%(codes)s::text[])
on conflict (organisation_id, region_id) do update set region_id = excluded.region_id

-- name: put_duties
insert into duty (contact_id, first_day, last_day, days, begins, ends, withdrawn)
select * from unnest(%s::integer[], %s::date[], %s::date[], %s::text[], %s::time[], %s::time[], %s::boolean[])
on conflict (contact_id, first_day, days, begins) do update
set last_day = excluded.last_day, ends = excluded.ends, withdrawn = excluded.withdrawn

-- name: put_substitutes
insert into substitution (contact_id, substitute_id, first_day, last_day, withdrawn)
select * from unnest(%s::integer[], %s::integer[], %s::date[], %s::date[], %s::boolean[])
on conflict (contact_id, substitute_id, first_day) do update
set last_day = excluded.last_day, withdrawn = excluded.withdrawn

-- name: organisations_by_code
select o.code, o.name, o.kind,
       coalesce((select string_agg(r.code, ' ' order by r.code collate "C")
                 from organisation_zone z join region r on r.id = z.region_id where z.organisation_id = o.id), '')
from organisation o where o.code = any(%s) order by o.code for no key update of o

-- name: duties_of
select contact_id, first_day, days, to_char(begins, 'HH24:MI'), last_day, to_char(ends, 'HH24:MI'), withdrawn
from duty where contact_id = any(%s) order by id for no key update

-- name: substitutes_of
select contact_id, substitute_id, first_day, last_day, withdrawn
from substitution where contact_id = any(%s) order by id for no key update

-- name: organisations_there
select code from organisation where code = any(%s)

-- name: every_organisation
select o.code, o.name, o.kind,
       coalesce((select string_agg(r.code, ' ' order by r.code collate "C")
                 from organisation_zone z join region r on r.id = z.region_id where z.organisation_id = o.id), '')
from organisation o order by o.code collate "C"

-- name: every_contact
select r.code, c.name, c.role, c.phone, c.language, c.wecom_id, c.wechat_id, c.email, c.endpoint, o.code, h.code
from contact c
left join region r on r.id = c.region_id
left join organisation o on o.id = c.organisation_id
left join home h on h.id = c.home_id
where num_nonnulls(c.region_id, c.organisation_id, c.home_id) = 1
order by r.code collate "C", o.code collate "C", h.code collate "C",
         coalesce(c.wecom_id, c.wechat_id, c.email, c.endpoint) collate "C"

-- name: every_duty
select r.code, o.code, c.phone, coalesce(c.wecom_id, c.wechat_id, c.email, c.endpoint), d.first_day, d.last_day, d.days,
       to_char(d.begins, 'HH24:MI'), to_char(d.ends, 'HH24:MI'), d.withdrawn
from duty d
join contact c on c.id = d.contact_id
left join region r on r.id = c.region_id
left join organisation o on o.id = c.organisation_id
where c.home_id is null
order by r.code collate "C", o.code collate "C", d.first_day, d.begins, d.days, c.name collate "C", c.id

-- name: every_substitute
select r.code, o.code, c.phone, coalesce(c.wecom_id, c.wechat_id, c.email, c.endpoint),
       t.phone, coalesce(t.wecom_id, t.wechat_id, t.email, t.endpoint), s.first_day, s.last_day, s.withdrawn
from substitution s
join contact c on c.id = s.contact_id
join contact t on t.id = s.substitute_id
left join region r on r.id = c.region_id
left join organisation o on o.id = c.organisation_id
where c.home_id is null
order by r.code collate "C", o.code collate "C", s.first_day, c.name collate "C", t.name collate "C", s.id
