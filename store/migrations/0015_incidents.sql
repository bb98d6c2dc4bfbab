-- Incidents beside a silent village: a gateway's, an area's, a model's fault, wrong clocks; what caused them, and each
-- device's part in them.

alter table incident drop constraint incident_kind_check;
alter table incident
    add constraint incident_kind_check
        check (kind in ('village_silent', 'gateway_silent', 'area_silent', 'model_fault', 'clock_wrong')),
    add column subject    text not null default '',   -- what it is about beside the region: a gateway's uid, a model
    add column gateway_id integer references device,
    add column cause      text not null default 'unknown', -- named reason of alerts/cause.py
    add column hint       text not null default '',   -- the same in words for people
    add column part_of_id bigint references incident, -- the larger incident that this one is told with
    add column told_at    timestamptz,                -- when the message (of an area: the first digest) was written
    add column told_homes integer not null default 0; -- how many homes the newest digest has counted
drop index incident_one_open;
create unique index incident_one_open on incident (kind, region_id, coalesce(drill_id, 0), subject)
    where ended_at is null;
create index incident_part_of on incident (part_of_id) where part_of_id is not null;
update incident set told_at = recorded_at;

alter table incident_device
    add column silent_since timestamptz,  -- when it was last heard before (of a fault or a clock: since when it is so)
    add column back_at      timestamptz;  -- when it was heard (or well) again
create index incident_device_device on incident_device (device_id);

-- What is wrong with a device by its own readings, from its newest ones (alerts/trouble_watch.py): one row for each
-- time that it began. `trouble` is a maker's code as the device says it, or `clock`.
create table device_trouble (
    device_id integer not null references device on delete cascade,
    trouble   text not null,
    fault     text not null default '',   -- the canonical fault; empty where no table knows the code
    began_at  timestamptz not null,
    seen_at   timestamptz not null,       -- when it was last seen to be so, to the hour
    primary key (device_id, trouble, began_at)
);
create index device_trouble_began on device_trouble (began_at);
-- what has been so before this table was there is not new
insert into device_trouble (device_id, trouble, began_at, seen_at)
select device_id, fault, received_at - interval '30 days', now() from device_latest
where fault is not null and device_id in (select id from device)
union all
select device_id, 'clock', received_at - interval '30 days', now() from device_latest
where flags & 519 <> 0 and device_id in (select id from device);

-- Few rows are in trouble; so these cost an ordinary reading nothing, and a look reads only them.
create index device_latest_fault on device_latest (device_id) where fault is not null;
create index device_latest_clock on device_latest (device_id) where flags & 519 <> 0;
