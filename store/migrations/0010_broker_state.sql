-- What the broker says of itself (broker/statistics.py), kept by the alerts process: the newest value of each counter.
create table broker_state (
    name       text primary key,
    value      double precision not null,
    changed_at timestamptz not null,
    risen_at   timestamptz                -- when a value larger than the one before was last seen
);
