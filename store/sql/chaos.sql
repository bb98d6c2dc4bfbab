-- name: devices_by_id
select id, uid from device

-- name: what_is_stored
-- Every reading and every event: whose, measured when and received when, in ms.
select device_id, (extract(epoch from ts) * 1000)::bigint, (extract(epoch from received_at) * 1000)::bigint
from telemetry
union all
select device_id, (extract(epoch from ts) * 1000)::bigint, (extract(epoch from received_at) * 1000)::bigint
from device_event

-- name: what_is_rejected
select topic, payload from rejects

-- name: critical_alarms
-- Each critical alarm with its messages: whose it is, the key under which a carrier knows the message, and when it took
-- it.
select d.uid, n.idempotency_key, n.accepted_at
from alarm a
join device d on d.id = a.device_id
left join notification n on n.alarm_id = a.id and n.kind = 'raised'
where a.priority = 'critical' and a.condition <> 'pending'

-- name: messages_under_way
-- Neither taken by a carrier nor ended; taken, and without a receipt. From a moment on villages really are silent: what
-- is said of them then is nobody's concern.
select count(*) filter (where accepted_at is null), count(*) filter (where accepted_at is not null)
from notification where ended_at is null and (incident_id is null or created_at < %s)

-- name: count_incidents
select count(*) from incident where recorded_at < %s and kind in ('village_silent', 'gateway_silent')
