-- The role that dashboards read with. It sees everything but the devices' credentials and people's phone numbers.

-- Makes the role if this cluster has none, and grants it what it may read here. Roles belong to the cluster and not to
-- the database, so several databases may come here at once, and a dump restored elsewhere comes without the role:
-- `store.reader` calls this again each time it sets the password.
create function ensure_reader() returns void language plpgsql as $$
declare
    ours constant text := current_schema();
begin
    if to_regrole('nuanshao_reader') is null then
        begin
            create role nuanshao_reader nologin;
            -- a board that asks too much must not hold up ingest
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

    -- a table that holds something secret takes it back here and in its own migration
    revoke all on device_credential, contact from nuanshao_reader;
    grant select (id, region_id, name, role) on contact to nuanshao_reader;
end $$;

select ensure_reader();
