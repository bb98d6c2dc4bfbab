-- name: create_newest
-- Where the newest readings of a batch wait for the merge, once a session.
create temporary table if not exists newest (like device_latest) on commit delete rows

-- name: copy_newest
copy newest ({columns}) from stdin (format binary)

-- name: merge_newest
-- device_latest never goes back in time: an older reading changes nothing.
insert into device_latest as held ({columns})
select {columns} from newest order by device_id
on conflict (device_id) do update set {assignments}
where excluded.ts > held.ts
