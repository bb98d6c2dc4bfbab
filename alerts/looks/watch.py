"""When which look is taken: every few minutes, for a bounded time, by one process at a time.

How far each has come stands in the table `upkeep`, so that a restart and a second process do nothing twice; a look that
is cut short begins again, and what it has written it writes again to the same end.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import psycopg
import structlog

from alerts.judgement import VILLAGES_ZONE
from alerts.looks.book import Book
from alerts.looks.coal_watch import CoalWatch, day_to_look_at
from alerts.looks.freezing import look_ahead
from alerts.looks.quarters import QuarterRule, look_at_slice, newest_to_look_at
from alerts.looks.verdict import Verdict
from catalogue.rules import ForecastRule, LookRule, RulePack, ShareRule, SilenceRule, StuckRule
from store.named_sql import sql

log = structlog.get_logger()

WORK_S: Final = 10.0
"""How long one round works before it lets the others have the machine (source: our choice, as the rollups)."""
_COAL: Final = "coal_again"
_LOCK: Final = 0x6E756C6F  # "nulo"


@dataclass(slots=True)
class Round:
    """What a round did: alarms raised, homes that could not be judged, whether there is more to do at once."""

    raised: int = 0
    blind: int = 0
    more: bool = False
    looked: bool = False
    """False while another process is at it."""


class Looks:
    """The pack's rules of kinds that are judged over hours, and coal again. `zone`: the villages' own time."""

    def __init__(self, pack: RulePack, zone: str = VILLAGES_ZONE) -> None:
        self._label = pack.label
        self._zone = ZoneInfo(zone)
        self._silence = [rule.id for rule in pack.rules if isinstance(rule, SilenceRule)]
        self._forecasts = [rule for rule in pack.rules if isinstance(rule, ForecastRule)]
        self._quarters: list[QuarterRule] = [rule for rule in pack.rules if isinstance(rule, StuckRule | ShareRule)]
        self._under_way: dict[str, tuple[datetime, int]] = {}
        """By rule: the quarter that is looked at, and the last device that has been."""
        self._coal: CoalWatch | None = None

    async def round(self, connection: psycopg.AsyncConnection, now: datetime) -> Round:
        """What is due, for a bounded time. `connection` should not be in a transaction."""
        done = Round()
        enough = time.monotonic() + WORK_S
        for forecast in self._forecasts:
            async with connection.transaction():
                if not await _ours(connection):
                    return done
                done.looked = True
                if forecast.in_time(now, self._zone):
                    ahead = await look_ahead(connection, forecast, self._silence, self._label, now)
                    done.raised += ahead.raised
                    done.blind += ahead.blind
                else:
                    await self._leave(connection, forecast, now)
        for rule in self._quarters:
            while await self._step(connection, rule, now, done):
                if time.monotonic() > enough:
                    done.more = True
                    return done
        while await self._coal_step(connection, now, done):
            if time.monotonic() > enough:
                done.more = True
                return done
        return done

    async def _step(self, connection: psycopg.AsyncConnection, rule: QuarterRule, now: datetime, done: Round) -> bool:
        """One slice of what is due of a rule; returns whether there is another one."""
        async with connection.transaction():
            if not await _ours(connection):
                return False
            done.looked = True
            bucket = newest_to_look_at(rule, now)
            if await _done_until(connection, f"look:{rule.id}", bucket):
                return False
            last: int | None = None
            if rule.in_time(now, self._zone):
                under_way = self._under_way.get(rule.id)
                after = under_way[1] if under_way is not None and under_way[0] == bucket else 0
                slice_ = await look_at_slice(connection, rule, self._label, bucket, after, now)
                done.raised += slice_.raised
                last = slice_.last
            else:
                await self._leave(connection, rule, now)
            if last is None:
                await connection.execute(sql("note_upkeep"), (f"look:{rule.id}", bucket))
        if last is None:
            self._under_way.pop(rule.id, None)
            return False
        self._under_way[rule.id] = (bucket, last)
        return True

    async def _coal_step(self, connection: psycopg.AsyncConnection, now: datetime, done: Round) -> bool:
        begins = day_to_look_at(now)
        async with connection.transaction():
            if not await _ours(connection):
                return False
            done.looked = True
            if await _done_until(connection, _COAL, begins):
                self._coal = None
                return False
            if self._coal is None or self._coal.begins != begins:
                self._coal = CoalWatch(begins)
            watch, self._coal = self._coal, None  # a slice that fails begins the day again
            more = await watch.look_at_slice(connection)
            if not more:
                await connection.execute(sql("note_upkeep"), (_COAL, begins))
                log.info("coal_again_scored", day=watch.day.isoformat())
        self._coal = watch if more else None
        return more

    async def _leave(self, connection: psycopg.AsyncConnection, rule: LookRule, now: datetime) -> None:
        """The season is over: what stands is not looked at any more."""
        book = await Book.open(connection, rule, self._label, now)
        await book.enter(connection, {device: Verdict("clear", "no_longer_looked_at") for device in book.held})


async def _ours(connection: psycopg.AsyncConnection) -> bool:
    row = await (await connection.execute(sql("take_look_lock"), (_LOCK,))).fetchone()
    return row is not None and bool(row[0])


async def _done_until(connection: psycopg.AsyncConnection, what: str, moment: datetime) -> bool:
    row = await (await connection.execute(sql("upkeep_done"), (what,))).fetchone()
    return row is not None and row[0] >= moment
