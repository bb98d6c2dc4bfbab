-- Rollups: what each device measured in a quarter of an hour and in a day. The metric columns come from the catalogue
-- (store/aggregates.py), not from here. Kept up by store/rollup.py, the same on both editions.

create table telemetry_15m (
    bucket    timestamptz not null,    -- begin of the quarter of an hour
    device_id integer not null,
    readings  integer not null         -- how many, whatever they hold
);
select create_hypertable('telemetry_15m', 'bucket', chunk_time_interval => interval '7 days', create_default_indexes => false);
create unique index telemetry_15m_device_bucket on telemetry_15m (device_id, bucket);

create table telemetry_1d (
    bucket    timestamptz not null,    -- midnight in China, where the day begins
    device_id integer not null,
    readings  integer not null
);
select create_hypertable('telemetry_1d', 'bucket', chunk_time_interval => interval '90 days', create_default_indexes => false);
create unique index telemetry_1d_device_bucket on telemetry_1d (device_id, bucket);

-- Buckets that no longer say what is in the rows below them. Only ever inserted, in the transaction that stores the
-- readings, and deleted by who recomputes: writers share no row and never wait for each other.
create table rollup_pending (
    grain    text not null check (grain in ('15m', '1d')),
    bucket   timestamptz not null,
    devices  integer[],                -- whose; null: anybody's
    noted_at timestamptz not null default now()
);
create index rollup_pending_bucket on rollup_pending (grain, bucket);

-- When something that is done daily was last done.
create table upkeep (
    what    text primary key,
    done_at timestamptz not null
);

-- What is stored already, and what a program of the version before stores until it is replaced: every bucket of every
-- chunk. Noted as of before the bucket began, so that one still to come waits for its end.
insert into rollup_pending (grain, bucket, noted_at)
select '15m', bucket, bucket - interval '1 second'
from timescaledb_information.chunks,
     generate_series(range_start, range_end - interval '15 minutes', interval '15 minutes') as bucket
where hypertable_schema = current_schema() and hypertable_name = 'telemetry';
