-- name: recipient_candidates
-- Everybody who could be told of a device or of a region, with their rosters around a day: the contacts of its region and
-- of all above (a region without any is there too), of organisations whose zone holds it, relatives of a vulnerable home.
-- A device without a home belongs to the top of the tree, so that its alarm is not told to nobody. The canary has a
-- recipient of its own, and nobody else hears of it; organisations and relatives do not hear of drills.
with recursive place as (
    select coalesce(%(region)s::int, h.region_id,
                    (select id from region where parent_id is null order by id limit 1)) as region_id,
           case when h.vulnerable then h.id end as home_id, d.drill_id is not null as drill, k.contact_id as canary
    from (values (1)) as one (row)
    left join device d on d.id = %(device)s::int
    left join home h on h.id = d.home_id
    left join canary k on k.device_id = d.id
), up as (
    select r.id, r.parent_id, r.level, 0 as steps
    from region r join place on place.region_id = r.id where place.canary is null
    union all
    select r.id, r.parent_id, r.level, up.steps + 1 from region r join up on r.id = up.parent_id
), crew as (
    select 1 as place, 'region' as source, up.id as owner, up.level as kind, up.steps, c.id as contact_id
    from up left join contact c on c.region_id = up.id
    union all
    select 2, 'organisation', o.id, o.kind, 0, c.id
    from place
    cross join lateral (select distinct z.organisation_id as id
                        from organisation_zone z join up on up.id = z.region_id) as near
    join organisation o on o.id = near.id
    join contact c on c.organisation_id = o.id
    where not place.drill
    union all
    select 3, 'relative', place.home_id, '', 0, c.id
    from place join contact c on c.home_id = place.home_id
    where not place.drill
    union all
    select 4, 'canary', 0, '', 0, canary from place where canary is not null
)
select crew.source, crew.owner, crew.kind, crew.steps, c.id, c.language, ways_of(c),
       coalesce(c.phone_mark, c.wecom_id, c.wechat_id, c.email, c.endpoint),
       roster.stands, roster.first_days, roster.last_days, roster.days, roster.begins, roster.ends,
       away.substitutes, away.first_days, away.last_days
from crew
left join contact c on c.id = crew.contact_id
left join lateral roster_around(c.id, %(day)s::date) as roster on true
left join lateral away_around(c.id, %(day)s::date) as away on true
order by crew.place, crew.steps, crew.owner, c.id

-- name: told_of_incident
-- Who was told, or is about to be, of this incident: they also hear that it is over.
select distinct on (c.id) c.id, c.language, ways_of(c) from notification n join contact c on c.id = n.contact_id
where n.incident_id = %s and n.kind in ('incident', 'escalation') and n.state not in ('failed', 'superseded')
order by c.id

-- name: cause_for_organisations
-- Why an incident is; empty for a drill's, of which organisations do not hear.
select case when drill_id is null then cause else '' end from incident where id = %s

-- name: rosters
-- Everybody of each region and organisation that has a roster, as `recipient_candidates` has them, with the owner's name.
with owner as (
    select distinct c.region_id, c.organisation_id
    from duty x join contact c on c.id = x.contact_id
    where not x.withdrawn and x.first_day <= %(day)s::date and c.home_id is null
)
select case when o.region_id is null then 'organisation' else 'region' end, coalesce(o.region_id, o.organisation_id),
       coalesce(r.name, g.name), 0, c.id, c.language, ways_of(c), c.id::text, roster.*, away.*
from owner o
left join region r on r.id = o.region_id
left join organisation g on g.id = o.organisation_id
join contact c on c.region_id = o.region_id or c.organisation_id = o.organisation_id
left join lateral roster_around(c.id, %(day)s::date) as roster on true
left join lateral away_around(c.id, %(day)s::date) as away on true
order by 1, 2, c.id

-- name: rosters_by_workdays
-- Whether any roster asks on this day or later what a workday is.
select exists (select 1 from duty where days in ('workdays', 'rest_days') and not withdrawn
               and (last_day is null or last_day >= %s))

-- name: duty_regions
-- Regions that have contacts, or the one of this code.
select r.id, r.code, r.name, r.level from region r
where case when %(code)s::text is null then exists (select 1 from contact c where c.region_id = r.id)
           else r.code = %(code)s::text end
order by array_position(array['city', 'county', 'township', 'village'], r.level), r.code collate "C"

-- name: duty_cards
-- Who these contacts are; whom they belong to.
select c.id, c.name, c.role, c.phone, coalesce(r.name, o.name, h.address, '')
from contact c
left join region r on r.id = c.region_id
left join organisation o on o.id = c.organisation_id
left join home h on h.id = c.home_id
where c.id = any(%s)
