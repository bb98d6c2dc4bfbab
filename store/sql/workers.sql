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
select count(*) from notification where ended_at is null and accepted_at is null and created_at < %s
