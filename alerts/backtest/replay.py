"""Readings and alarm bits through several packs in one pass. Pure: what comes is given, what changes is told."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

import numpy as np

from alerts.backtest.arrivals import Arrivals, Arrived, ArrivedReading, Bools, Released, judged_ms
from alerts.backtest.county import NOWHERE, County, ReplayedDevice
from alerts.backtest.past import ReplayedPast
from alerts.backtest.silence import Gaps, Silences
from alerts.playing import Fill, Played, Player
from catalogue.flags import Flag
from catalogue.rules import RulePack, SilenceRule
from foundation.clock import from_ms
from foundation.settings import settings
from store.stored import StoredEvent, StoredReadings

_LATE: Final = int(Flag.LATE)


@dataclass(frozen=True, slots=True)
class ArrivedEvent:
    """An alarm bit as rules see it."""

    device: ReplayedDevice
    judged_ms: int
    received_ms: int
    late: bool
    type: str
    on: bool


class Listener:
    """One pack, and who is told what becomes of it."""

    def __init__(
        self,
        pack: RulePack,
        county: County,
        note: Callable[[Played], None],
        note_gaps: Callable[[Gaps], None],
        acknowledge_after: timedelta | None = None,
    ) -> None:
        self.rules = pack.rules
        self.player = Player(pack.rules, acknowledge_after, zone=settings().timezone)
        self.silences = Silences(county, (rule for rule in pack.rules if isinstance(rule, SilenceRule)))
        self._note, self._note_gaps = note, note_gaps

    def take(self, played: Iterable[Played]) -> None:
        """Passes on what has changed."""
        for one in played:
            self._note(one)

    def take_gaps(self, gaps: Iterable[Gaps]) -> None:
        """Passes on what began and ended to be silent."""
        for one in gaps:
            self._note_gaps(one)


class Replay:
    """Give it alarm bits of a day before the day's readings, readings in order of measured time, then `end`.

    No deadline after `until` is passed: nobody knows what would have been said by then. `fill` reads what had been
    stored when something came late or out of order; without it each such reading is judged by itself.
    """

    def __init__(self, county: County, packs: Sequence[Listener], until: datetime, fill: Fill | None = None) -> None:
        self._county, self._packs, self._until, self._fill = county, packs, until, fill
        self._players = [one.player for one in packs]
        self.metrics = tuple(sorted(set[str]().union(*(one.player.metrics for one in packs))))
        self.events = tuple(sorted(set[str]().union(*(one.player.events for one in packs))))
        self.faults = any(one.player.faults for one in packs)
        self.past = ReplayedPast(county, (rule for one in packs for rule in one.rules))
        for one in packs:
            one.player.past = self.past
        self._arrivals = Arrivals(county, self.metrics, self._worth)
        self._bits: list[tuple[int, int, int, ArrivedEvent]] = []
        self._numbers = 0
        self._newest_ms = 0
        self._newest_of = np.zeros(len(county.devices), dtype=np.int64)
        """The latest time at which each device measured something, of what has been judged."""
        self.judged = 0
        """Readings that went to the rules one by one: suspect, or of a device with an open alarm."""

    @property
    def readings(self) -> int:
        """How many have been taken."""
        return self._arrivals.readings

    @property
    def devices(self) -> int:
        """How many are replayed."""
        return len(self._county.devices)

    @property
    def bits(self) -> int:
        """How many alarm bits have been taken."""
        return self._numbers

    def remember(self, readings: Iterable[StoredReadings], events: Sequence[StoredEvent]) -> None:
        """What rules that look back find before the first reading that is replayed."""
        self.past.take_events(events)
        for some in readings:
            self._remember(some)

    def take_events(self, stored: Sequence[StoredEvent]) -> None:
        """Alarm bits in any order."""
        self.past.take_events(stored)
        for one in stored:
            place = self._county.place(one.device_id)
            if place != NOWHERE:
                bit = ArrivedEvent(
                    self._county.devices[place], one.ts_ms, one.received_ms, one.flags & _LATE != 0, one.type, one.on
                )
                self._numbers += 1
                heapq.heappush(self._bits, (one.received_ms, one.ts_ms, self._numbers, bit))

    def take(self, stored: StoredReadings) -> None:
        """Readings measured after those that came before."""
        self._remember(stored)
        for released in self._arrivals.take(stored):
            self._play(released)

    def end(self) -> None:
        """Everything that is still waiting, and what was due by the end."""
        self._play(self._arrivals.rest())
        for one in self._packs:
            one.take(one.player.pass_time(self._until))

    def _worth(self, arrived: Arrived) -> Bools:
        found: Bools = np.logical_or.reduce(suspects(arrived, self._players))
        return found

    def _remember(self, stored: StoredReadings) -> None:
        if self.past.metrics:
            self.past.take(stored, self._county.places(stored.device_id), judged_ms(stored))

    def _play(self, released: Released) -> None:
        ready = released.readings
        # where nothing is stored any more nobody was heard, and that says nothing about anybody
        self._newest_ms = max(self._newest_ms, int(ready.received_ms[-1]) if len(ready) else 0)
        until_ms = min(round(self._until.timestamp() * 1000), self._newest_ms)
        self._judge(ready, suspects(ready, self._players), released.before_ms)
        place = np.concatenate([ready.place, released.heard_place])
        heard_ms = np.concatenate([ready.received_ms, released.heard_ms])
        in_time = heard_ms <= until_ms
        for one in self._packs:
            one.take_gaps(one.silences.pass_time(place[in_time], heard_ms[in_time], min(released.before_ms, until_ms)))
        self.past.forget(released.before_ms)

    def _judge(self, ready: Arrived, found: list[Bools], before_ms: int) -> None:
        concerned = np.zeros(len(self._county.devices), dtype=np.bool_)
        for one, which in zip(self._packs, found, strict=True):
            concerned[ready.place[which]] = True
            concerned[self._county.places(one.player.open_devices)] = True
        for received_ms, _, _, bit in self._bits:
            if received_ms < before_ms:
                concerned[self._county.place(bit.device.id)] = True
        rows = np.flatnonzero(concerned[ready.place])
        rows = rows[np.lexsort((ready.judged_ms[rows], ready.place[rows], ready.received_ms[rows]))]
        received, places = ready.received_ms[rows].tolist(), ready.place[rows].tolist()
        columns = [which[rows].tolist() for which in found]
        # what one device sent at once is judged together
        for (received_ms, place), some in groupby(range(len(rows)), lambda at: (received[at], places[at])):
            members = list(some)
            self._play_bits(received_ms)
            self._judge_together(
                ready, rows[members].tolist(), place, [any(column[at] for at in members) for column in columns]
            )
        np.maximum.at(self._newest_of, ready.place, ready.judged_ms)
        self._play_bits(before_ms)

    def _judge_together(self, ready: Arrived, rows: list[int], place: int, suspected: list[bool]) -> None:
        device_id = self._county.devices[place].id
        at = min(from_ms(int(ready.received_ms[rows[0]])), self._until)
        newest_ms = int(self._newest_of[place])
        again = bool(ready.late[rows].any()) or int(ready.judged_ms[rows[0]]) < newest_ms
        self._newest_of[place] = max(newest_ms, int(ready.judged_ms[rows[-1]]))
        readings: list[ArrivedReading] = []
        for one, suspect in zip(self._packs, suspected, strict=True):
            one.take(one.player.pass_time(at))
            if not suspect and not one.player.is_open(device_id):
                continue
            if not readings:
                readings = [ready.reading(row) for row in rows]
                self.judged += len(rows)
            if again and self._fill is not None:
                one.take(one.player.take_together(readings, self._fill))
            else:
                for reading in readings:
                    one.take(one.player.take(reading))

    def _play_bits(self, before_ms: int) -> None:
        bits = self._bits
        while bits and bits[0][0] < before_ms:
            received_ms, _, _, bit = heapq.heappop(bits)
            at = min(from_ms(received_ms), self._until)
            for one in self._packs:
                one.take(one.player.pass_time(at))
                one.take(one.player.take_event(bit))


def suspects(arrived: Arrived, players: Sequence[Player]) -> list[Bools]:
    """Which the rules of each player must see whatever state their devices are in."""
    screened = arrived.screened(*(player.suspects for player in players))
    return [
        found | (arrived.fault != 0) if player.faults else found
        for player, found in zip(players, screened, strict=True)
    ]
