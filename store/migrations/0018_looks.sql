-- What is judged over hours from what is stored (alerts/looks).

-- Numbers that a region sets for itself and all below it, until one nearer says otherwise. Names and ranges:
-- catalogue/data/region_parameters.yaml.
create table region_parameter (
    region_id integer not null references region on delete cascade,
    name      text not null,
    value     double precision not null,
    source    text not null check (source <> ''),  -- where it is written, e.g. the county's contract
    set_by    text not null,
    set_at    timestamptz not null default now(),
    primary key (region_id, name)
);

-- Homes that look as if they burnt coal again: a hint for a visit with its evidence, never a proof and never an alarm.
create table coal_again (
    home_id  integer not null references home on delete cascade,
    day      date not null,                        -- China's
    score    real not null check (score > 0 and score <= 1),
    evidence jsonb not null,                       -- named, with the numbers it rests on (alerts/looks/coal.py)
    primary key (home_id, day)
);
create index coal_again_day on coal_again (day, score desc);
