"""The readings of one device from a CSV file: `ts`, metrics, alarm bits, the maker's `fault`; rows in any order.

`ts` is ISO 8601 (without an offset: UTC), or a number: seconds, or milliseconds from 100 000 000 000 on. An empty cell
is a value that was not sent. What ingest would null, because it is outside a metric's range, is nulled here too.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final

from catalogue.event_types import EVENT_TYPE
from catalogue.metrics import METRIC, METRIC_INDEX, METRICS
from foundation.errors import SettingsError

MILLISECONDS_FROM: Final = 1e11
"""As seconds that would be the year 5138."""
_OTHERS: Final = frozenset({"ts", "fault"})
LATEST_MS: Final = 253_402_300_799_000
"""The last second of the year 9999, the end of what Python's datetime holds."""


@dataclass(frozen=True, slots=True)
class RecordedDevice:
    """The device of a recording; what is not said of it is in no rule's scope."""

    type: str
    interval_s: int
    id: int = 1
    vendor: str = ""
    model: str = ""
    building_class: str = ""
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Recorded:
    """Taken as received the moment it was measured. Times in ms since 1970."""

    device: RecordedDevice
    judged_ms: int

    @property
    def received_ms(self) -> int:
        """When we would have had it."""
        return self.judged_ms

    @property
    def late(self) -> bool:
        """Never: nobody knows when it came."""
        return False


@dataclass(frozen=True, slots=True)
class RecordedReading(_Recorded):
    """A row of the file."""

    values: Sequence[float | None]
    bits: dict[str, bool]
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedBit(_Recorded):
    """An alarm bit as a device would have sent it."""

    type: str
    on: bool


def read_recording(
    file: Path, device_type: str, interval_s: float | None = None, *, vendor: str = "", model: str = ""
) -> list[RecordedReading]:
    """The readings in order of time, each time once (the first row counts, as in the database).

    Without `interval_s` the device is taken to sample at the median of the distances. Raises SettingsError that names
    the file, the line and the column.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            rows = list(_rows(file.name, csv.reader(opened)))
    except (OSError, UnicodeDecodeError, csv.Error) as failed:
        reason = failed.strerror if isinstance(failed, OSError) else str(failed)
        raise SettingsError(f"cannot read {file}: {reason}", do="give a CSV file in UTF-8") from None
    usual_s = interval_s or _usual_distance_s(sorted({ts_ms for ts_ms, _ in rows}))
    device = RecordedDevice(device_type, max(1, round(usual_s)), vendor=vendor, model=model)
    return in_order(
        RecordedReading(device, ts_ms, _in_catalogue_order(values), bits, fault)
        for ts_ms, (values, bits, fault) in rows
    )


def in_order(readings: Iterable[RecordedReading]) -> list[RecordedReading]:
    """One device's readings in order of time, each time once: the first that came counts, as in the database."""
    by_time: dict[int, RecordedReading] = {}
    for reading in readings:
        by_time.setdefault(reading.judged_ms, reading)
    return [by_time[ts_ms] for ts_ms in sorted(by_time)]


_Said = tuple[dict[str, float], dict[str, bool], str | None]
_Row = tuple[int, _Said]


def _rows(name: str, lines: Iterable[list[str]]) -> Iterable[_Row]:
    header: list[str] | None = None
    for number, cells in enumerate(lines, start=1):
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = _header(name, number, [cell.strip() for cell in cells])
        elif len(cells) != len(header):
            raise SettingsError(f"{name}:{number}: {len(cells)} columns", do=f"give {len(header)}, as in the header")
        else:
            yield _row(name, number, dict(zip(header, (cell.strip() for cell in cells), strict=True)))
    if header is None:
        raise SettingsError(f"{name} is empty", do="give a header: ts and at least one metric")


def _header(name: str, number: int, columns: list[str]) -> list[str]:
    for column in columns:
        if columns.count(column) > 1:
            raise SettingsError(f"{name}:{number}: the column {column!r} stands twice", do="leave one of them")
        if column not in _OTHERS and column not in METRIC and column not in EVENT_TYPE:
            raise SettingsError(
                f"{name}:{number}: unknown column {column!r}",
                do="expected ts, a metric, an event type or fault (nuanshao catalogue shows them)",
            )
    if "ts" not in columns or len(columns) == 1:
        raise SettingsError(f"{name}:{number}: columns {', '.join(columns)}", do="give ts and at least one metric")
    return columns


def _row(name: str, number: int, cells: dict[str, str]) -> _Row:
    values: dict[str, float] = {}
    bits: dict[str, bool] = {}
    for column, text in cells.items():
        if column in _OTHERS or not text:
            continue
        if column in EVENT_TYPE:
            if text not in {"0", "1"}:
                raise SettingsError(f"{name}:{number}: {column}: {text[:40]!r}", do="expected 1, 0 or nothing")
            bits[column] = text == "1"
            continue
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise SettingsError(f"{name}:{number}: {column}: {text[:40]!r}", do="expected a number or nothing")
        if METRIC[column].low <= value <= METRIC[column].high:
            values[column] = value
    return _time_ms(name, number, cells["ts"]), (values, bits, cells.get("fault") or None)


def _time_ms(name: str, number: int, text: str) -> int:
    try:
        found = _milliseconds(text)
    except ValueError:
        found = math.nan
    if not 0 <= found <= LATEST_MS:
        raise SettingsError(
            f"{name}:{number}: ts: {text[:40]!r}", do="expected ISO 8601, or seconds or milliseconds since 1970"
        )
    return round(found)


def _milliseconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000
    return number if number >= MILLISECONDS_FROM else number * 1000


def _in_catalogue_order(values: dict[str, float]) -> list[float | None]:
    ordered: list[float | None] = [None] * len(METRICS)
    for name, value in values.items():
        ordered[METRIC_INDEX[name]] = value
    return ordered


def _usual_distance_s(times_ms: Sequence[int]) -> float:
    distances = [(after - before) / 1000 for before, after in pairwise(times_ms)]
    return median(distances) if distances else 1.0
