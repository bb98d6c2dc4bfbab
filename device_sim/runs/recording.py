"""Opens a recording, whatever it is: our Parquet, our JSON lines, or a foreign CSV or Parquet with its map. Streams."""

from __future__ import annotations

import csv
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from catalogue.device_types import DEVICE_TYPE
from catalogue.metrics import METRIC, METRIC_NAMES
from catalogue.wire import is_uid
from device_sim.arrays import Bools, Ints
from device_sim.runs.foreign import ForeignMap, Reader, read_map, reader
from device_sim.runs.recorded import (
    EARLIEST_MS,
    LATEST_MS,
    Contents,
    Group,
    Refused,
    Row,
    Unreadable,
    demand_time,
    in_window,
    merged,
)
from foundation.errors import NotFound, SettingsError

_SLICE_ROWS: Final = 2000
_JSON: Final = frozenset({".jsonl", ".ndjson", ".json"})
_NO_TIME: Final = -1
"""In place of an empty time: as unbelievable as it is."""


class Recording(Protocol):
    """A file of readings. `contents` reads through it once for who and when; `rows` gives the readings by time.

    What cannot be read is left out, and counted by `refused` while `rows` goes on.
    """

    refused: Refused

    def contents(self) -> Contents:
        """Devices, times, and how many rows."""

    def rows(self) -> Iterator[Row]:
        """The readings."""


def open_recording(file: Path, map_file: Path | None) -> Recording:
    """The recording in `file`. Raises NotFound, and SettingsError for what cannot be one."""
    if not file.is_file():
        raise NotFound(f"there is no file {file}", do="name a Parquet, CSV or JSON lines file")
    shape = None if map_file is None else read_map(map_file)
    ending = file.suffix.lower()
    if ending in _JSON:
        return JsonLines(file)
    if ending == ".parquet":
        return OwnParquet(file) if shape is None else ForeignParquet(file, shape)
    if shape is None:
        raise SettingsError(f"{file.name}: nothing says what its columns are", do="write a map and name it with --map")
    return ForeignCsv(file, shape)


class _Line(msgspec.Struct):
    """A reading as JSON: the wire contract's, with `uid`."""

    uid: str
    ts: int | float
    m: dict[str, float | bool | None] = {}
    seq: int | None = None
    boot: int | None = None
    fault: str | None = None
    type: str | None = None
    home: str | None = None


class JsonLines:
    """One reading a line."""

    def __init__(self, file: Path) -> None:
        self.refused = Refused()
        self._file = file

    def contents(self) -> Contents:
        """See Recording."""
        found = Contents()
        for line in self._lines(Refused()):
            found.devices.setdefault(line.uid, (line.type, line.home))
            found.saw(round(line.ts))
        return found

    def rows(self) -> Iterator[Row]:
        """See Recording."""
        return in_window(
            Row(
                round(line.ts),
                line.uid,
                {name: float(value) for name, value in line.m.items() if value is not None},
                line.seq,
                line.boot,
                line.fault,
            )
            for line in self._lines(self.refused)
        )

    def _lines(self, refused: Refused) -> Iterator[_Line]:
        decoder = msgspec.json.Decoder(_Line)
        with self._file.open("rb") as text:
            for number, raw in enumerate(text, start=1):
                try:
                    line = decoder.decode(raw)
                    _demand_reading(number, line)
                except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
                    refused.note(Unreadable(number, "the line", str(wrong)))
                except Unreadable as wrong:
                    refused.note(wrong)
                else:
                    yield line


def _demand_reading(number: int, line: _Line) -> None:
    if not is_uid(line.uid):
        raise Unreadable(number, "uid", f"{line.uid[:40]!r} cannot name a device")
    demand_time(number, "ts", round(line.ts))
    if not line.m and line.fault is None:
        raise Unreadable(number, "m", "no value at all")


class _Parquet:
    """What both kinds of Parquet have in common."""

    def __init__(self, file: Path, needed: tuple[str, ...]) -> None:
        self.refused = Refused()
        try:
            self._file = pq.ParquetFile(file)
        except (pa.ArrowException, OSError) as wrong:
            raise SettingsError(f"{file.name} is no Parquet file: {' '.join(str(wrong).split())}") from None
        self._names = tuple(self._file.schema_arrow.names)
        missing = [name for name in needed if name not in self._names]
        if missing:
            raise SettingsError(f"{file.name} has no column {missing[0]!r}", do=f"it has {', '.join(self._names[:12])}")
        sizes = [self._file.metadata.row_group(number).num_rows for number in range(self._file.num_row_groups)]
        # rows are counted from 1
        self._first_row = [1 + sum(sizes[:number]) for number in range(len(sizes))]


class OwnParquet(_Parquet):
    """As `simulate generate` writes it: the hypertable's columns and home, type, uid."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, ("ts", "uid"))
        for name, kind in zip(self._names, self._file.schema_arrow.types, strict=True):
            expected = _expected(name)
            plain = kind.value_type if pa.types.is_dictionary(kind) else kind
            if expected is not None and not any(fits(plain) for fits in (pa.types.is_null, *expected[1])):
                raise SettingsError(
                    f"{file.name}, column {name}: {plain}, expected {expected[0]}",
                    do="write a map and name it with --map",
                )

    def contents(self) -> Contents:
        """See Recording."""
        found = Contents()
        who = [name for name in ("uid", "type", "home") if name in self._names]
        for number in range(self._file.num_row_groups):
            table = self._file.read_row_group(number, columns=[*who, "ts"])
            plain = pa.table({name: table[name].cast(pa.string()) for name in who})
            for row in plain.group_by(who).aggregate([]).to_pylist():
                if row["uid"] is not None and is_uid(row["uid"]):
                    found.devices.setdefault(row["uid"], (row.get("type"), row.get("home")))
            stamps = _ms(table["ts"])
            stamps = stamps[_believable(stamps)]
            if len(stamps):
                found.saw(int(stamps.min()))
                found.saw(int(stamps.max()))
                found.rows += len(stamps) - 2
        return found

    def rows(self) -> Iterator[Row]:
        """See Recording."""
        groups = []
        for number in range(self._file.num_row_groups):
            stamps = _ms(self._file.read_row_group(number, columns=["ts"])["ts"])
            first_ms = stamps[_believable(stamps)].min(initial=LATEST_MS)
            groups.append(Group(int(first_ms), len(stamps), partial(self._group, number)))
        return merged(groups)

    def _group(self, number: int) -> Iterator[Row]:
        table = self._file.read_row_group(number, columns=self._wanted(number))
        stamps = _ms(table["ts"])
        believable = _believable(stamps)
        for place in np.flatnonzero(~believable).tolist():
            try:
                demand_time(self._first_row[number] + place, "ts", int(stamps[place]))
            except Unreadable as wrong:
                nothing = Unreadable(self._first_row[number] + place, "ts", "no time at all")
                self.refused.note(nothing if stamps[place] == _NO_TIME else wrong)
        order = np.argsort(stamps, kind="stable")
        order = order[believable[order]]
        metrics = [name for name in table.column_names if name in METRIC]
        for start in range(0, len(order), _SLICE_ROWS):
            places = order[start : start + _SLICE_ROWS]
            part = table.take(pa.array(places))
            columns = {name: part[name].to_pylist() for name in metrics}
            others = {
                name: part[name].to_pylist() if name in part.column_names else [None] * len(places)
                for name in ("uid", "seq", "boot", "fault")
            }
            for at, place in enumerate(places.tolist()):
                uid = others["uid"][at]
                if uid is None or not is_uid(uid):
                    self.refused.note(
                        Unreadable(self._first_row[number] + place, "uid", f"{uid!r} cannot name a device")
                    )
                    continue
                values = {
                    name: round(value, METRIC[name].decimals)
                    for name, column in columns.items()
                    if (value := column[at]) is not None and math.isfinite(value)
                }
                if not values and others["fault"][at] is None:
                    self.refused.note(Unreadable(self._first_row[number] + place, "all metrics", "no value at all"))
                    continue
                yield Row(int(stamps[place]), uid, values, *(others[name][at] for name in ("seq", "boot", "fault")))

    def _wanted(self, number: int) -> list[str]:
        """The columns that the types of this row group have; all metrics where a type is not said."""
        metrics: set[str] = set(METRIC_NAMES)
        if "type" in self._names:
            types = pc.unique(self._file.read_row_group(number, columns=["type"])["type"].cast(pa.string())).to_pylist()
            if all(name in DEVICE_TYPE for name in types):
                metrics = {metric for name in types for metric in DEVICE_TYPE[name].all_metrics}
        return [name for name in self._names if name in metrics or name in {"ts", "uid", "seq", "boot", "fault"}]


class _Foreign(ABC):
    """Rows by a map, whatever the cells come from."""

    refused: Refused
    _reader: Reader

    def contents(self) -> Contents:
        """See Recording."""
        found, shape = Contents(), self._reader.shape
        for number, cells in self._cells(Refused()):
            try:
                uid, ts_ms = self._reader.uid(number, cells), self._reader.ts_ms(number, cells)
            except Unreadable:
                continue
            found.devices.setdefault(uid, (shape.type, None))
            found.saw(ts_ms)
        return found

    def rows(self) -> Iterator[Row]:
        """See Recording."""
        return in_window(self._readable())

    def _readable(self) -> Iterator[Row]:
        for number, cells in self._cells(self.refused):
            try:
                yield self._reader.row(number, cells)
            except Unreadable as wrong:
                self.refused.note(wrong)

    @abstractmethod
    def _cells(self, refused: Refused) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """The file's rows, each with its number as people count; what is no row goes to `refused`."""


class ForeignCsv(_Foreign):
    """A CSV with a line of column names."""

    def __init__(self, file: Path, shape: ForeignMap) -> None:
        self.refused = Refused()
        self._reader = reader(shape)
        self._file = file
        try:
            with file.open(encoding=shape.encoding, newline="") as text:
                names = next(csv.reader(text, delimiter=shape.delimiter), [])
        except UnicodeDecodeError:
            raise SettingsError(
                f"{file.name} is not {shape.encoding}", do="set encoding in the map, e.g. gbk"
            ) from None
        self._names = [name.strip() for name in names]
        missing = [name for name in shape.columns if name not in self._names]
        if missing:
            raise SettingsError(f"{file.name} has no column {missing[0]!r}", do=f"it has {', '.join(self._names[:12])}")

    def _cells(self, refused: Refused) -> Iterator[tuple[int, Mapping[str, Any]]]:
        shape = self._reader.shape
        with self._file.open(encoding=shape.encoding, errors="replace", newline="") as text:
            lines = csv.reader(text, delimiter=shape.delimiter)
            next(lines, None)
            # the line of names is row 1, as a spreadsheet counts
            number = 1
            while True:
                number += 1
                try:
                    cells = next(lines, None)
                except csv.Error as wrong:
                    refused.note(Unreadable(number, "the line", str(wrong)))
                    continue
                if cells is None:
                    return
                if len(cells) == len(self._names):
                    yield number, dict(zip(self._names, cells, strict=True))
                elif cells:
                    expected = f"{len(cells)} columns, expected {len(self._names)}"
                    refused.note(Unreadable(number, "the line", expected))


class ForeignParquet(_Foreign, _Parquet):
    """A Parquet file that is not ours."""

    def __init__(self, file: Path, shape: ForeignMap) -> None:
        _Parquet.__init__(self, file, shape.columns)
        self._reader = reader(shape)

    def _cells(self, refused: Refused) -> Iterator[tuple[int, Mapping[str, Any]]]:
        del refused  # a Parquet file has no broken lines
        number = 0
        for batch in self._file.iter_batches(batch_size=_SLICE_ROWS, columns=list(self._reader.shape.columns)):
            for cells in batch.to_pylist():
                number += 1
                yield number, cells


def _ms(column: Any) -> Ints:
    """A column of times as whole UTC milliseconds, `_NO_TIME` where it is empty."""
    whole = column.cast(pa.timestamp("ms", tz="UTC"), safe=False).cast(pa.int64())
    return np.asarray(pc.fill_null(whole, _NO_TIME).to_numpy(), dtype=np.int64)


def _believable(stamps: Ints) -> Bools:
    return np.asarray((stamps >= EARLIEST_MS) & (stamps < LATEST_MS))


def _expected(name: str) -> tuple[str, tuple[Callable[[Any], bool], ...]] | None:
    """What one of our columns must hold, in words and as checks of its type; None for a column that is not read."""
    kinds = pa.types
    if name == "ts":
        return "times", (kinds.is_timestamp,)
    if name in {"uid", "type", "home", "fault"}:
        return "text", (kinds.is_string, kinds.is_large_string)
    if name in {"seq", "boot"}:
        return "whole numbers", (kinds.is_integer,)
    return ("numbers", (kinds.is_floating, kinds.is_integer, kinds.is_boolean)) if name in METRIC else None
