"""One run of the canary: a reading of 390 ppm over MQTT, and how far its alarm comes, a leg after the other.

What it needs of the database it asks each time anew: a run must also come to an end, and say so, while that is away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import psycopg
import structlog

from alerts.acknowledgement import acknowledge_alarm
from canary.detector import Detector
from canary.verdict import RECEIPTS_USUAL_WITHIN, Verdict, judge, over, reach, reached
from foundation.clock import Clock, from_ms, utc_now
from foundation.errors import BrokerRefused, BrokerUnavailable, DatabaseUnavailable, NuanshaoError
from foundation.logs import mask_phone
from store.canary import (
    RUNS_KEPT_FOR,
    Leg,
    Look,
    Reach,
    Rows,
    Run,
    close_alarms,
    columns,
    enrol,
    look_at,
)
from store.connect import connect_async
from store.health import HEARTBEAT_VALID
from store.named_sql import sql

log = structlog.get_logger()

RULE: Final = "co_300"
CO_PPM: Final = 390.0
LOOK_EVERY_S: Final = 0.05
LOOK_RARELY_S: Final = 0.25
"""After the first five seconds; until then the seconds are to be right to a twentieth."""
_AT_FIRST_S: Final = 5.0
LOOK_WITHIN_S: Final = 5.0
"""A look at a database that hangs ends then, and is tried again."""
MOST_UNWRITTEN: Final = 1_000
"""Runs that wait for the database to be back: ten days of them."""
_DAY: Final = timedelta(days=1)


class CanaryBusy(NuanshaoError):
    """Somebody else runs it at this moment."""


class Canary:
    """The canary of one deployment. `every`: between two runs; `sms_every`: between two that reach the phone."""

    def __init__(
        self,
        *,
        database_url: str,
        detector: Detector,
        phone: str,
        every: timedelta,
        sms_every: timedelta,
        outside: bool,
        clock: Clock = utc_now,
    ) -> None:
        self._database_url = database_url
        self._detector = detector
        self._phone = phone
        self._every = every
        self._sms_every = sms_every
        self._outside = outside
        self._clock = clock
        self._unwritten: list[tuple[int | None, Run]] = []
        self._connection: psycopg.AsyncConnection | None = None
        self._rows: Rows | None = None
        self._receipts_usual = False

    async def run(self, wanted: Reach | None = None) -> Run:
        """From the reading to the phone, and everything closed again. Raises CanaryBusy while another run goes on.

        `wanted` None: as far as it is time to go. `account` sends no SMS.
        """
        run_id, going = None, wanted or "account"
        try:
            run_id, going = await self._begin(wanted)
        except (DatabaseUnavailable, psycopg.Error, TimeoutError) as failed:
            log.warning("canary_without_database", why=_one_line(failed))
            await self._hang_up()
        started_at = self._clock()
        try:
            legs, verdict = await self._travel(going, registered=run_id is not None)
            run = Run(started_at, self._clock(), going, verdict.outcome, verdict.leg, verdict.reason, legs)
            await self._calm()
            await self._write(run_id, run)
        finally:
            await self._hang_up()
        log.info(
            "canary", outcome=run.outcome, leg=run.leg, reason=run.reason, reach=run.reach, to=mask_phone(self._phone),
            **{f"{leg}_s": round(took, 3) for leg, took in run.legs.items()},
        )  # fmt: skip
        return run

    async def tend(self) -> None:
        """Between two runs: says that it lives, closes what a run has left behind, writes down what waits."""
        with suppress(DatabaseUnavailable, psycopg.Error, TimeoutError, CanaryBusy):
            async with asyncio.timeout(LOOK_WITHIN_S):
                await self._tidy(await self._connected())
        await self._hang_up()

    async def _begin(self, wanted: Reach | None) -> tuple[int, Reach]:
        """Registers, cleans up and opens the run's row. Returns its id and how far it goes."""
        async with asyncio.timeout(LOOK_WITHIN_S * 2):
            connection = await self._connected()
            await self._tidy(connection)
            now = self._clock()
            row = await (await connection.execute(sql("canary_phone_runs"), {"since": now - _DAY})).fetchone()
            count, last = row or (0, None)
            every = timedelta(0) if wanted == "phone" else self._sms_every
            going = wanted if wanted == "account" else reach(count, last, every, now)
            since = {"since": now - RECEIPTS_USUAL_WITHIN}
            usual = await (await connection.execute(sql("canary_receipts"), since)).fetchone()
            self._receipts_usual = bool(usual and usual[0])
            begun = await connection.execute(sql("begin_canary_run"), {"now": now, "reach": going})
            made = await begun.fetchone()
            assert made is not None  # noqa: S101 ("returning" always answers)
        await self._admit(connection)
        return int(made[0]), going

    async def _admit(self, connection: psycopg.AsyncConnection) -> None:
        """What the broker has against it is said by the leg that follows."""
        try:
            await self._detector.admitted(connection)
        except (NuanshaoError, psycopg.Error) as failed:
            log.warning("canary_not_let_in", why=str(failed))

    async def _travel(self, going: Reach, *, registered: bool) -> tuple[dict[Leg, float], Verdict]:
        legs: dict[Leg, float] = {}
        ts_ms = int(self._clock().timestamp() * 1000)
        began = time.monotonic()
        try:
            await self._detector.publish(ts_ms, CO_PPM)
        except BrokerRefused as failed:
            log.error("canary_refused", why=str(failed))  # noqa: TRY400 (its own words say all)
            # without the database nobody could give it a new password
            return legs, Verdict("lost", "published", "broker_refused" if registered else "database_unreachable")
        except BrokerUnavailable as failed:
            log.error("canary_not_published", why=str(failed))  # noqa: TRY400 (the same)
            return legs, Verdict("lost", "published", "broker_unreachable")
        legs["published"] = time.monotonic() - began
        look, blind = Look(), ""
        while True:
            try:
                look, blind = await self._look(from_ms(ts_ms)), ""
            except (DatabaseUnavailable, psycopg.Error, TimeoutError) as failed:
                if not blind:
                    log.warning("canary_sees_nothing", why=_one_line(failed))
                blind = "database_unreachable"
                await self._hang_up()
            waited = time.monotonic() - began
            for leg in reached(look, going):
                legs.setdefault(leg, waited)
            if over(legs, going, look, waited):
                return legs, judge(legs, going, look, receipts_usual=self._receipts_usual, blind=blind)
            await asyncio.sleep(LOOK_EVERY_S if waited < _AT_FIRST_S else LOOK_RARELY_S)

    async def _look(self, ts: datetime) -> Look:
        async with asyncio.timeout(LOOK_WITHIN_S):
            connection = await self._connected()
            assert self._rows is not None  # noqa: S101 (_connected has seen to it)
            return await look_at(connection, self._rows, RULE, ts, self._clock() - HEARTBEAT_VALID)

    async def _calm(self) -> None:
        """The air is clean again, and its alarm is acknowledged and closed: the next run begins with nothing."""
        await self._patiently("canary_not_calmed", self._say_clean)
        await self._patiently("canary_left_open", self._clean)

    async def _say_clean(self) -> None:
        await self._detector.publish(int(self._clock().timestamp() * 1000), 0.0)

    async def _tidy(self, connection: psycopg.AsyncConnection) -> None:
        """After runs that were killed, and those that the database has not heard of. Not in the middle of a run."""
        await self._write_waiting()
        now = self._clock()
        await connection.execute(sql("end_killed_runs"), {"now": now})
        await connection.execute(sql("forget_canary_runs"), {"before": now - RUNS_KEPT_FOR})
        await self._clean()

    async def _clean(self) -> None:
        connection = await self._connected()
        rows = self._rows
        assert rows is not None  # noqa: S101 (_connected has seen to it)
        cursor = await connection.execute(sql("canary_open_alarms"), {"device": rows.device})
        for (alarm_id,) in await cursor.fetchall():
            await acknowledge_alarm(connection, alarm_id, by="nuanshao canary", how="canary", now=self._clock())
        await close_alarms(connection, rows.drill, self._clock())

    async def _write(self, run_id: int | None, run: Run) -> None:
        self._unwritten.append((run_id, run))
        del self._unwritten[:-MOST_UNWRITTEN]
        await self._patiently("canary_run_not_written", self._write_waiting)

    async def _write_waiting(self) -> None:
        connection = await self._connected()
        while self._unwritten:
            run_id, run = self._unwritten[0]
            if run_id is None:
                await connection.execute(sql("add_canary_run"), columns(run))
            else:
                await connection.execute(sql("end_canary_run"), columns(run) | {"id": run_id})
            self._unwritten.pop(0)

    async def _patiently(self, event: str, work: Callable[[], Awaitable[None]]) -> bool:
        """Does it, or says why not: a run that has ended is told whatever becomes of its traces."""
        try:
            async with asyncio.timeout(LOOK_WITHIN_S):
                await work()
        except (NuanshaoError, psycopg.Error, TimeoutError) as failed:
            log.warning(event, why=_one_line(failed))
            return False
        return True

    async def _connected(self) -> psycopg.AsyncConnection:
        """A connection that holds the lock, with the canary registered. What a killed run has left is ended."""
        if self._connection is not None and not self._connection.closed:
            return self._connection
        connection = await connect_async(self._database_url, autocommit=True)
        try:
            row = await (await connection.execute(sql("canary_lock"))).fetchone()
            if row is None or not row[0]:
                raise CanaryBusy(  # noqa: TRY301 (the connection is closed below)
                    "another run of the canary is under way", do="wait for its end, three minutes at most"
                )
            now = self._clock()
            self._rows = await enrol(
                connection, phone=self._phone, every=self._every, outside=self._outside, now=now
            )  # fmt: skip
            await connection.execute(sql("canary_heartbeat"), {"now": now})
        except BaseException:
            await connection.close()
            raise
        self._connection = connection
        return connection

    async def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                await connection.close()


def _one_line(failed: BaseException) -> str:
    return " ".join(str(failed).split()) or type(failed).__name__
