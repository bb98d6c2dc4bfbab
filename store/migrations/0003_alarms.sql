-- Alarms, incidents and the outbox. Words: ISA-18.2 / IEC 62682.

create table incident (
    id          bigint generated always as identity primary key,
    kind        text not null check (kind in ('village_silent')),
    region_id   integer not null references region,
    began_at    timestamptz not null,              -- the first of its devices fell silent
    recorded_at timestamptz not null,
    ended_at    timestamptz,
    homes       integer not null,                  -- homes silent when it was recorded
    of_homes    integer not null,                  -- homes that had been reporting until then
    homes_back  integer not null default 0,
    back_at     timestamptz                        -- when homes_back last changed
);
create unique index incident_one_open on incident (kind, region_id) where ended_at is null;

create table incident_device (
    incident_id bigint not null references incident on delete cascade,
    device_id   integer not null references device on delete cascade,
    primary key (incident_id, device_id)
);

-- One row from the first reading beyond a threshold until the alarm is closed.
-- condition × acknowledged × suppression are independent of each other.
create table alarm (
    id               bigint generated always as identity primary key,
    device_id        integer not null references device,
    rule             text not null,
    pack             text not null,                -- rule pack and version that raised it
    priority         text not null check (priority in ('critical', 'high', 'medium', 'low')),
    condition        text not null check (condition in ('pending', 'active', 'recovering', 'normal')),
    stale            boolean not null default false,   -- its device has fallen silent meanwhile
    late             boolean not null default false,   -- learnt from readings that arrived late
    suppression      text not null default 'none'
                     check (suppression in ('none', 'shelved', 'inhibited', 'out_of_service')),
    incident_id      bigint references incident,       -- what inhibits it
    latching         boolean not null,                 -- closes only when normal AND acknowledged
    since            timestamptz not null,             -- measured time of the first reading beyond the threshold
    raised_at        timestamptz,                      -- measured time at which the rule was fulfilled
    recorded_at      timestamptz,                      -- when we knew
    recovering_since timestamptz,
    cleared_at       timestamptz,
    acknowledged_at  timestamptz,
    acknowledged_by  text,
    acknowledged_how text,
    closed_at        timestamptz,
    deadline         timestamptz,                      -- condition changes then without another message
    last_ts          timestamptz not null,             -- measured time of the newest reading judged
    last_value       double precision,
    peak_value       double precision,
    samples          integer not null default 1,       -- readings beyond the threshold, for rules that want a second one
    reason           text not null                     -- named reason of the last change
);
create unique index alarm_one_open on alarm (device_id, rule) where closed_at is null;
create index alarm_deadline on alarm (deadline) where deadline is not null and closed_at is null;
create index alarm_open on alarm (raised_at) where closed_at is null and condition <> 'pending';
create index alarm_incident on alarm (incident_id) where incident_id is not null;

-- One message to one recipient on one channel, here until it has an end.
create table notification (
    id              bigint generated always as identity primary key,
    alarm_id        bigint references alarm,
    incident_id     bigint references incident,
    kind            text not null check (kind in ('raised', 'cleared', 'incident', 'recovery')),
    contact_id      integer not null references contact,
    channel         text not null,
    template        text not null check (template in ('critical', 'routine')),
    params          jsonb not null,                    -- what the carrier's template is filled with
    body            text not null,                     -- the message as its reader sees it
    idempotency_key text not null unique,
    state           text not null default 'pending'
                    check (state in ('pending', 'sending', 'accepted', 'delivered', 'failed', 'superseded')),
    reason          text not null default '',
    attempts        integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    carrier_id      text,
    created_at      timestamptz not null default now(),
    accepted_at     timestamptz,
    ended_at        timestamptz,
    check ((alarm_id is null) <> (incident_id is null))
);
create index notification_due on notification (next_attempt_at) where ended_at is null;
create index notification_carrier on notification (carrier_id) where carrier_id is not null;
create index notification_alarm on notification (alarm_id);
create index notification_incident on notification (incident_id);

-- The outbox wakes its courier; without this it would be found at the next look.
create function tell_notification_due() returns trigger language plpgsql as $$
begin
    perform pg_notify('nuanshao_outbox', '');
    return null;
end $$;
create trigger notification_created after insert on notification
    for each statement execute function tell_notification_due();

-- Tells this database's messages from those of another one that uses the same account at a carrier.
create table deployment (mark text not null);
insert into deployment values (left(replace(gen_random_uuid()::text, '-', ''), 10));

-- What people answered. The name makes a repeated callback recognisable.
create table reply (
    name        text primary key,
    contact_id  integer not null references contact,
    content     text not null,
    sent_at     timestamptz not null,
    received_at timestamptz not null,
    alarm_id    bigint references alarm,           -- what it acknowledged
    result      text not null
);
