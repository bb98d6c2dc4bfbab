"""Somebody else's file: a map, written as YAML, says which of its columns are what. See docs/simulator.md."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import FiniteFloat, ValidationError, field_validator, model_validator

from catalogue.device_types import DEVICE_TYPE
from catalogue.metrics import METRIC
from catalogue.rows import Record
from catalogue.wire import is_uid
from device_sim.runs.recorded import Row, Unreadable, demand_time
from foundation.errors import NotFound, SettingsError

_SINCE_1970: Final = {"s": 1000.0, "ms": 1.0}
_YES: Final = {"true": 1.0, "on": 1.0, "yes": 1.0, "false": 0.0, "off": 0.0, "no": 0.0}


class UidFrom(Record):
    """`fixed`: the file is of one device. Else `column`, after `prefix`, in small letters."""

    column: str = ""
    fixed: str = ""
    prefix: str = ""

    @model_validator(mode="after")
    def _one_of_both(self) -> UidFrom:
        if bool(self.column) == bool(self.fixed):
            raise ValueError("expected either column or fixed")
        if self.fixed and not is_uid(self.fixed):
            raise ValueError(f"fixed: {self.fixed!r} cannot name a device; expected 4-32 of a-z, 0-9 and -")
        return self


class TimeFrom(Record):
    """`format`: iso, s or ms since 1970, or as strptime; times without a zone of their own are of `zone`."""

    column: str
    format: str = "iso"
    zone: str = "Asia/Shanghai"

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"there is no time zone {zone!r}; expected one such as Asia/Shanghai") from None
        return zone


class MetricFrom(Record):
    """Our value is column × `scale` + `offset`."""

    column: str
    scale: FiniteFloat = 1.0
    offset: FiniteFloat = 0.0


class ForeignMap(Record):
    """The map. `type` is that of all its devices, for their registration; `missing` are words for no value.

    `encoding` and `delimiter` are of a CSV.
    """

    uid: UidFrom
    ts: TimeFrom
    metrics: Mapping[str, MetricFrom]
    type: str | None = None
    seq: str | None = None
    boot: str | None = None
    fault: str | None = None
    missing: tuple[str, ...] = ("", "-", "NA", "N/A", "null", "NULL")
    encoding: str = "utf-8-sig"
    delimiter: str = ","

    @field_validator("metrics")
    @classmethod
    def _in_catalogue(cls, metrics: Mapping[str, MetricFrom]) -> Mapping[str, MetricFrom]:
        unknown = [name for name in metrics if name not in METRIC]
        if unknown or not metrics:
            raise ValueError(f"{unknown[0]} is no metric of the catalogue" if unknown else "expected a metric at least")
        return metrics

    @field_validator("type")
    @classmethod
    def _is_type(cls, name: str | None) -> str | None:
        if name is not None and name not in DEVICE_TYPE:
            raise ValueError(f"there is no device type {name!r}")
        return name

    @field_validator("encoding")
    @classmethod
    def _is_encoding(cls, name: str) -> str:
        try:
            "".encode(name)
        except LookupError:
            raise ValueError(f"there is no encoding {name!r}; expected one such as gbk") from None
        return name

    @field_validator("delimiter")
    @classmethod
    def _is_a_sign(cls, sign: str) -> str:
        if len(sign) != 1:
            raise ValueError("expected one sign")
        return sign

    @property
    def columns(self) -> tuple[str, ...]:
        """The file's columns that are read."""
        single = (self.uid.column, self.ts.column, self.seq, self.boot, self.fault)
        return tuple(dict.fromkeys([*filter(None, single), *(metric.column for metric in self.metrics.values())]))


def read_map(file: Path) -> ForeignMap:
    """The map in a file. Raises NotFound, or SettingsError that names the field."""
    try:
        raw = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except FileNotFoundError:
        raise NotFound(f"there is no map {file.name}", do="see docs/simulator.md") from None
    except OSError as failed:
        raise SettingsError(f"{file.name} cannot be read: {failed.strerror}", do="name a YAML file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as wrong:
        raise SettingsError(f"{file.name}: {' '.join(str(wrong).split())}", do="mend the YAML") from None
    try:
        return ForeignMap.model_validate(raw)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"{file.name}, {where or 'the map'}: {first['msg'].removeprefix('Value error, ')}", do="mend the map"
        ) from None


@dataclass(frozen=True, slots=True)
class Reader:
    """Makes rows of cells by a map; cells are text, or what a Parquet file has in their place."""

    shape: ForeignMap
    _time: Callable[[Any], int]

    def row(self, number: int, cells: Mapping[str, Any]) -> Row:
        """The reading in the file's row `number`. Raises Unreadable that names the column."""
        shape = self.shape
        uid = self.uid(number, cells)
        ts_ms = self.ts_ms(number, cells)
        metrics: dict[str, float] = {}
        for name, source in shape.metrics.items():
            value = self._number(number, source.column, cells)
            if value is not None:
                metrics[name] = round(value * source.scale + source.offset, METRIC[name].decimals)
        fault = self._text(shape.fault, cells)
        if not metrics and fault is None:
            raise Unreadable(number, "all metrics", "no value at all")
        return Row(
            ts_ms, uid, metrics, self._whole(number, shape.seq, cells), self._whole(number, shape.boot, cells), fault
        )

    def uid(self, number: int, cells: Mapping[str, Any]) -> str:
        """Whose reading it is. Raises Unreadable."""
        shape = self.shape.uid
        if shape.fixed:
            return shape.fixed
        name = str(cells.get(shape.column) or "").strip().lower()
        uid = f"{shape.prefix}{name}"
        if not name or not is_uid(uid):
            raise Unreadable(number, shape.column, f"{name[:40]!r} cannot name a device")
        return uid

    def ts_ms(self, number: int, cells: Mapping[str, Any]) -> int:
        """When it was measured. Raises Unreadable."""
        column = self.shape.ts.column
        cell = cells.get(column)
        try:
            found = self._time(cell.strip() if isinstance(cell, str) else cell)
        except (ValueError, TypeError, OverflowError):
            raise Unreadable(number, column, f"{str(cell)[:40]!r} is no time as {self.shape.ts.format}") from None
        demand_time(number, column, found)
        return found

    def _number(self, number: int, column: str, cells: Mapping[str, Any]) -> float | None:
        cell = cells.get(column)
        if cell is None or (isinstance(cell, str) and cell.strip() in self.shape.missing):
            return None
        word = cell.strip().lower() if isinstance(cell, str) else ""
        try:
            value = _YES[word] if word in _YES else float(cell)
        except (ValueError, TypeError):
            raise Unreadable(number, column, f"{str(cell)[:40]!r} is no number") from None
        return value if math.isfinite(value) else None

    def _whole(self, number: int, column: str | None, cells: Mapping[str, Any]) -> int | None:
        if column is None:
            return None
        value = self._number(number, column, cells)
        if value is not None and (value < 0 or value != int(value)):
            raise Unreadable(number, column, f"{value:g} is no whole number from 0 on")
        return None if value is None else int(value)

    def _text(self, column: str | None, cells: Mapping[str, Any]) -> str | None:
        text = "" if column is None else str(cells.get(column) or "").strip()
        return None if text in self.shape.missing else text


def reader(shape: ForeignMap) -> Reader:
    """A reader for this map."""
    zone, form = ZoneInfo(shape.ts.zone), shape.ts.format

    def moment(value: datetime) -> int:
        value = value.replace(tzinfo=zone) if value.tzinfo is None else value
        return round(value.astimezone(UTC).timestamp() * 1000)

    def time(cell: Any) -> int:
        if isinstance(cell, datetime):
            return moment(cell)
        if form in _SINCE_1970:
            return round(float(cell) * _SINCE_1970[form])
        return moment(datetime.fromisoformat(cell) if form == "iso" else datetime.strptime(cell, form))  # noqa: DTZ007 - moment() knows the zone

    return Reader(shape, time)
