-- Noise control: what keeps people from being told for a while, and what they were not told because of it.

-- `by_design` is ISA-18.2's "suppressed by design": a vacant home, an alarm that flaps. `inhibited` stays an incident's.
alter table alarm
    add column suppression_reason text not null default '',   -- named reason, as in alerts/suppression.py
    add column suppressed_until timestamptz,                  -- when that ends by itself; null: when its cause does
    drop constraint alarm_suppression_check,
    add constraint alarm_suppression_check
        check (suppression in ('none', 'shelved', 'inhibited', 'out_of_service', 'by_design'));

-- A person puts something on the shelf: one alarm, one rule of a device, or a device. It always has an end.
create table shelving (
    id        bigint generated always as identity primary key,
    alarm_id  bigint references alarm,
    device_id integer references device on delete cascade,
    rule      text,
    why       text not null check (why <> ''),
    by        text not null check (by <> ''),
    began_at  timestamptz not null,
    until     timestamptz not null,
    ended_at  timestamptz,
    ended_by  text,                                           -- null: its time was over
    check (num_nonnulls(alarm_id, device_id) = 1),
    check (rule is null or device_id is not null),
    check (until > began_at and until <= began_at + interval '12 hours')
);
create index shelving_alarm on shelving (alarm_id) where ended_at is null;
create index shelving_device on shelving (device_id) where ended_at is null;

-- Work that was announced: a region with all below it, a home or a device; of a region also one type or model only.
create table maintenance (
    id          bigint generated always as identity primary key,
    region_id   integer references region on delete cascade,
    home_id     integer references home on delete cascade,
    device_id   integer references device on delete cascade,
    device_type text,
    model       text,
    why         text not null check (why <> ''),
    by          text not null check (by <> ''),
    begins_at   timestamptz not null,
    ends_at     timestamptz not null,
    created_at  timestamptz not null,
    ended_at    timestamptz,                                  -- ended early, or called off before it began
    ended_by    text,
    check (num_nonnulls(region_id, home_id, device_id) = 1),
    check (region_id is not null or (device_type is null and model is null)),
    check (ends_at > begins_at)
);
create index maintenance_ahead on maintenance (ends_at) where ended_at is null;

-- How often one rule on one device was raised and cleared of late (alerts/flapping.py).
create table flap (
    device_id      integer not null references device on delete cascade,
    rule           text not null,
    changes        timestamptz[] not null,                    -- the newest first, at most 20
    flapping_since timestamptz,
    calm_at        timestamptz,                               -- when it counts as calm if nothing more happens
    told           boolean not null default false,            -- people know that it flaps
    primary key (device_id, rule)
);
create index flap_under_way on flap (calm_at) where flapping_since is not null;

-- A message that was not written because of a suppression. Each ends: told later, or with the reason why not any more.
create table withheld (
    id          bigint generated always as identity primary key,
    alarm_id    bigint references alarm,
    incident_id bigint references incident,
    kind        text not null check (kind in ('raised', 'cleared', 'incident')),
    params      jsonb,                                        -- of an incident: what it was to say
    reason      text not null,
    times       integer not null default 1,                   -- how often it would have been said
    at          timestamptz not null,
    ended_at    timestamptz,
    outcome     text not null default '',
    check ((alarm_id is null) <> (incident_id is null)),
    check ((ended_at is null) = (outcome = ''))
);
create unique index withheld_one_alarm on withheld (alarm_id, kind) where ended_at is null and alarm_id is not null;
create unique index withheld_one_incident on withheld (incident_id, kind)
    where ended_at is null and incident_id is not null;
create index withheld_alarm on withheld (alarm_id);

alter table notification drop constraint notification_kind_check, add constraint notification_kind_check
    check (kind in ('raised', 'cleared', 'incident', 'recovery', 'flapping'));

-- What the report of the alarms' quality looks at.
create index alarm_recorded on alarm (recorded_at) where recorded_at is not null;
create index notification_accepted on notification (accepted_at) where accepted_at is not null;
