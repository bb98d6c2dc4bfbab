-- Who is told beside the contacts of a region: organisations and relatives; and who of them is on duty when.

create table organisation (
    id   integer generated always as identity primary key,
    code text not null unique,
    name text not null,
    kind text not null                              -- a row of catalogue/data/organisation_kinds.yaml
);

-- Where an organisation answers: these regions with all below them.
create table organisation_zone (
    organisation_id integer not null references organisation on delete cascade,
    region_id       integer not null references region on delete cascade,
    primary key (organisation_id, region_id)
);
create index organisation_zone_region on organisation_zone (region_id);

-- A contact belongs to a region, an organisation or a home (a relative); the canary's test recipient to none.
alter table contact
    add column organisation_id integer references organisation,
    add column home_id         integer references home,
    add constraint contact_belongs_to_one check (num_nonnulls(region_id, organisation_id, home_id) <= 1);
create unique index contact_of_organisation on contact (organisation_id, phone_mark) where organisation_id is not null;
create unique index contact_of_home on contact (home_id, phone_mark) where home_id is not null;

-- A row of a roster: when a contact is on duty for what it belongs to. Days and hours are the villages' own.
create table duty (
    id         integer generated always as identity primary key,
    contact_id integer not null references contact on delete cascade,
    first_day  date not null,
    last_day   date check (last_day >= first_day), -- null: until further notice
    days       text not null default 'every'       -- on which days a shift begins
               check (days ~ '^(every|workdays|rest_days|(mon|tue|wed|thu|fri|sat|sun)(,(mon|tue|wed|thu|fri|sat|sun))*)$'),
    begins     time not null default '00:00' check (begins < '24:00'),
    ends       time not null default '00:00' check (ends < '24:00'), -- not after `begins`: on the next day
    withdrawn  boolean not null default false,
    unique (contact_id, first_day, days, begins)
);

-- Who stands in for a contact that is away.
create table substitution (
    id            integer generated always as identity primary key,
    contact_id    integer not null references contact on delete cascade,
    substitute_id integer not null references contact on delete cascade check (substitute_id <> contact_id),
    first_day     date not null,
    last_day      date check (last_day >= first_day), -- null: until further notice
    withdrawn     boolean not null default false,
    unique (contact_id, substitute_id, first_day)
);

-- What the rosters say of a contact around a day: whether it has stood in one, and the rows of that day or the day before
-- (a night that began then), one array a column; and who stands in for it. They return tables, as only such functions
-- become a part of the query that asks them.
create function roster_around(contact integer, day date)
returns table (stands boolean, first_days date[], last_days date[], days text[], begins time[], ends time[])
language sql stable as $$
    select count(*) > 0,
           coalesce(array_agg(first_day order by id) filter (where last_day is null or last_day >= $2 - 1), array[]::date[]),
           coalesce(array_agg(last_day order by id) filter (where last_day is null or last_day >= $2 - 1), array[]::date[]),
           coalesce(array_agg(x.days order by id) filter (where last_day is null or last_day >= $2 - 1), array[]::text[]),
           coalesce(array_agg(x.begins order by id) filter (where last_day is null or last_day >= $2 - 1), array[]::time[]),
           coalesce(array_agg(x.ends order by id) filter (where last_day is null or last_day >= $2 - 1), array[]::time[])
    from duty x where x.contact_id = $1 and not x.withdrawn and x.first_day <= $2
$$;
create function away_around(contact integer, day date)
returns table (substitutes integer[], first_days date[], last_days date[])
language sql stable as $$
    select coalesce(array_agg(substitute_id order by id), array[]::integer[]),
           coalesce(array_agg(first_day order by id), array[]::date[]),
           coalesce(array_agg(last_day order by id), array[]::date[])
    from substitution s
    where s.contact_id = $1 and not s.withdrawn and s.first_day <= $2 and (s.last_day is null or s.last_day >= $2 - 1)
$$;

-- Whoever keeps a copy of who is told (alerts/standby) hears that it has changed.
create trigger organisation_changed after insert or update or delete on organisation
    for each statement execute function tell_people_changed();
create trigger organisation_zone_changed after insert or update or delete on organisation_zone
    for each statement execute function tell_people_changed();
