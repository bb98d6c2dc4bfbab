"""Stored readings in the order in which they came: that is the order in which they were judged. Pure.

They are read in order of measured time. A device's clock may be five minutes ahead and still be believed, so what was
received five minutes before the newest measured time is complete; what came later waits here, as it did then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from alerts.backtest.county import NOWHERE, County, ReplayedDevice
from catalogue.flags import HISTORY, Flag
from catalogue.metrics import METRIC_INDEX, METRICS
from catalogue.wire import CLOCK_AHEAD_S
from store.stored import StoredReadings

Longs = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

AHEAD_MS: Final = CLOCK_AHEAD_S * 1000
FEWEST: Final = 131_072
"""So many are put in order at once, if they are there: what waits is not copied for each few that come."""
_HISTORY, _SLOW = int(HISTORY), int(Flag.CLOCK_SLOW)
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class ArrivedReading:
    """One reading as rules see it."""

    device: ReplayedDevice
    judged_ms: int
    received_ms: int
    late: bool
    values: Sequence[float | None]
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Arrived:
    """Readings: arrays of one length, `values` with a row a reading and a column a metric, NaN for none."""

    county: County
    metrics: tuple[str, ...]
    place: Longs
    judged_ms: Longs
    received_ms: Longs
    late: Bools
    values: npt.NDArray[np.float64]
    fault: npt.NDArray[np.int32]
    """The maker's code that it carries, as its place among the `codes`; 0 for none."""
    codes: Sequence[str | None]

    def __len__(self) -> int:
        return len(self.place)

    def at(self, rows: Longs | Bools) -> Arrived:
        """Only these: places, or which."""
        return Arrived(
            self.county, self.metrics, self.place[rows], self.judged_ms[rows], self.received_ms[rows],
            self.late[rows], self.values[rows], self.fault[rows], self.codes,
        )  # fmt: skip

    def reading(self, row: int) -> ArrivedReading:
        """One of them."""
        values: list[float | None] = [None] * len(METRICS)
        for name, value in zip(self.metrics, self.values[row].tolist(), strict=True):
            if value == value:  # noqa: PLR0124 - NaN is not itself
                values[METRIC_INDEX[name]] = value
        device = self.county.devices[self.place[row]]
        return ArrivedReading(
            device, int(self.judged_ms[row]), int(self.received_ms[row]), bool(self.late[row]), values,
            self.codes[self.fault[row]],
        )  # fmt: skip

    def screened(self, *suspects: Callable[[OneType], Bools]) -> list[Bools]:
        """Which are suspect to each: asked for each device type by itself, which is put together once for all."""
        found = [np.zeros(len(self), dtype=np.bool_) for _ in suspects]
        types = self.county.type_of[self.place]
        for number in np.flatnonzero(np.bincount(types)).tolist():
            rows = np.flatnonzero(types == number)
            some = OneType(self.county.types[number], self, rows)
            for which, suspect in zip(found, suspects, strict=True):
                which[rows] = suspect(some)
        return found


class OneType:
    """Those of one device type, for `Judgement.suspects`; metrics that none of them has are left out."""

    def __init__(self, device_type: str, arrived: Arrived, rows: Longs) -> None:
        values = arrived.values[rows]
        there = np.atleast_1d(~np.isnan(values).all(axis=0))
        self.device_type = device_type
        self.metrics = tuple(name for name, kept in zip(arrived.metrics, there.tolist(), strict=True) if kept)
        self.values = values[:, there]
        self.device_ids = arrived.county.ids[arrived.place[rows]]
        self._arrived, self._rows = arrived, rows

    def reading(self, row: int) -> ArrivedReading:
        """One of them."""
        return self._arrived.reading(int(self._rows[row]))


class Arrivals:
    """Takes readings in order of measured time, gives them in order of arrival.

    A late reading is kept where `worth` finds it suspect; any other raises and clears nothing, and all that remains of
    it is that its device was heard (`Released.heard`), once a minute.
    """

    def __init__(self, county: County, metrics: tuple[str, ...], worth: Callable[[Arrived], Bools]) -> None:
        self._county, self._metrics, self._worth = county, metrics, worth
        self._heard = np.empty((0, 2), dtype=np.int64)
        self._new: list[Arrived] = []
        self._many = 0
        self._codes: list[str | None] = [None]
        self._numbers: dict[str, int] = {}
        self._waiting = self._nothing()
        self.readings = 0
        """How many have been taken, of devices that are replayed."""

    def take(self, stored: StoredReadings) -> Iterator[Released]:
        """Takes what was measured next; gives what nothing can come before any more, when it is worth the while."""
        arrived = self._arrived(stored)
        self.readings += len(arrived)
        self._new.append(arrived)
        self._many += len(arrived)
        if self._many >= max(FEWEST, len(self._waiting)):
            yield self._release(int(stored.ts_ms.max()) - AHEAD_MS)

    def rest(self) -> Released:
        """Everything that waits."""
        return self._release(np.iinfo(np.int64).max)

    def _release(self, before_ms: int) -> Released:
        new = _joined([self._waiting, *self._new])
        self._new, self._many = [], 0
        idle = np.flatnonzero(new.late)
        idle = idle[~self._worth(new.at(idle))] if len(idle) else idle
        if len(idle):
            seen = np.column_stack((new.place[idle], new.received_ms[idle]))
            seen = seen[np.lexsort((seen[:, 1], seen[:, 0]))]
            # the last of each device and minute
            ends = np.diff(seen[:, 0] * (1 << 31) + seen[:, 1] // _MINUTE_MS, append=-1) != 0
            self._heard = np.concatenate([self._heard, seen[ends]])
            keep = np.ones(len(new), dtype=np.bool_)
            keep[idle] = False
            new = new.at(keep)
        due = new.received_ms < before_ms
        self._waiting = new.at(~due)
        ready = new.at(due)
        ready = ready.at(np.lexsort((ready.judged_ms, ready.received_ms)))
        old = self._heard[:, 1] < before_ms
        heard, self._heard = self._heard[old], self._heard[~old]
        return Released(ready, heard[:, 0], heard[:, 1], before_ms)

    def _arrived(self, stored: StoredReadings) -> Arrived:
        place = self._county.places(stored.device_id)
        values = np.column_stack([stored.metrics[name] for name in self._metrics]) if self._metrics else (
            np.empty((len(stored), 0))
        )  # fmt: skip
        every = Arrived(
            self._county,
            self._metrics,
            place,
            judged_ms(stored),
            stored.received_ms,
            stored.flags & _HISTORY != 0,
            values,
            self._faults(stored),
            self._codes,
        )
        return every if (place != NOWHERE).all() else every.at(place != NOWHERE)

    def _faults(self, stored: StoredReadings) -> npt.NDArray[np.int32]:
        numbers = np.zeros(len(stored), dtype=np.int32)
        for row, code in stored.faults.items():
            number = self._numbers.get(code)
            if number is None:
                number = self._numbers[code] = len(self._codes)
                self._codes.append(code)
            numbers[row] = number
        return numbers

    def _nothing(self) -> Arrived:
        none = np.empty(0, dtype=np.int64)
        return Arrived(
            self._county, self._metrics, none, none, none, np.empty(0, dtype=np.bool_),
            np.empty((0, len(self._metrics))), np.empty(0, dtype=np.int32), self._codes,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Released:
    """What was received before a moment: readings in order, and where and when devices were heard besides."""

    readings: Arrived
    heard_place: Longs
    heard_ms: Longs
    before_ms: int


def judged_ms(stored: StoredReadings) -> Longs:
    """The time that rules see."""
    return np.where(stored.flags & _SLOW != 0, stored.received_ms, stored.ts_ms)


def _joined(parts: list[Arrived]) -> Arrived:
    first = parts[0]
    return Arrived(
        first.county,
        first.metrics,
        np.concatenate([part.place for part in parts]),
        np.concatenate([part.judged_ms for part in parts]),
        np.concatenate([part.received_ms for part in parts]),
        np.concatenate([part.late for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.fault for part in parts]),
        first.codes,
    )
