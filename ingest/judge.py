"""A decoded reading against the registry, the clock and the catalogue's ranges: a row to store, or a reject. Pure."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from broker.delivery import Delivery
from catalogue.flags import HISTORY, Flag
from catalogue.metrics import METRIC_INDEX, METRICS
from catalogue.wire import CLOCK_AHEAD_S, CLOCK_BEHIND_S, LATE_AFTER_S
from ingest.decode import Event, Reading
from ingest.reject import Reject
from store.columnar import pg_time
from store.copy import TelemetryRow
from store.registry import KnownDevice

_LOW = tuple(metric.low for metric in METRICS)
_HIGH = tuple(metric.high for metric in METRICS)
# plain numbers: on the hot path the arithmetic of an IntFlag costs more than everything that it flags
_NOTHING = 0
_HISTORY = int(HISTORY)
_LATE, _BACKFILL, _CLOCK_SLOW = int(Flag.LATE), int(Flag.BACKFILL), int(Flag.CLOCK_SLOW)
_OUT_OF_RANGE, _WRONG_TYPE, _UNKNOWN_METRIC = int(Flag.OUT_OF_RANGE), int(Flag.WRONG_TYPE), int(Flag.UNKNOWN_METRIC)
_IS_STATE = tuple(metric.kind == "state" for metric in METRICS)
_WIDTH = len(METRICS)


@dataclass(frozen=True, slots=True)
class Judged:
    """A reading that will be stored. Times in ms since 1970; `ts_ms` is the time it is judged on.

    `fingerprint` tells a redelivery where the device's clock cannot; `repeatable` says that the same fingerprint
    means the same reading.
    """

    device: KnownDevice
    ts_ms: int
    received_ms: int
    device_ts_ms: int | None
    seq: int | None
    boot: int | None
    flags: int
    fault: str | None
    values: list[float | None]
    fingerprint: str | None = None
    repeatable: bool = True

    @property
    def late(self) -> bool:
        """Whether it is history: it raises and clears nothing live."""
        return bool(self.flags & _HISTORY)

    @property
    def judged_ms(self) -> int:
        """The time that rules see: a clock that is known to be slow is not believed, though its time is stored."""
        return self.received_ms if self.flags & _CLOCK_SLOW else self.ts_ms

    def row(self) -> TelemetryRow:
        """In the order of the hypertable's columns."""
        claimed = None if self.device_ts_ms is None else pg_time(self.device_ts_ms)
        return (
            pg_time(self.ts_ms), self.device.id, pg_time(self.received_ms), claimed,
            self.seq, self.boot, self.flags, self.fault, *self.values,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class JudgedEvent:
    """An alarm bit that will be stored; fields as in Judged."""

    device: KnownDevice
    type: str
    on: bool
    ts_ms: int
    received_ms: int
    device_ts_ms: int | None
    flags: int
    fingerprint: str | None = None
    repeatable: bool = True

    @property
    def late(self) -> bool:
        """Whether it is history: it raises and clears nothing live."""
        return bool(self.flags & _LATE)

    @property
    def judged_ms(self) -> int:
        """The time that rules see."""
        return self.ts_ms


def device_for(topic_uid: str, named_uid: str | None, registry: dict[str, KnownDevice]) -> KnownDevice | Reject:
    """The device that a message speaks of: the topic's own, or the one that a gateway names."""
    uid = named_uid or topic_uid
    device = registry.get(uid)
    if device is None:
        return Reject("unknown_device", f"{uid[:40]!r} is not registered")
    if topic_uid not in {uid, device.gateway}:
        return Reject("not_behind_gateway", f"the registry does not put {uid!r} behind {topic_uid[:40]!r}")
    if device.state == "retired":
        return Reject("retired_device", f"{uid!r} is retired")
    return device


def judge(reading: Reading, device: KnownDevice, delivery: Delivery, *, backfill: bool) -> Judged:
    """What is stored of the reading: metrics outside their range nulled, the clock believed or not."""
    flags = reading.flags | device.marks | (_BACKFILL if backfill else 0)
    values: list[float | None] = [None] * _WIDTH
    for name, value in reading.m.items():
        place = METRIC_INDEX.get(name)
        if place is None:
            flags |= _UNKNOWN_METRIC
        elif value is True or value is False:
            if _IS_STATE[place]:
                values[place] = float(value)
            else:
                flags |= _WRONG_TYPE
        elif value is not None:
            if _LOW[place] <= value <= _HIGH[place]:
                values[place] = value
            else:
                flags |= _OUT_OF_RANGE
    ts_ms, claimed, clock = judge_clock(reading.ts, delivery.received_ms)
    fingerprint, repeatable = None, True
    if clock:
        flags |= clock
        fingerprint, repeatable = _fingerprint(reading, delivery)
    elif delivery.received_ms - ts_ms > LATE_AFTER_S * 1000:
        flags |= _LATE
    return Judged(
        device, ts_ms, delivery.received_ms, claimed,
        reading.seq, reading.boot, flags, reading.fault, values, fingerprint, repeatable,
    )  # fmt: skip


def judge_event(event: Event, device: KnownDevice, delivery: Delivery) -> JudgedEvent:
    """What is stored of an alarm bit."""
    ts_ms, claimed, clock = judge_clock(event.ts, delivery.received_ms)
    late = not clock and delivery.received_ms - ts_ms > LATE_AFTER_S * 1000
    return JudgedEvent(
        device, event.type, event.on, ts_ms, delivery.received_ms, claimed,
        clock | device.marks | (_LATE if late else 0),
        f"event:{event.type}:{event.on}:{event.ts}" if clock and event.ts else None,
        delivery.duplicate,  # a clock that always says 2000-01-01 must not make the next alarm look like the last
    )  # fmt: skip


_YEAR_0 = -62_135_596_800_000
_YEAR_9999 = 253_402_300_799_999


def judge_clock(ts: float | None, received_ms: int) -> tuple[int, int | None, int]:
    """(time to judge on, the device's own time if that is another one, why): all in ms since 1970."""
    if ts is None or not _YEAR_0 <= ts <= _YEAR_9999:
        return received_ms, None, int(Flag.CLOCK_MISSING)
    ts_ms = int(ts)
    if ts_ms > received_ms + CLOCK_AHEAD_S * 1000:
        return received_ms, ts_ms, int(Flag.CLOCK_AHEAD)
    if ts_ms < received_ms - CLOCK_BEHIND_S * 1000:
        return received_ms, ts_ms, int(Flag.CLOCK_BEHIND)
    return ts_ms, None, _NOTHING


def _fingerprint(reading: Reading, delivery: Delivery) -> tuple[str, bool]:
    """A name for a reading whose time cannot name it, and whether a second one of that name is the same reading.

    Without `seq` only the broker's DUP mark tells a repetition from news: a dead clock that always says 1970, with
    unchanging values, must not look like silence. Without `boot` too: such a clock and `seq` both start again with
    each power cut, and what follows must not look like what was before.
    """
    if reading.seq is not None:
        return f"{reading.ts}:{reading.boot}:{reading.seq}", reading.boot is not None or delivery.duplicate
    own = zlib.crc32(f"{reading.m}{reading.fault}".encode(), zlib.crc32(delivery.payload))  # it may be one of an array
    return f"{reading.ts}:{reading.boot}:{own:08x}", delivery.duplicate
