-- The canary: a detector of its own whose carbon monoxide alarm travels the whole way every few minutes, to a test
-- recipient. It is a drill that never ends: everything that keeps drills out of what is counted keeps it out too.

alter table drill add column canary boolean not null default false;
create unique index drill_one_canary on drill (canary) where canary;

-- Null: the canary's test recipient, who stands in no region and so hears of nothing real.
alter table contact alter column region_id drop not null;

create table canary (
    one          boolean primary key default true check (one),
    drill_id     integer not null references drill,
    device_id    integer not null references device,
    contact_id   integer not null references contact,
    every_s      integer not null check (every_s > 0),
    outside      boolean not null,          -- whether its failure is told past everything that it watches
    in_use       boolean not null default true,
    heartbeat_at timestamptz                -- of the process that runs it
);

-- One row a run. Seconds since the reading was published; null: that leg was not reached.
create table canary_run (
    id          bigint generated always as identity primary key,
    started_at  timestamptz not null,
    reach       text not null check (reach in ('account', 'phone')),  -- how far it is to go at the carrier
    ended_at    timestamptz,
    outcome     text check (outcome in ('ok', 'late', 'lost', 'killed')),
    leg         text,                       -- the first that was late or not reached
    reason      text not null default '',
    published_s double precision,
    stored_s    double precision,
    raised_s    double precision,
    queued_s    double precision,
    accepted_s  double precision,
    delivered_s double precision,
    check ((ended_at is null) = (outcome is null))
);
create unique index canary_run_one_under_way on canary_run ((true)) where ended_at is null;
create index canary_run_started on canary_run (started_at);
