"""Which stored readings have to be read once more because of a batch, and the reading of them (alerts/hindsight.py)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import psycopg
from psycopg import sql as pg

from alerts.condition import State
from alerts.hindsight import Looked
from alerts.judgement import Device, Judgement, Observed, StateOf
from alerts.watching import Watching
from catalogue.flags import Flag
from catalogue.metrics import METRIC_INDEX, METRICS
from catalogue.rules import LevelRule
from foundation.clock import from_ms
from store.named_sql import sql

_LONGEST: Final = timedelta(hours=12)
"""What has been pending for longer is not read again (our choice: it hovers just below its level)."""


@dataclass(slots=True)
class Reread:
    """A rule on a device, the time in question, and what is stored of it, in order."""

    device: Device
    watching: Watching
    rule: LevelRule
    first: datetime
    last: datetime
    around: float = 0
    """So many seconds before and after are looked at too."""
    series: list[Looked] = field(default_factory=list)

    @property
    def key(self) -> tuple[int, str]:
        """Of its alarm."""
        return self.device.id, self.rule.id

    @property
    def since(self) -> datetime:
        """From when on what is stored is to be read."""
        return self.first - timedelta(seconds=self.around)

    @property
    def until(self) -> datetime:
        """Until when."""
        return self.last + timedelta(seconds=self.around)

    def add(self, judgement: Judgement, ts: datetime, received_at: datetime, found: Sequence[float | None]) -> None:
        """A stored reading, later than those before: the values that the rule `needs`; ignored without a quantity."""
        values: list[float | None] = [None] * len(METRICS)
        for name, value in zip(self.rule.needs, found, strict=True):
            values[METRIC_INDEX[name]] = value
        quantity = self.watching.quantity(values)
        if quantity is not None:
            looks = judgement.looks(self.watching, self.rule, values, ts)
            self.series.append(Looked(ts, received_at, quantity if looks else None))


@dataclass(slots=True)
class Again:
    """The rules for which readings of a batch may have come behind newer ones in such a way that it matters."""

    wanted: dict[tuple[int, str], Reread] = field(default_factory=dict)
    _behind: set[tuple[int, str]] = field(default_factory=set)
    _taken: dict[int, set[datetime]] = field(default_factory=dict)

    def look(self, reading: Observed, judgement: Judgement, state_of: StateOf, until: datetime) -> None:
        """One reading of the batch."""
        ts, device = from_ms(reading.judged_ms), reading.device
        self._taken.setdefault(device.id, set()).add(ts)
        if reading.late:
            return
        for one, rule, value in judgement.on_levels(reading):
            if not rule.waits_s:
                continue
            state = state_of(device.id, rule.id)
            since = _since(state, ts, beyond=rule.beyond(value))
            if since is not None:
                entry = self.wanted.setdefault((device.id, rule.id), Reread(device, one, rule, since, until))
                entry.first = min(entry.first, since)
                if state is not None and ts < state.last_ts:
                    self._behind.add(entry.key)

    def came_behind(self) -> list[Reread]:
        """Those for which some did, now that each has its series."""
        # where nothing was known of an alarm, only what is stored tells whether something newer had come before
        return [
            entry
            for entry in self.wanted.values()
            if entry.key in self._behind or any(one.ts not in self._taken[entry.device.id] for one in entry.series)
        ]


def again_wanted(judgement: Judgement, readings: Iterable[Observed], state_of: StateOf, until: datetime) -> Again:
    """The rules to look at again, each from where it begins `until` the latest time that a reading may have. Pure."""
    again = Again()
    for reading in readings:
        again.look(reading, judgement, state_of, until)
    return again


async def out_of_order(
    connection: psycopg.AsyncConnection,
    judgement: Judgement,
    readings: Iterable[Observed],
    state_of: StateOf,
    until: datetime,
) -> list[Reread]:
    """The rules for which readings of the batch came behind newer ones in such a way that it matters.

    Each with everything stored from where it begins `until` the latest time that a reading may have.
    """
    again = again_wanted(judgement, readings, state_of, until)
    await _read(connection, judgement, again.wanted.values())
    return again.came_behind()


def _since(state: State | None, ts: datetime, *, beyond: bool) -> datetime | None:
    """From when on readings have to be looked at if this one came behind newer ones; None: it would not matter."""
    if state is not None and state.condition in {"active", "recovering"}:
        return None
    over = state is not None and state.cleared_at is not None and ts <= state.cleared_at
    if state is None or state.deadline is None or ts < state.since:
        return ts if beyond and not over else None
    if ts >= state.last_ts or state.last_ts - state.since > _LONGEST:
        return None
    return state.since


def late_wanted(judgement: Judgement, readings: Iterable[Observed], state_of: StateOf) -> list[Reread]:
    """The rules that hold for a time, are told late, and beyond whose level late readings are: `first` to `last`. Pure.

    To be filled with what is stored around these: an alarm that they are part of was raised within `holds_s` of them.
    """
    wanted: dict[tuple[int, str], Reread] = {}
    for reading in readings:
        if not reading.late:
            continue
        ts, device = from_ms(reading.judged_ms), reading.device
        for one, rule, value in judgement.on_levels(reading):
            if not (rule.tell_late and rule.holds_s and rule.beyond(value)):
                continue
            state = state_of(device.id, rule.id)
            if state is None or state.condition == "pending":
                entry = wanted.setdefault((device.id, rule.id), Reread(device, one, rule, ts, ts, around=rule.holds_s))
                entry.first, entry.last = min(entry.first, ts), max(entry.last, ts)
    return list(wanted.values())


async def late_exposures(
    connection: psycopg.AsyncConnection, judgement: Judgement, readings: Iterable[Observed], state_of: StateOf
) -> list[Reread]:
    """What late readings may have raised in their own time, with what is stored around them."""
    wanted = late_wanted(judgement, readings, state_of)
    await _read(connection, judgement, wanted)
    return wanted


async def _read(connection: psycopg.AsyncConnection, judgement: Judgement, wanted: Iterable[Reread]) -> None:
    by_needs: dict[tuple[str, ...], list[Reread]] = {}
    for entry in wanted:
        by_needs.setdefault(entry.rule.needs, []).append(entry)
    for needs, some in by_needs.items():
        cursor = await connection.execute(
            sql("readings_in", columns=pg.SQL(", ").join(map(pg.Identifier, needs))),
            (
                [entry.device.id for entry in some],
                [entry.since for entry in some],
                [entry.until for entry in some],
                int(Flag.CLOCK_SLOW),
            ),
        )
        async for place, ts, received_at, *values in cursor:
            some[place - 1].add(judgement, ts, received_at, values)
