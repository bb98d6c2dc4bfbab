"""Readings as columns: what is as it should be is judged for a whole batch at once, metric by metric.

Readings of one shape become a block: arrays, and no Python object per value. The plain readings of a device type
(ingest/plain.py) are one shape, with a column a metric of the type; of what came another way (from a gateway, in an
array, with a null) a shape is the type with the metrics that one reading has, in its order. Whatever is out of the
ordinary (a clock that is not believed, values that are no numbers, a fault) takes the way of single readings in
ingest/judge.py; a test holds that all ways come to the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from msgspec.structs import astuple

from catalogue.flags import Flag
from catalogue.metrics import METRIC, METRIC_INDEX, METRICS
from catalogue.wire import CLOCK_AHEAD_S, CLOCK_BEHIND_S, LATE_AFTER_S, MAX_PAYLOAD_BYTES
from ingest.clocks import DeviceClocks
from ingest.decode import Reading
from ingest.judge import Judged
from ingest.plain import NOT_PLAIN, PlainType, plain_type
from store.copy import TelemetryRow
from store.registry import KnownDevice

Longs = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

WORTH_A_BLOCK: Final = 16
"""Fewer readings of one shape go as single ones: a block costs a COPY of its own."""
_AHEAD_MS, _BEHIND_MS, _LATE_MS = CLOCK_AHEAD_S * 1000, CLOCK_BEHIND_S * 1000, LATE_AFTER_S * 1000
_LATE, _BACKFILL, _SLOW = int(Flag.LATE), int(Flag.BACKFILL), int(Flag.CLOCK_SLOW)
_OUT_OF_RANGE, _UNKNOWN_METRIC = int(Flag.OUT_OF_RANGE), int(Flag.UNKNOWN_METRIC)
_STATES: Final = frozenset(metric.name for metric in METRICS if metric.kind == "state")


@dataclass(slots=True)
class Block:
    """Readings of one shape. Arrays of one length; times in ms since 1970.

    `values` has a row a reading and a column a metric, NaN where there is none. `judged_ms`: what rules see (Judged).
    """

    device_type: str
    metrics: tuple[str, ...]
    devices: Sequence[KnownDevice]
    device_ids: Longs
    ts_ms: Longs
    judged_ms: Longs
    received_ms: Longs
    seq: Longs
    boot: Longs
    flags: Longs
    values: Values

    def __len__(self) -> int:
        return len(self.devices)

    def at(self, rows: Longs | Bools) -> Block:
        """Only these readings: places, or which."""
        places = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return self._only(places, [self.devices[place] for place in places.tolist()])

    def part(self, start: int, end: int) -> Block:
        """Those from `start` to before `end`, on the same memory."""
        here = slice(start, end)
        return self._only(here, self.devices[here])

    def _only(self, rows: npt.NDArray[Any] | slice, devices: Sequence[KnownDevice]) -> Block:
        return Block(
            self.device_type,
            self.metrics,
            devices,
            self.device_ids[rows],
            self.ts_ms[rows],
            self.judged_ms[rows],
            self.received_ms[rows],
            self.seq[rows],
            self.boot[rows],
            self.flags[rows],
            self.values[rows],
        )

    def row(self, place: int) -> TelemetryRow:
        """One of them in the order of the hypertable's columns."""
        return self.reading(place).row()

    def reading(self, row: int) -> Judged:
        """One of them as a single reading."""
        values: list[float | None] = [None] * len(METRICS)
        for name, value in zip(self.metrics, self.values[row].tolist(), strict=True):
            if value == value:  # noqa: PLR0124 - NaN is not itself
                values[METRIC_INDEX[name]] = value
        return Judged(
            self.devices[row], int(self.ts_ms[row]), int(self.received_ms[row]), None, int(self.seq[row]),
            int(self.boot[row]), int(self.flags[row]), None, values,
        )  # fmt: skip


class _Shape:
    """One shape while its readings are gathered: the devices, six numbers a reading, all values one after the other.

    The six are device id, ts, received, seq, boot and flags. `packed` are the plain readings' values, `values` others'.
    """

    __slots__ = ("device_type", "devices", "heads", "names", "packed", "values")

    def __init__(self, device_type: str, names: tuple[str, ...]) -> None:
        self.device_type = device_type
        self.names = names
        self.devices: list[KnownDevice] = []
        self.heads: list[int] = []
        self.packed = bytearray()
        self.values: list[float | bool | None] = []

    def table(self) -> Values:
        """The values with a row a reading."""
        flat = np.frombuffer(self.packed).copy() if self.packed else _numbers(self.values)
        return flat.reshape(len(self.devices), len(self.names))


class Gathering:
    """Gathers the ordinary readings of a batch. `plain` and `add` say whether they took one; `blocks` has all."""

    def __init__(self, clocks: DeviceClocks) -> None:
        self._clocks = clocks
        self._plain: dict[str, tuple[PlainType, _Shape]] = {}
        self._shapes: dict[str, dict[tuple[str, ...], _Shape]] = {}

    def plain(self, payload: bytes, device: KnownDevice, received_ms: int) -> bool:
        """Takes a `telemetry` message of the device itself if it is as nearly all are."""
        known = self._plain.get(device.type)
        if known is None:
            form = plain_type(device.type)
            known = self._plain[device.type] = form, _Shape(device.type, form.metrics)
        form, shape = known
        if device.state == "retired" or len(payload) > MAX_PAYLOAD_BYTES:
            return False
        try:
            reading = form.decode(payload)
        except NOT_PLAIN:
            return False
        ts = reading.ts
        values = form.pack(*astuple(reading.m))
        if not received_ms - _BEHIND_MS <= ts <= received_ms + _AHEAD_MS or values == form.empty:
            return False
        flags = device.marks
        if received_ms - ts > _LATE_MS:
            flags |= self._late(device, ts, received_ms, 0)
        shape.devices.append(device)
        shape.heads += (device.id, ts, received_ms, reading.seq, reading.boot, flags)
        shape.packed += values
        return True

    def add(self, reading: Reading, device: KnownDevice, received_ms: int, flags: int, *, bools: bool) -> bool:
        """Takes a reading whose clock is believed, that has no fault, and whose values are numbers or missing.

        `flags` are what is known of it besides its own; `bools`: a true or false stands somewhere in the payload.
        """
        ts, seq, boot, metrics = reading.ts, reading.seq, reading.boot, reading.m
        if (
            type(ts) is not int
            or not received_ms - _BEHIND_MS <= ts <= received_ms + _AHEAD_MS
            or seq is None
            or boot is None
            or reading.fault is not None
            or (bools and _wrong_bool(metrics))
        ):
            return False
        if received_ms - ts > _LATE_MS:
            flags |= self._late(device, ts, received_ms, flags)
        names = tuple(metrics)
        shapes = self._shapes.get(device.type)
        if shapes is None:
            shapes = self._shapes[device.type] = {}
        shape = shapes.get(names)
        if shape is None:
            shape = shapes[names] = _Shape(device.type, names)
        shape.devices.append(device)
        shape.heads += (device.id, ts, received_ms, seq, boot, reading.flags | device.marks | flags)
        shape.values += metrics.values()
        return True

    def _late(self, device: KnownDevice, ts: int, received_ms: int, flags: int) -> int:
        """Asked here and not for the whole block: a clock is judged in the order in which its readings came."""
        slow = not flags & _BACKFILL and self._clocks.is_slow(device.id, device.interval_s, ts, received_ms)
        return _SLOW if slow else _LATE

    def blocks(self) -> tuple[list[Block], list[Judged]]:
        """The blocks, and as single readings those of shapes that are not worth one."""
        blocks, single = [], []
        every = [shape for _, shape in self._plain.values()]
        every += [shape for shapes in self._shapes.values() for shape in shapes.values()]
        for shape in every:
            if len(shape.devices) >= WORTH_A_BLOCK:
                blocks.append(_judged(shape))
            elif shape.devices:
                block = _judged(shape)
                single += [block.reading(row) for row in range(len(block))]
        return blocks, single


def _wrong_bool(metrics: dict[str, float | bool | None]) -> bool:
    """Whether true or false stands where a number should."""
    return any((value is True or value is False) and name not in _STATES for name, value in metrics.items())


def _judged(shape: _Shape) -> Block:
    many = len(shape.devices)
    ids, ts_ms, received_ms, seq, boot, flags = np.array(shape.heads, dtype=np.int64).reshape(many, 6).T.copy()
    values = shape.table()
    names = shape.names
    kept = [place for place, name in enumerate(names) if name in METRIC_INDEX]
    if len(kept) < len(names):
        names, values = tuple(names[place] for place in kept), values[:, kept]
        flags |= _UNKNOWN_METRIC
    outside = (values < [METRIC[name].low for name in names]) | (values > [METRIC[name].high for name in names])
    if outside.any():
        values[outside] = np.nan
        flags[outside.any(axis=1)] |= _OUT_OF_RANGE
    judged_ms = np.where(flags & _SLOW, received_ms, ts_ms)
    return Block(
        shape.device_type, names, shape.devices, ids, ts_ms, judged_ms, received_ms, seq, boot, flags, values
    )  # fmt: skip


def _numbers(values: Sequence[float | bool | None]) -> Values:
    try:
        return np.fromiter(values, dtype=np.float64, count=len(values))
    except TypeError:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
