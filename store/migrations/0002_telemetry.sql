-- What devices measured. The metric columns come from the catalogue (store/columns.py), not from here.

create table telemetry (
    ts          timestamptz not null,  -- measured time; receive time where the device's clock is not believed
    device_id   integer not null,
    received_at timestamptz not null,
    device_ts   timestamptz,           -- what the device's clock said, only where it is not believed
    seq         bigint,
    boot        bigint,
    flags       integer not null default 0,  -- bits: ingest/flags.py and the function reading_flags()
    fault       text
);
select create_hypertable('telemetry', 'ts', chunk_time_interval => interval '1 day', create_default_indexes => false);
create unique index telemetry_device_ts on telemetry (device_id, ts);

-- The newest reading of each device. Never goes back in time (store/sql/latest.sql).
create table device_latest (
    device_id   integer primary key,
    ts          timestamptz not null,
    received_at timestamptz not null,
    device_ts   timestamptz,
    seq         bigint,
    boot        bigint,
    flags       integer not null default 0,
    fault       text
) with (fillfactor = 50);

-- Readings whose clock is not believed are stored under their receive time, so (device_id, ts) cannot tell a
-- redelivery from a new reading. This can.
create table bad_clock_reading (
    device_id   integer not null,
    fingerprint text not null,
    received_at timestamptz not null,
    primary key (device_id, fingerprint)
);

-- The device's own alarm bits.
create table device_event (
    ts          timestamptz not null,
    device_id   integer not null,
    type        text not null,
    is_on       boolean not null,
    received_at timestamptz not null,
    device_ts   timestamptz,
    flags       integer not null default 0
);
select create_hypertable('device_event', 'ts', chunk_time_interval => interval '7 days', create_default_indexes => false);
create unique index device_event_once on device_event (device_id, type, is_on, ts);

-- Birth and will: a hint, never the truth about silence.
create table device_status (
    device_id   integer primary key,
    state       text not null check (state in ('online', 'offline')),
    session     text not null default '',
    ts          timestamptz not null,
    received_at timestamptz not null
);

-- What could not be read or may not be stored, with its reason and (the beginning of) its bytes.
create table rejects (
    id           bigint generated always as identity primary key,
    received_at  timestamptz not null,
    topic        text not null,
    reason       text not null,
    detail       text not null default '',
    payload      bytea not null,
    payload_size integer not null
);
create index rejects_received on rejects (received_at);

-- Which of our processes live. While no ingest worker is connected, a silent device may only be an unheard one.
create table worker (
    kind            text not null check (kind in ('ingest', 'alerts')),
    name            text not null,
    started_at      timestamptz not null,
    connected_since timestamptz,                   -- to the broker; ingest only
    heartbeat_at    timestamptz not null,
    waiting         integer not null default 0,    -- messages received and not yet committed
    problem         text not null default '',      -- what it is retrying, in one line
    primary key (kind, name)
);

-- received = stored + duplicate + rejected, counted in the same transaction as the rows themselves.
create table ledger (
    worker     text not null,
    started_at timestamptz not null,
    received   bigint not null default 0,
    stored     bigint not null default 0,
    duplicate  bigint not null default 0,
    rejected   bigint not null default 0,
    updated_at timestamptz not null default now(),
    primary key (worker, started_at)
);

-- The names behind `flags`, as in ingest/flags.py (a test holds the two together).
create function reading_flags(flags integer) returns text[] language sql immutable parallel safe as $$
    select coalesce(array_agg(name order by bit), '{}')
    from (values (1, 'clock_ahead'), (2, 'clock_behind'), (4, 'clock_missing'), (8, 'out_of_range'),
                 (16, 'wrong_type'), (32, 'not_a_number'), (64, 'unknown_metric'), (128, 'backfill'),
                 (256, 'late'), (512, 'clock_slow'), (1024, 'not_utf8')) as known (bit, name)
    where flags & bit <> 0
$$;
