-- Who lives where with which device, and who is told about it.

create table region (
    id        integer generated always as identity primary key,
    code      text not null unique,               -- GB/T 2260-style code
    name      text not null,
    level     text not null check (level in ('city', 'county', 'township', 'village')),
    parent_id integer references region
);

create table home (
    id             integer generated always as identity primary key,
    code           text not null unique,
    region_id      integer not null references region,
    address        text not null default '',
    vacant         boolean not null default false,
    vulnerable     boolean not null default false, -- a resident who needs help first
    building_class text not null default 'rural_traditional'
);
create index home_region on home (region_id);

create table device (
    id         integer generated always as identity primary key,
    uid        text not null unique check (uid ~ '^[a-z0-9][a-z0-9-]{3,31}$'),
    type       text not null,                      -- a row of catalogue/data/device_types.yaml
    model      text not null default '',
    home_id    integer references home,
    gateway_id integer references device,          -- the gateway that may publish for it
    interval_s integer not null check (interval_s between 1 and 86400),
    state      text not null default 'in_service'
               check (state in ('planned', 'installed', 'accepted', 'in_service', 'stored', 'retired')),
    created_at timestamptz not null default now()
);
create index device_home on device (home_id);

-- What the broker checks; the hash is Mosquitto's own format, the password itself is never stored.
create table device_credential (
    uid        text primary key references device (uid) on update cascade on delete cascade,
    hash       text not null,
    changed_at timestamptz not null default now()
);

create table contact (
    id        integer generated always as identity primary key,
    region_id integer not null references region,
    name      text not null,
    role      text not null default '',
    phone     text not null,
    unique (region_id, phone)
);

create function tell_registry_changed() returns trigger language plpgsql as $$
begin
    perform pg_notify('nuanshao_registry', tg_table_name);
    return null;
end $$;

create trigger device_changed after insert or update or delete on device
    for each statement execute function tell_registry_changed();
create trigger device_credential_changed after insert or update or delete on device_credential
    for each statement execute function tell_registry_changed();
