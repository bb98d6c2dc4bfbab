-- name: upkeep_done
select done_at from upkeep where what = %s

-- name: note_upkeep
insert into upkeep (what, done_at) values (%s, %s)
on conflict (what) do update set done_at = excluded.done_at

-- name: delete_old_rejects
delete from rejects where id in (select id from rejects where received_at < %s order by received_at limit %s)

-- name: delete_old_bad_clocks
delete from bad_clock_reading where received_at < %s

-- name: drop_old_telemetry
select drop_chunks('telemetry', older_than => %s::timestamptz)

-- name: compression_enabled
select compression_enabled from timescaledb_information.hypertables
where hypertable_schema = current_schema() and hypertable_name = 'telemetry'

-- name: enable_compression
alter table telemetry set (
    timescaledb.compress, timescaledb.compress_segmentby = 'device_id', timescaledb.compress_orderby = 'ts desc'
)

-- name: policy_interval
-- After how long TimescaleDB's own job of this kind acts on telemetry; no row where there is none.
select coalesce(config ->> 'compress_after', config ->> 'drop_after')::interval
from timescaledb_information.jobs
where hypertable_schema = current_schema() and hypertable_name = 'telemetry' and proc_name = %s

-- name: add_compression_policy
select add_compression_policy('telemetry', compress_after => %s::interval)

-- name: remove_compression_policy
select remove_compression_policy('telemetry')

-- name: add_retention_policy
select add_retention_policy('telemetry', drop_after => %s::interval)

-- name: remove_retention_policy
select remove_retention_policy('telemetry')
