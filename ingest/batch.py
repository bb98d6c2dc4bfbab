"""A batch: the deliveries of a fraction of a second, sorted into rows, events, status and rejects. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import msgspec

from broker.delivery import Delivery
from catalogue.event_types import EVENT_TYPE
from catalogue.flags import BAD_CLOCK, Flag
from catalogue.wire import TOPIC_ROOT, is_uid
from ingest.clocks import DeviceClocks
from ingest.columns import Block, Gathering
from ingest.decode import Reading, Status, decode_event, decode_readings, decode_status
from ingest.judge import Judged, JudgedEvent, device_for, judge, judge_clock, judge_event
from ingest.reject import Reject
from store.registry import KnownDevice

_TOPIC_PARTS = 4
_ROOT, _VERSION = TOPIC_ROOT.split("/")
_ROOT_AND_VERSION, _TELEMETRY = f"{TOPIC_ROOT}/", "/telemetry"
_UID_FROM, _UID_TO = len(_ROOT_AND_VERSION), -len(_TELEMETRY)
_BACKFILL = int(Flag.BACKFILL)
KEPT_PAYLOAD_BYTES = 64 * 1024
"""How much of a rejected payload is kept."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A reject with the message that it stands in."""

    delivery: Delivery
    reject: Reject


@dataclass(frozen=True, slots=True)
class JudgedStatus:
    """A birth or will that will be shown. Times in ms since 1970."""

    device: KnownDevice
    state: str
    session: str
    ts_ms: int
    received_ms: int


@dataclass(slots=True)
class Batch:
    """What one transaction stores. `received` counts readings, events and rejects; a valid status is a hint."""

    blocks: list[Block] = field(default_factory=list)
    readings: list[Judged] = field(default_factory=list)
    events: list[JudgedEvent] = field(default_factory=list)
    statuses: list[JudgedStatus] = field(default_factory=list)
    rejects: list[Rejected] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    """Uids that the registry did not have: worth a look whether somebody has just added them."""

    @property
    def received(self) -> int:
        """Items that the ledger must account for."""
        in_blocks = sum(len(block) for block in self.blocks)
        return in_blocks + len(self.readings) + len(self.events) + len(self.rejects)


def sort_out(deliveries: list[Delivery], registry: dict[str, KnownDevice], clocks: DeviceClocks) -> Batch:
    """Decodes and judges every delivery; nothing is left out."""
    batch, gathering = Batch(), Gathering(clocks)
    for delivery in deliveries:
        topic = delivery.topic
        if topic[_UID_TO:] == _TELEMETRY and topic[:_UID_FROM] == _ROOT_AND_VERSION:
            device = registry.get(topic[_UID_FROM:_UID_TO])
            if device is not None and gathering.plain(delivery.payload, device, delivery.received_ms):
                continue
        parts = topic.split("/")
        if len(parts) != _TOPIC_PARTS or parts[0] != _ROOT or parts[1] != _VERSION or not is_uid(parts[2]):
            batch.rejects.append(Rejected(delivery, Reject("bad_topic", "expected heat/v1/<device uid>/<channel>")))
            continue
        uid, channel = parts[2], parts[3]
        if channel in {"telemetry", "backfill"}:
            _readings(batch, gathering, delivery, uid, registry, clocks, backfill=channel == "backfill")
        elif channel == "event":
            _event(batch, delivery, uid, registry, clocks)
        elif channel == "status":
            _status(batch, delivery, uid, registry)
        else:
            batch.rejects.append(Rejected(delivery, Reject("bad_topic", f"nothing is read from {channel[:40]!r}")))
    batch.blocks, few = gathering.blocks()
    batch.readings += few
    return batch


def _readings(
    batch: Batch,
    gathering: Gathering,
    delivery: Delivery,
    uid: str,
    registry: dict[str, KnownDevice],
    clocks: DeviceClocks,
    *,
    backfill: bool,
) -> None:
    payload, received_ms = delivery.payload, delivery.received_ms
    readings = decode_readings(payload)
    bools = b"true" in payload or b"false" in payload
    flags = _BACKFILL if backfill else 0
    for reading in readings:
        if isinstance(reading, Reject):
            batch.rejects.append(Rejected(delivery, reading))
            continue
        device = _device(batch, uid, reading.id, registry)
        if isinstance(device, Reject):
            if len(readings) > 1:
                # not msgspec's: half of a surrogate pair, which the lenient pass lets through, cannot be encoded
                device = replace(device, excerpt=json.dumps(msgspec.to_builtins(reading)).encode())
            batch.rejects.append(Rejected(delivery, device))
        elif not gathering.add(reading, device, received_ms, flags, bools=bools):
            batch.readings.append(_single(reading, device, delivery, clocks, backfill=backfill))


def _device(batch: Batch, uid: str, named: str | None, registry: dict[str, KnownDevice]) -> KnownDevice | Reject:
    found = device_for(uid, named, registry)
    if isinstance(found, Reject) and found.reason == "unknown_device" and is_uid(named or uid):
        batch.unknown.add(named or uid)
    return found


def _single(
    reading: Reading, device: KnownDevice, delivery: Delivery, clocks: DeviceClocks, *, backfill: bool
) -> Judged:
    judged = judge(reading, device, delivery, backfill=backfill)
    if judged.fingerprint is not None:
        return replace(judged, ts_ms=clocks.place(device.id, delivery.received_ms))
    if judged.late and not backfill and clocks.is_slow(device.id, device.interval_s, judged.ts_ms, judged.received_ms):
        return replace(judged, flags=judged.flags & ~Flag.LATE | Flag.CLOCK_SLOW)
    return judged


def _event(batch: Batch, delivery: Delivery, uid: str, registry: dict[str, KnownDevice], clocks: DeviceClocks) -> None:
    event = decode_event(delivery.payload)
    if isinstance(event, Reject):
        batch.rejects.append(Rejected(delivery, event))
        return
    device = _device(batch, uid, event.id, registry)
    if isinstance(device, Reject):
        batch.rejects.append(Rejected(delivery, device))
    elif event.type not in EVENT_TYPE:
        known = ", ".join(EVENT_TYPE)
        batch.rejects.append(Rejected(delivery, Reject("unknown_event", f"{event.type[:40]!r}, expected {known}")))
    else:
        judged = judge_event(event, device, delivery)
        if judged.flags & BAD_CLOCK:
            judged = replace(judged, ts_ms=clocks.place(device.id, delivery.received_ms))
        batch.events.append(judged)


def _status(batch: Batch, delivery: Delivery, uid: str, registry: dict[str, KnownDevice]) -> None:
    if not delivery.payload:
        return  # MQTT's way to delete a retained message
    status = decode_status(delivery.payload)
    if isinstance(status, Reject):
        batch.rejects.append(Rejected(delivery, status))
        return
    device = _device(batch, uid, None, registry)
    if isinstance(device, Reject):
        batch.rejects.append(Rejected(delivery, device))
    else:
        batch.statuses.append(_judged_status(status, device, delivery))


def _judged_status(status: Status, device: KnownDevice, delivery: Delivery) -> JudgedStatus:
    ts_ms, _, _ = judge_clock(status.ts, delivery.received_ms)
    session = "" if status.session is None else str(status.session)[:64].replace("\0", "?")
    return JudgedStatus(device, status.state, session, ts_ms, delivery.received_ms)
