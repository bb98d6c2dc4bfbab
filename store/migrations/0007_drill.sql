-- Drills (预案演练): a scenario played on chosen homes of a running deployment. The homes' real devices are left alone;
-- the drill has twins of them, rows of `device` of its own. Nothing but `device.drill_id` says that something is a
-- drill: what a device sends can neither make a reading a drill nor hide one.

create table drill (
    id         integer generated always as identity primary key,
    name       text not null,
    scenario   text not null,
    homes      integer not null check (homes > 0),
    started_by text not null,
    started_at timestamptz not null,
    ends_at    timestamptz not null,       -- the alerts process ends it then, whoever has died meanwhile
    ended_at   timestamptz,
    check (ends_at > started_at)
);
create index drill_running on drill (ends_at) where ended_at is null;

alter table device add column drill_id integer references drill;
alter table device add constraint device_drill_is_named_so check (drill_id is null or uid like 'drill-%');
create index device_drill on device (drill_id) where drill_id is not null;

alter table alarm add column drill boolean not null default false;
create index alarm_open_drill on alarm (device_id) where drill and closed_at is null;

alter table incident add column drill_id integer references drill;
alter table incident add column drill boolean generated always as (drill_id is not null) stored;
drop index incident_one_open;
create unique index incident_one_open on incident (kind, region_id, coalesce(drill_id, 0)) where ended_at is null;

alter table notification add column drill boolean not null default false;
create index notification_drill on notification (contact_id) where drill;

-- Whoever writes an alarm or a message: the registry decides whether it is a drill.
create function alarm_is_drill() returns trigger language plpgsql as $$
begin
    new.drill := exists (select 1 from device where id = new.device_id and drill_id is not null);
    return new;
end $$;
create trigger alarm_is_drill before insert on alarm for each row execute function alarm_is_drill();

create function notification_is_drill() returns trigger language plpgsql as $$
begin
    new.drill := exists (select 1 from alarm where id = new.alarm_id and drill)
              or exists (select 1 from incident where id = new.incident_id and drill);
    return new;
end $$;
create trigger notification_is_drill before insert on notification
    for each row execute function notification_is_drill();

-- The names behind `flags`, as in catalogue/flags.py (a test holds the two together).
create or replace function reading_flags(flags integer) returns text[] language sql immutable parallel safe as $$
    select coalesce(array_agg(name order by bit), '{}')
    from (values (1, 'clock_ahead'), (2, 'clock_behind'), (4, 'clock_missing'), (8, 'out_of_range'),
                 (16, 'wrong_type'), (32, 'not_a_number'), (64, 'unknown_metric'), (128, 'backfill'),
                 (256, 'late'), (512, 'clock_slow'), (1024, 'not_utf8'), (2048, 'drill')) as known (bit, name)
    where flags & bit <> 0
$$;
