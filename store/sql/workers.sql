-- name: heartbeat
insert into worker (kind, name, started_at, connected_since, heartbeat_at, waiting, problem)
values (%s, %s, %s, %s, %s, %s, %s)
on conflict (kind, name) do update
set started_at = excluded.started_at, connected_since = excluded.connected_since,
    heartbeat_at = excluded.heartbeat_at, waiting = excluded.waiting, problem = excluded.problem

-- name: hearing_since
-- Since when some ingest worker has been listening without a break; null while none does.
select min(connected_since) from worker where kind = 'ingest' and heartbeat_at > %s

-- name: workers
select kind, name, started_at, connected_since, heartbeat_at, waiting, problem from worker order by kind, name

-- name: outbox_overdue
select count(*) from notification where ended_at is null and held_for is null and accepted_at is null and created_at < %s and not drill

-- name: told_to_nobody
-- Open alarms of rules that tell people, for which no message was ever made: a region without a contact.
select count(*) from alarm a
where a.closed_at is null and a.condition <> 'pending' and a.suppression = 'none' and a.rule = any(%s) and not a.drill
  and not exists (select 1 from notification n where n.alarm_id = a.id)
  and not exists (select 1 from withheld w where w.alarm_id = a.id and w.outcome not in ('', 'told'))

-- name: forget_worker
-- It has left for good.
delete from worker where kind = %s and name = %s

-- name: workers_out_of_use
-- Ingest workers of this machine's family whose heart has stopped, and that nobody will start again.
select name from worker
where kind = 'ingest' and name ~ %(family)s and not name = any(%(in_use)s) and heartbeat_at < %(dead_before)s
order by name

-- name: keep_broker_state
-- A broker that restarts begins at 0: what it then has is as new as a rise. Several processes may hear the same counter:
-- what was heard before that which stands there is passed over, or it would look like a restart.
with heard as (
    select %(name)s::text as name, %(value)s::double precision as value, %(at)s::timestamptz as at
), compared as (
    select h.*, s.risen_at, s.risen_by,
           h.value - case when h.value >= coalesce(s.value, 0) then coalesce(s.value, 0) else 0 end as rise
    from heard h left join broker_state s using (name)
)
insert into broker_state as held (name, value, changed_at, risen_at, risen_by)
select name, value, at,
       case when rise > 0 then at else risen_at end,
       case when rise > 0 and risen_at > at - %(together)s::interval then risen_by + rise
            when rise > 0 then rise else risen_by end
from compared
on conflict (name) do update
set value = excluded.value, changed_at = excluded.changed_at, risen_at = excluded.risen_at, risen_by = excluded.risen_by
where held.value <> excluded.value and held.changed_at < excluded.changed_at

-- name: broker_dropped
-- Messages that the broker has thrown away by its own count, if that rose since a moment.
select risen_by, risen_at from broker_state where name = 'dropped_messages' and risen_at > %s
