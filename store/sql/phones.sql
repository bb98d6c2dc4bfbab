-- name: stale_phones
-- Some of the contacts whose number is clear, sealed with a key before this one, or without its mark.
select id, region_id, phone from contact
where id > %(after)s and phone is not null and (phone_mark is null or not starts_with(phone, %(current)s))
order by id limit %(most)s for no key update

-- name: marks_taken
-- Which of these marks other contacts of the same region have.
select c.region_id, c.phone_mark
from contact c join unnest(%(regions)s::integer[], %(marks)s::text[]) as x (region_id, mark)
     on c.region_id = x.region_id and c.phone_mark = x.mark
where c.id <> all (%(ids)s)

-- name: seal_phones
update contact c set phone = x.phone, phone_mark = x.mark
from unnest(%(ids)s::integer[], %(phones)s::text[], %(marks)s::text[]) as x (id, phone, mark)
where c.id = x.id

-- name: phones_kept
-- How the numbers of contacts are kept: readable with these keys, clear, sealed with another one. Without the canary's.
select count(*) filter (where x.readable), count(*) filter (where x.clear),
       count(*) filter (where not x.readable and not x.clear)
from (
    select not c.phone ^@ 'p' as clear, c.phone ^@ any(%(beginnings)s::text[]) as readable
    from contact c where c.phone is not null and not exists (select 1 from canary k where k.contact_id = c.id)
) x
