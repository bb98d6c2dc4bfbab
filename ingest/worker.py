"""The ingest worker: takes what the broker sends, commits it in batches and acknowledges only then.

It has two lanes, each with a session, a database connection and batches of its own: one for readings, one for the
devices' alarm bits, so that those never wait behind readings. Any number of workers share the work.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta
from typing import Final

import psycopg
import structlog

from alerts.engine import Engine
from broker.address import Broker
from foundation.clock import Clock, utc_now
from foundation.errors import DatabaseUnavailable
from ingest.clocks import DeviceClocks
from ingest.commit import Committer, Counts
from ingest.known import KnownDevices
from ingest.lane import Lane
from ingest.metrics import IngestMetrics, Standing
from ingest.sessions import events_login, leaving, readings_login
from ingest.storing import Storing
from ingest.unstored import Unstored
from store.connect import connect_async
from store.copy import catch_up_latest
from store.named_sql import sql

log = structlog.get_logger()

LINGER_S: Final = 0.05
"""How long a first reading waits for company; far below the 250 ms of the contract, and a CO reading waits too."""
CATCH_UP_DEVICES: Final = 2_000
CATCH_UP_OVER: Final = timedelta(hours=1)
HEARTBEAT_S: Final = 2.0
BEHIND_S: Final = 5.0
"""Messages that wait for so long say that the newest readings are not in the database."""
LAST_COMMIT_S: Final = 5.0
"""How long a stop waits for a commit under way; what is not committed then is not acknowledged, so nothing is lost."""
LEFT_ALONE_S: Final = 3.0
"""A worker that leaves for good has seen the last of its queue when nothing has come for so long."""


class Worker:
    """One worker, `index` of `workers`. Holds nothing that a restart needs.

    `goes`: it takes what the broker still keeps for a worker that is needed no more, and gives up its sessions.
    """

    def __init__(
        self,
        *,
        database_url: str,
        broker: Broker,
        client_id: str,
        engine: Engine,
        name: str,
        index: int = 0,
        workers: int = 1,
        goes: bool = False,
        clock: Clock = utc_now,
    ) -> None:
        self._database_url = database_url
        self._name = name
        self._goes = goes
        self._clock = clock
        self._started_at = clock()
        self._known = KnownDevices(database_url)
        logins = readings_login(client_id, index, workers), events_login(client_id, workers)
        if goes:
            logins = leaving(logins[0]), leaving(logins[1])
        self.readings = Lane(broker, logins[0], linger_s=LINGER_S, clock=clock)
        self.events = Lane(broker, logins[1], linger_s=0.0, clock=clock)
        clocks = DeviceClocks(index, workers)
        self.metrics = IngestMetrics(self.standing)
        # a ledger row each: they would wait for each other's commits over one
        self._storing = [
            Storing(
                lane, self._known, clocks, Committer(engine, row, self._started_at, clock), database_url, self.metrics
            )
            for lane, row in ((self.readings, name), (self.events, f"{name}-events"))
        ]
        self._unstored = Unstored(
            broker=broker, client_id=client_id, name=name, workers=workers, pack=engine.pack, storing=self._storing,
            registry=lambda: self._known.devices, clocks=clocks,
        )  # fmt: skip
        self._stopped = False
        self._behind_at: datetime | None = None
        """When we were last seen to be behind with storing."""

    @property
    def counts(self) -> Counts:
        """What has become of everything so far."""
        return self._storing[0].counts + self._storing[1].counts

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; then commits what it has, acknowledges it and leaves the broker politely."""
        async with asyncio.TaskGroup() as tasks:
            background = [
                tasks.create_task(self.events.stay_connected(), name="events"),
                tasks.create_task(self._hear_readings(), name="readings"),
                tasks.create_task(self._heartbeats(), name="heartbeat"),
                tasks.create_task(self._known.follow(), name="registry"),
                tasks.create_task(self._catch_up_latest(), name="latest"),
                tasks.create_task(self._unstored.run(), name="unstored"),
            ]
            storing = [tasks.create_task(one.run(stop), name="storing") for one in self._storing]
            if self._goes:
                background.append(tasks.create_task(self._see_the_last(stop), name="leaving"))
            await stop.wait()
            await asyncio.wait(storing, timeout=LAST_COMMIT_S)
            for task in (*background, *storing):
                task.cancel()
        await self._leave()

    def standing(self) -> Standing:
        """How this worker stands now."""
        oldest = [one.oldest_ms for one in self._storing]
        since_ms = min((ms for ms in oldest if ms is not None), default=None)
        return Standing(
            connected=self.readings.connected_since is not None and self.events.connected_since is not None,
            waiting=self._waiting(),
            unacknowledged_bytes=self.readings.unacknowledged_bytes + self.events.unacknowledged_bytes,
            lag_s=0.0 if since_ms is None else max(0.0, self._clock().timestamp() - since_ms / 1000),
            devices=len(self._known.devices),
            problem=self._problem(),
            counts=self.counts,
        )

    def _problem(self) -> str:
        problems = [self.readings.problem, self.events.problem, *(one.problem for one in self._storing)]
        return next(filter(None, problems), "")

    async def _hear_readings(self) -> None:
        """After the events' lane: a session that had their subscription until now gives it up with its login."""
        await self.events.has_subscribed.wait()
        await self.readings.stay_connected()

    async def _see_the_last(self, stop: asyncio.Event) -> None:
        """Sets `stop` when nothing has come for a while: the broker has no more for us."""
        counted, since = Counts(), self._clock()
        while self._clock() - since < timedelta(seconds=LEFT_ALONE_S):
            await asyncio.sleep(0.2)
            connected = self.readings.connected_since is not None and self.events.connected_since is not None
            if not connected or self._waiting() or self.counts != counted:
                counted, since = self.counts, self._clock()
        stop.set()

    def _waiting(self) -> int:
        return sum(one.waiting for one in self._storing)

    async def _catch_up_latest(self) -> None:
        """Once at the start: a worker that was killed has left `device_latest` some seconds behind."""
        await self._known.ready()
        ids = sorted(device.id for device in self._known.devices.values())  # as ingest locks them
        while ids:
            try:
                async with await connect_async(self._database_url, autocommit=True) as database:
                    while ids:
                        some = ids[:CATCH_UP_DEVICES]
                        await catch_up_latest(database, some, self._started_at - CATCH_UP_OVER)
                        del ids[:CATCH_UP_DEVICES]
            except (DatabaseUnavailable, psycopg.Error):
                await asyncio.sleep(HEARTBEAT_S)

    # -- its own life -------------------------------------------------------------------------------------------

    async def _heartbeats(self) -> None:
        """Says that this worker lives, also when there is nothing to store: silence is judged against it."""
        while True:
            try:
                async with await connect_async(self._database_url, autocommit=True) as database:
                    while True:
                        await database.execute(sql("heartbeat"), self._pulse())
                        await asyncio.sleep(HEARTBEAT_S)
            except (DatabaseUnavailable, psycopg.Error):
                await asyncio.sleep(HEARTBEAT_S)

    def _pulse(self) -> tuple[object, ...]:
        now = self._clock()
        if self.standing().lag_s > BEHIND_S:
            self._behind_at = now
        problem = "stopped" if self._stopped else self._problem()
        connected = None if self._stopped else self.readings.connected_since
        if connected is not None and self._behind_at is not None:
            # what has come and is not stored must not look like silence
            connected = max(connected, self._behind_at)
        return "ingest", self._name, self._started_at, connected, now, self._waiting(), problem[:500]

    async def _leave(self) -> None:
        self._stopped = True
        for lane in (self.readings, self.events):
            lane.leave(for_good=self._goes)
        for one in self._storing:
            await one.close()
        with contextlib.suppress(DatabaseUnavailable, psycopg.Error):
            async with await connect_async(self._database_url, autocommit=True) as database:
                if self._goes:
                    await database.execute(sql("forget_worker"), ("ingest", self._name))
                else:
                    await database.execute(sql("heartbeat"), self._pulse())
