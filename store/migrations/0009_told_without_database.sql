-- What people were told while this database was away, written down when it was back (alerts/standby). No foreign key:
-- a contact may have been removed meanwhile, and what was said to them stays said.

create table told_without_database (
    key             text primary key,             -- the idempotency key that the carrier was given
    device_id       integer not null,
    rule            text not null,
    contact_id      integer not null,
    kind            text not null default 'raised' check (kind in ('raised')),
    measured_at     timestamptz not null,         -- measured time at which the rule was fulfilled
    told_at         timestamptz not null,         -- when the carrier took it
    until           timestamptz not null,         -- when this row was written: raised before this, it is the same danger
    channel         text not null,
    carrier_id      text not null,
    body            text not null,
    notification_id bigint references notification  -- the message that need not be sent because of this one
);
create index told_without_database_about on told_without_database (device_id, rule, contact_id);
create index told_without_database_notification on told_without_database (notification_id)
    where notification_id is not null;

-- Where people live and who is told: whoever keeps a copy hears that it has changed. Not on the channel of `device`: on
-- that one ingest and the broker's accounts read everything again.
create function tell_people_changed() returns trigger language plpgsql as $$
begin
    perform pg_notify('nuanshao_people', tg_table_name);
    return null;
end $$;
create trigger contact_changed after insert or update or delete on contact
    for each statement execute function tell_people_changed();
create trigger home_changed after insert or update or delete on home
    for each statement execute function tell_people_changed();
create trigger region_changed after insert or update or delete on region
    for each statement execute function tell_people_changed();
