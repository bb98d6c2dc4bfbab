-- How many messages the broker has thrown away: `value` begins at 0 again when it restarts.
alter table broker_state add column risen_by double precision;   -- by how much it rose, until a day passed without
update broker_state set risen_by = value where risen_at is not null;
