"""A recording's rows, and their order: what was measured when by whom, sorted by time as far as memory allows."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

WINDOW_ROWS: Final = 20_000
"""How far out of order the rows of a text file may be and still come out in order."""
MOST_OPEN_ROWS: Final = 2_000_000
"""Rows of Parquet row groups that are held at once; where more overlap, the order is no longer kept."""
EARLIEST_MS: Final = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp() * 1000)
LATEST_MS: Final = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp() * 1000)
"""A clock that counts from 1970 cannot pace a replay: what comes after it would be decades away."""
_1970: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Row:
    """One reading; `ts_ms` in UTC milliseconds."""

    ts_ms: int
    uid: str
    metrics: dict[str, float]
    seq: int | None = None
    boot: int | None = None
    fault: str | None = None


class Unreadable(Exception):
    """A row that is no reading; `str()` names row, column and reason."""

    def __init__(self, number: int, column: str, why: str) -> None:
        super().__init__(f"row {number}, {column}: {why}")


def demand_time(number: int, column: str, ts_ms: int) -> None:
    """Raises Unreadable for a time at which nobody can have recorded this."""
    if not EARLIEST_MS <= ts_ms < LATEST_MS:
        try:
            year = f"in {(_1970 + timedelta(milliseconds=ts_ms)).year}"
        except OverflowError:
            year = "out of all bounds"
        raise Unreadable(number, column, f"the time is {year}, expected 2000 to 2099")


@dataclass(slots=True)
class Refused:
    """Rows that could not be read: how many, and the first few in words."""

    many: int = 0
    first: list[str] = field(default_factory=list)
    _shown: int = 5

    def note(self, wrong: Unreadable) -> None:
        """One more."""
        self.many += 1
        if len(self.first) < self._shown:
            self.first.append(str(wrong))


@dataclass(slots=True)
class Contents:
    """What a recording holds: type and home of each device (None: not said), from when until when, how many rows."""

    devices: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    first_ms: int | None = None
    last_ms: int | None = None
    rows: int = 0

    @property
    def span_s(self) -> float:
        """From the first to the last reading."""
        return ((self.last_ms or 0) - (self.first_ms or 0)) / 1000.0

    def saw(self, ts_ms: int) -> None:
        """A row of this time."""
        self.rows += 1
        self.first_ms = ts_ms if self.first_ms is None else min(self.first_ms, ts_ms)
        self.last_ms = ts_ms if self.last_ms is None else max(self.last_ms, ts_ms)


def in_window(rows: Iterable[Row], window: int = WINDOW_ROWS) -> Iterator[Row]:
    """The rows by time, where none is more than `window` rows out of place."""
    waiting: list[tuple[int, int, Row]] = []
    for number, row in enumerate(rows):
        heapq.heappush(waiting, (row.ts_ms, number, row))
        if len(waiting) > window:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


@dataclass(frozen=True, slots=True)
class Group:
    """A stretch of a file that knows its first time and size before it is read; `rows` reads it, in order of time."""

    first_ms: int
    size: int
    rows: Callable[[], Iterator[Row]]


def merged(groups: Sequence[Group], most: int = MOST_OPEN_ROWS) -> Iterator[Row]:
    """The rows of all groups by time; a group is read when its time has come, and forgotten when it is through."""
    waiting = sorted(groups, key=lambda group: group.first_ms, reverse=True)
    # (time, number of the group, its next row, the rest, its size)
    opened: list[tuple[int, int, Row, Iterator[Row], int]] = []
    held = number = 0

    def push(rows: Iterator[Row], at: int, size: int) -> int:
        row = next(rows, None)
        if row is None:
            return size
        heapq.heappush(opened, (row.ts_ms, at, row, rows, size))
        return 0

    while waiting or opened:
        while waiting and (not opened or (waiting[-1].first_ms <= opened[0][0] and held < most)):
            group = waiting.pop()
            number += 1
            held += group.size - push(group.rows(), number, group.size)
        if opened:
            _, at, row, rows, size = heapq.heappop(opened)
            yield row
            held -= push(rows, at, size)
