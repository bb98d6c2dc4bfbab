-- The registry, complete: what a building needs in heat, who owns what and who answers for it, and a device's life.

alter table home
    add column area_m2          double precision check (area_m2 > 0 and area_m2 < 1e6),
    add column heat_load_w_m2   double precision check (heat_load_w_m2 > 0 and heat_load_w_m2 < 1000), -- null: its class's
    add column owner            text not null default '',
    add column responsible_body text not null default '',
    add column resident         text not null default '';  -- a person's name: kept from the dashboards, see below

alter table device
    add column vendor           text not null default '',
    add column serial           text not null default '',
    add column owner            text not null default '',
    add column responsible_body text not null default '',
    add column part_of_id       integer references device,  -- one asset of several devices, as a multi-energy centre
    add constraint device_stands_before_itself check (id is distinct from gateway_id and id is distinct from part_of_id);
create index device_gateway on device (gateway_id) where gateway_id is not null;
create index device_part_of on device (part_of_id) where part_of_id is not null;

-- The steps of a device's life, as in registry/lifecycle.py (a test holds the two together).
create table device_transition (
    from_state text not null,
    to_state   text not null,
    primary key (from_state, to_state)
);
insert into device_transition values
    ('planned', 'installed'), ('planned', 'retired'),
    ('installed', 'planned'), ('installed', 'accepted'), ('installed', 'retired'),
    ('accepted', 'in_service'), ('accepted', 'stored'), ('accepted', 'retired'),
    ('in_service', 'stored'), ('in_service', 'retired'),
    ('stored', 'in_service'), ('stored', 'retired');

-- When each device came into each state, and by whose hand. `from_state` is null where its row was made.
create table device_state_log (
    id         bigint generated always as identity primary key,
    device_id  integer not null references device on delete cascade,
    from_state text,
    to_state   text not null,
    at         timestamptz not null default now(),
    by         text not null,
    note       text not null default ''
);
create index device_state_log_device on device_state_log (device_id, to_state, id);
insert into device_state_log (device_id, to_state, at, by, note)
select id, state, created_at, session_user, 'as it was found when this log began' from device;

-- Who is at work: what the program has said in this transaction, else the account.
create function registry_hand() returns text language sql stable as $$
    select coalesce(nullif(current_setting('nuanshao.by', true), ''), session_user::text)
$$;

create function refuse_impossible_step() returns trigger language plpgsql as $$
begin
    if not exists (select 1 from device_transition where from_state = old.state and to_state = new.state) then
        raise exception 'device %: % to % is no step of its life', old.uid, old.state, new.state
            using errcode = 'check_violation', constraint = 'device_transition';
    end if;
    return new;
end $$;
create trigger device_step before update of state on device
    for each row when (old.state is distinct from new.state) execute function refuse_impossible_step();

create function log_first_state() returns trigger language plpgsql as $$
begin
    insert into device_state_log (device_id, to_state, by, note)
    select id, state, registry_hand(), coalesce(current_setting('nuanshao.note', true), '') from added;
    return null;
end $$;
create trigger device_first_state after insert on device
    referencing new table as added for each statement execute function log_first_state();

create function log_next_state() returns trigger language plpgsql as $$
begin
    insert into device_state_log (device_id, from_state, to_state, by, note)
    select a.id, b.state, a.state, registry_hand(), coalesce(current_setting('nuanshao.note', true), '')
    from after a join before b on b.id = a.id
    where a.state is distinct from b.state;
    return null;
end $$;
create trigger device_next_state after update on device
    referencing old table as before new table as after for each statement execute function log_next_state();

-- As in 0004, and a resident's name is nobody's business on a wall either. A column that `home` gets later is seen
-- after the next call: `nuanshao migrate` makes one where a reader's password is set.
create or replace function ensure_reader() returns void language plpgsql as $$
declare
    ours constant text := current_schema();
begin
    if to_regrole('nuanshao_reader') is null then
        begin
            create role nuanshao_reader nologin;
            alter role nuanshao_reader set default_transaction_read_only = on;
            alter role nuanshao_reader set statement_timeout = '15s';
        exception
            when duplicate_object or unique_violation then
                null; -- another database was quicker
            when insufficient_privilege then
                raise warning 'no role nuanshao_reader: this account may not create roles; dashboards need it';
                return;
        end;
    end if;

    execute format('grant usage on schema %I to nuanshao_reader', ours);
    execute format('grant select on all tables in schema %I to nuanshao_reader', ours);
    execute format('alter default privileges in schema %I grant select on tables to nuanshao_reader', ours);

    revoke all on device_credential, contact, home from nuanshao_reader;
    grant select (id, region_id, name, role) on contact to nuanshao_reader;
    execute (select format('grant select (%s) on home to nuanshao_reader', string_agg(quote_ident(attname), ', '))
             from pg_attribute
             where attrelid = 'home'::regclass and attnum > 0 and not attisdropped and attname <> 'resident');
end $$;

select ensure_reader();
