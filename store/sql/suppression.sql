-- name: suppression_candidates
-- Open alarms that something suppresses, has suppressed or may suppress, and those of which a message is held back.
select a.id
from alarm a join device d on d.id = a.device_id left join home h on h.id = d.home_id
where a.closed_at is null and a.condition <> 'pending'
  and (a.suppression <> 'none' or h.vacant or d.state <> 'in_service'
       or exists (select 1 from maintenance m where m.ended_at is null and m.begins_at <= %(now)s and m.ends_at > %(now)s)
       or exists (select 1 from shelving s where s.ended_at is null and s.device_id = a.device_id)
       or exists (select 1 from shelving s where s.ended_at is null and s.alarm_id = a.id)
       or exists (select 1 from flap f where f.device_id = a.device_id and f.rule = a.rule
                  and f.flapping_since is not null)
       or (a.rule = any(%(covered)s)
           and exists (select 1 from alarm o where o.device_id = a.device_id and o.id <> a.id and o.closed_at is null
                       and o.condition in ('active', 'recovering'))))
union
select alarm_id from withheld where ended_at is null and alarm_id is not null

-- name: may_be_suppressed
-- Whether there is anything to ask about an alarm: for most there is not, and this is a quarter of what asking costs.
select a.suppression <> 'none' or a.suppression_reason <> '' or d.state <> 'in_service' or coalesce(h.vacant, false)
       or exists (select 1 from maintenance m where m.ended_at is null and m.begins_at <= %(now)s and m.ends_at > %(now)s)
       or exists (select 1 from shelving s where s.ended_at is null and s.device_id = a.device_id)
       or exists (select 1 from shelving s where s.ended_at is null and s.alarm_id = a.id)
       or exists (select 1 from flap f where f.device_id = a.device_id and f.rule = a.rule
                  and f.flapping_since is not null)
       or exists (select 1 from incident i join incident_device x on x.incident_id = i.id
                  where i.ended_at is null and x.device_id = a.device_id)
       or exists (select 1 from withheld w where w.alarm_id = a.id and w.ended_at is null)
       or exists (select 1 from alarm o where o.device_id = a.device_id and o.id <> a.id and o.closed_at is null
                  and o.condition in ('active', 'recovering'))
from alarm a join device d on d.id = a.device_id left join home h on h.id = d.home_id
where a.id = %(alarm)s

-- name: suppression_facts
-- All that may suppress these alarms, and what does now.
select a.id, a.device_id, a.rule, a.closed_at is not null,
       exists (select 1 from withheld w where w.alarm_id = a.id and w.ended_at is null), a.suppression, a.suppression_reason,
       a.suppressed_until, i.id, d.state, coalesce(h.vacant, false), m.ends_at, s.until, s.scope, f.calm_at,
       array(select o.rule from alarm o where o.device_id = a.device_id and o.id <> a.id and o.closed_at is null
             and o.condition in ('active', 'recovering') and o.suppression = 'none')
from alarm a
join device d on d.id = a.device_id
left join home h on h.id = d.home_id
left join flap f on f.device_id = a.device_id and f.rule = a.rule and f.flapping_since is not null
left join lateral (
    select one.until, case when one.alarm_id is not null then 'alarm' when one.rule is not null then 'rule'
                      else 'device' end as scope
    from shelving one
    where one.ended_at is null and one.until > %(now)s
      and (one.alarm_id = a.id or (one.device_id = a.device_id and coalesce(one.rule, a.rule) = a.rule))
    order by one.alarm_id is null and one.rule is null, one.until desc limit 1
) s on true
left join lateral (
    with recursive up as (
        select h.region_id as id
        union all
        select r.parent_id from region r join up on r.id = up.id where r.parent_id is not null
    )
    select max(w.ends_at) as ends_at from maintenance w
    where w.ended_at is null and w.begins_at <= %(now)s and w.ends_at > %(now)s
      and (w.device_id = a.device_id or w.home_id = h.id or w.region_id in (select id from up))
      and coalesce(w.device_type, d.type) = d.type and coalesce(w.model, d.model) = d.model
) m on true
left join lateral (
    select open.id from incident open join incident_device x on x.incident_id = open.id and x.device_id = a.device_id
    where open.ended_at is null limit 1
) i on true
where a.id = any(%(alarms)s)

-- name: lock_alarms
-- Those that nobody else is at; the others have their turn at the next look.
select id from alarm where id = any(%s) order by id for update skip locked

-- name: set_suppression
update alarm a
set suppression = v.suppression, suppression_reason = v.reason, suppressed_until = v.until,
    incident_id = coalesce(v.incident, a.incident_id)
from unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::bigint[])
     as v (id, suppression, reason, until, incident)
where a.id = v.id

-- name: withhold
-- A message about an alarm that is not written now.
insert into withheld (alarm_id, kind, reason, at) values (%s, %s, %s, %s)
on conflict (alarm_id, kind) where ended_at is null and alarm_id is not null
do update set times = withheld.times + 1

-- name: withhold_active
-- What is going on when its suppression begins is told when that ends, also to those who knew before.
insert into withheld (alarm_id, kind, reason, at)
select a.id, 'raised', v.reason, %(now)s
from unnest(%(alarms)s::bigint[], %(reasons)s::text[]) as v (id, reason) join alarm a on a.id = v.id
where a.condition in ('active', 'recovering') and a.closed_at is null
on conflict (alarm_id, kind) where ended_at is null and alarm_id is not null do nothing

-- name: withhold_cleared
-- That it is over: only for those who know that it began.
insert into withheld (alarm_id, kind, reason, at)
select %(alarm)s, 'cleared', %(reason)s, %(now)s
where exists (select 1 from notification n where n.alarm_id = %(alarm)s and n.kind in ('raised', 'escalation', 'flapping')
              and n.state not in ('failed', 'superseded'))
on conflict (alarm_id, kind) where ended_at is null and alarm_id is not null
do update set times = withheld.times + 1

-- name: end_withheld_of
update withheld set ended_at = %(now)s, outcome = %(outcome)s
where alarm_id = %(alarm)s and kind = %(kind)s and ended_at is null

-- name: withheld_of
-- What is held back about these alarms, whether a newer one of the same rule on the same device goes on or has its own
-- end to tell, and the alarm as it is now. The others have their turn at the next look.
select w.id, w.kind, a.priority,
       exists (select 1 from alarm o where o.device_id = a.device_id and o.rule = a.rule and o.id > a.id
               and ((o.closed_at is null and o.condition in ('active', 'recovering'))
                    or exists (select 1 from withheld v where v.alarm_id = o.id and v.kind = 'cleared'
                               and v.ended_at is null))),
       {columns}
from withheld w join alarm a on a.id = w.alarm_id
where w.alarm_id = any(%s) and w.ended_at is null
order by w.id for update of w, a skip locked limit 200

-- name: end_withheld
update withheld set ended_at = %s, outcome = %s where id = %s and ended_at is null

-- name: count_withheld
select count(*) from withheld where ended_at is null

-- name: end_shelvings
-- Their time is over, or the alarm is.
update shelving s set ended_at = %(now)s
where s.ended_at is null
  and (s.until <= %(now)s or exists (select 1 from alarm a where a.id = s.alarm_id and a.closed_at is not null))

-- name: end_alarms_out_of_service
-- Of devices that have left: nothing that they could still say would end these alarms. What endangers lives waits for a
-- person's acknowledgement all the same, and what a stored device still measures stays open, out of service.
update alarm a
set condition = 'normal', reason = 'device_' || d.state, cleared_at = coalesce(a.cleared_at, %(now)s),
    closed_at = %(now)s, recovering_since = null, deadline = null, suppression = 'out_of_service',
    suppression_reason = 'device_' || d.state, suppressed_until = null
from device d
where d.id = a.device_id and a.id in (
    select o.id from alarm o join device x on x.id = o.device_id
    where o.closed_at is null and o.condition <> 'pending' and x.state in ('stored', 'retired')
      and (o.rule = any(%(silence_rules)s)
           or ((x.state = 'retired' or o.stale)
               and (o.acknowledged_at is not null or not o.rule = any(%(life_safety)s))))
    order by o.id for update of o skip locked)
returning a.id

-- name: flap_of
select changes, flapping_since, told from flap where device_id = %s and rule = %s for update

-- name: keep_flap
insert into flap (device_id, rule, changes, flapping_since, calm_at, told) values (%s, %s, %s, %s, %s, %s)
on conflict (device_id, rule) do update
set changes = excluded.changes, flapping_since = excluded.flapping_since, calm_at = excluded.calm_at,
    told = excluded.told

-- name: note_flap_told
-- Returns a row to the one who is to tell it.
update flap set told = true where device_id = %s and rule = %s and not told returning flapping_since

-- name: calm_flaps
update flap set flapping_since = null, calm_at = null, told = false
where (device_id, rule) in (
    select device_id, rule from flap where flapping_since is not null and calm_at <= %s for update skip locked)

-- name: forget_flaps
delete from flap where (device_id, rule) in (
    select device_id, rule from flap where flapping_since is null and changes[1] < %s for update skip locked)

-- name: maintenance_of_region
-- Announced work on all of a region, now: itself or one above it.
with recursive up as (
    select %(region)s::integer as id
    union all
    select r.parent_id from region r join up on r.id = up.id where r.parent_id is not null
)
select 1 from maintenance m
where m.ended_at is null and m.begins_at <= %(now)s and m.ends_at > %(now)s
  and m.region_id in (select id from up) and m.device_type is null and m.model is null
limit 1

-- name: withhold_incident
insert into withheld (incident_id, kind, params, reason, at) values (%s, 'incident', %s, 'maintenance', %s)
on conflict (incident_id, kind) where ended_at is null and incident_id is not null do nothing

-- name: withheld_incidents
select w.id, w.incident_id, i.region_id, w.params, i.ended_at is not null
from withheld w join incident i on i.id = w.incident_id
where w.ended_at is null order by w.id for update of w skip locked

-- name: device_for_shelving
select id from device where uid = %s and state <> 'retired'

-- name: alarm_for_shelving
select device_id, rule from alarm where id = %s and condition <> 'pending' and closed_at is null

-- name: insert_shelving
insert into shelving (alarm_id, device_id, rule, why, by, began_at, until) values (%s, %s, %s, %s, %s, %s, %s)
returning id

-- name: end_shelving
update shelving set ended_at = %s, ended_by = %s where id = %s and ended_at is null returning id

-- name: shelving_exists
select 1 from shelving where id = %s

-- name: list_shelvings
select s.id, s.alarm_id as alarm, d.uid as device, coalesce(s.rule, a.rule) as rule, h.code as home, r.name as village,
       s.why, s.by, s.began_at, s.until, s.ended_at, s.ended_by
from shelving s
left join alarm a on a.id = s.alarm_id
join device d on d.id = coalesce(s.device_id, a.device_id)
left join home h on h.id = d.home_id
left join region r on r.id = h.region_id
where %(everything)s or (s.ended_at is null and s.until > %(now)s)
order by s.ended_at is not null, s.id desc limit 500

-- name: place_for_maintenance
select (select id from region where code = %(region)s), (select id from home where code = %(home)s),
       (select id from device where uid = %(device)s)

-- name: insert_maintenance
insert into maintenance (region_id, home_id, device_id, device_type, model, why, by, begins_at, ends_at, created_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
returning id

-- name: end_maintenance
update maintenance set ended_at = %(now)s, ended_by = %(by)s
where id = %(id)s and ended_at is null and ends_at > %(now)s
returning id

-- name: maintenance_exists
select 1 from maintenance where id = %s

-- name: list_maintenance
select m.id, r.code as region, r.name as region_name, h.code as home, d.uid as device, m.device_type, m.model, m.why,
       m.by, m.begins_at, m.ends_at, m.created_at, m.ended_at, m.ended_by,
       m.ended_at is null and m.begins_at <= %(now)s and m.ends_at > %(now)s as under_way
from maintenance m
left join region r on r.id = m.region_id
left join home h on h.id = m.home_id
left join device d on d.id = m.device_id
where %(everything)s or (m.ended_at is null and m.ends_at > %(now)s)
order by m.begins_at desc, m.id desc limit 500
