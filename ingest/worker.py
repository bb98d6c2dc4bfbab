"""The ingest worker: takes what the broker sends, commits it in batches and acknowledges only then.

Messages live here between receipt and commit. When the database fails they stay, unacknowledged, and are tried again
with a growing wait; when the connection to the broker is lost they are dropped, because the broker still has them.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import psycopg
import structlog

from alerts.engine import Engine
from broker.address import Broker
from broker.delivery import Delivery
from broker.session import Connection, Login, connect
from catalogue.wire import FROM_DEVICE, TOPIC_ROOT
from foundation.clock import Clock, utc_now
from foundation.errors import BrokerUnavailable, DatabaseUnavailable
from ingest.batch import Batch, Rejected, named_uids, sort_out
from ingest.clocks import DeviceClocks
from ingest.commit import Committer, Counts
from ingest.decode import decode_readings
from ingest.reject import Reject
from store.connect import connect_async
from store.copy import catch_up_latest
from store.named_sql import sql
from store.registry import NOTIFY_CHANNEL, KnownDevice, known_devices

log = structlog.get_logger()

FILTERS = tuple(f"{TOPIC_ROOT}/+/{channel}" for channel in FROM_DEVICE if channel != "cmd_ack")
LARGEST_BATCH = 5_000
LINGER_S = 0.05
"""How long a first message waits for company; far below the 250 ms of the contract, and a CO reading waits too."""
LONGEST_RETRY_S = 10.0
IDLE_S = 2.0
"""After so long without a message the newest readings are written that were kept for company."""
CATCH_UP_DEVICES = 2_000
CATCH_UP_OVER = timedelta(hours=1)
HEARTBEAT_S = 2.0
LAST_COMMIT_S = 5.0
"""How long a stop waits for a commit under way; what is not committed then is not acknowledged, so nothing is lost."""
URGENT = "/event"
"""Topics that end so are not kept waiting."""


@dataclass(slots=True)
class _Health:
    """What the heartbeat says of this worker."""

    connected_since: object = None
    problem: str = ""


class Worker:
    """One worker with one broker session and one database connection. Holds nothing that a restart needs."""

    def __init__(
        self, *, database_url: str, broker: Broker, client_id: str, engine: Engine, name: str, clock: Clock = utc_now
    ) -> None:
        self.counts = Counts()
        self._database_url = database_url
        self._broker = broker
        self._client_id = client_id
        self._name = name
        self._clock = clock
        self._started_at = clock()
        self._committer = Committer(engine, name, self._started_at, clock)
        self._clocks = DeviceClocks()
        self._registry: dict[str, KnownDevice] = {}
        self._registry_stale = True
        self._inbox: list[Delivery] = []
        self._arrived = asyncio.Event()
        self._urgent = asyncio.Event()
        self._connection: Connection | None = None
        """Set while we are logged in."""
        self._receiving: Connection | None = None
        """Set from the first byte on: messages come, and are acknowledged, before the login has ended."""
        self._database: psycopg.AsyncConnection | None = None
        self._health = _Health()
        self._stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; then commits what it has, acknowledges it and leaves the broker politely."""
        async with asyncio.TaskGroup() as tasks:
            background = [
                tasks.create_task(self._stay_connected(), name="broker"),
                tasks.create_task(self._heartbeats(), name="heartbeat"),
                tasks.create_task(self._follow_registry(), name="registry"),
                tasks.create_task(self._catch_up_latest(), name="latest"),
            ]
            commits = tasks.create_task(self._commit_forever(), name="commit")
            await stop.wait()
            self._stopping = True
            self._arrived.set()
            await asyncio.wait({commits}, timeout=LAST_COMMIT_S)
            for task in (*background, commits):
                task.cancel()
        await self._leave()

    # -- from the broker ----------------------------------------------------------------------------------------

    def _take(self, delivery: Delivery) -> None:
        self._inbox.append(delivery)
        self._arrived.set()
        if len(self._inbox) >= LARGEST_BATCH or delivery.topic.endswith(URGENT):
            self._urgent.set()

    async def _stay_connected(self) -> None:
        number, wait = 0, 0.5
        while True:
            number += 1
            try:
                self._receiving = connection = Connection(number, self._take)
                await connect(connection, self._broker, Login(self._client_id, FILTERS))
            except BrokerUnavailable as failed:
                self._forget(number)
                log.warning("broker_unavailable", why=failed.what, retry_in_s=round(wait, 1))
                self._health.problem = failed.what
                await asyncio.sleep(wait * random.uniform(0.7, 1.3))  # noqa: S311 (jitter, no secret)
                wait = min(wait * 2, LONGEST_RETRY_S)
                continue
            wait = 0.5
            self._connection = connection
            self._health = _Health(connected_since=self._clock())
            log.info("connected", broker=f"{self._broker.host}:{self._broker.port}", session=connection.session_present)
            pings = asyncio.create_task(connection.keep_alive(), name="keep-alive")
            try:
                why = await asyncio.shield(connection.lost)
            finally:
                pings.cancel()
            self._connection = None
            self._health = _Health(problem=why)
            self._forget(number)
            log.warning("disconnected", why=why)

    def _forget(self, number: int) -> None:
        """Drops what came over a connection that is lost: unacknowledged, so the broker sends it again."""
        self._receiving = None
        self._inbox = [delivery for delivery in self._inbox if delivery.connection != number]

    # -- to the database ----------------------------------------------------------------------------------------

    async def _commit_forever(self) -> None:
        while not self._stopping:
            try:
                await asyncio.wait_for(self._arrived.wait(), timeout=IDLE_S)
            except TimeoutError:
                with contextlib.suppress(DatabaseUnavailable, psycopg.Error):
                    await self._committer.write_latest(await self._get_database())
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._urgent.wait(), timeout=LINGER_S)
            await self._commit_waiting()

    async def _commit_waiting(self) -> None:
        """Commits and acknowledges what is in the inbox, however long the database takes to take it."""
        deliveries, self._inbox = self._inbox[:LARGEST_BATCH], self._inbox[LARGEST_BATCH:]
        if not self._inbox:
            self._arrived.clear()
            self._urgent.clear()
        if not deliveries:
            return
        wait = 0.2
        while True:
            try:
                self.counts += await self._store(deliveries)
                break
            except (DatabaseUnavailable, psycopg.OperationalError, psycopg.InterfaceError) as failed:
                why = " ".join(str(failed).split())
                log.warning("database_failed", why=why, waiting=len(deliveries) + len(self._inbox), retry_in_s=wait)
                self._health.problem = why
                await self._drop_database()
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_RETRY_S)
        self._health.problem = ""
        connection = self._receiving
        if connection is not None:
            mine = [delivery for delivery in deliveries if delivery.connection == connection.number]
            connection.acknowledge(
                (delivery.packet_id for delivery in mine if delivery.packet_id),
                sum(len(delivery.payload) for delivery in mine),
            )

    async def _store(self, deliveries: Sequence[Delivery]) -> Counts:
        """Commits the deliveries; one that the database cannot take is rejected, alone."""
        database = await self._get_database()
        registry = await self._known(database, deliveries)
        try:
            return await self._committer.commit(database, sort_out(list(deliveries), registry, self._clocks))
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception as failed:
            if database.broken:
                raise DatabaseUnavailable(" ".join(str(failed).split())) from failed
            if len(deliveries) > 1:
                half = len(deliveries) // 2
                return await self._store(deliveries[:half]) + await self._store(deliveries[half:])
            log.exception("not_storable", topic=deliveries[0].topic)
            return await self._committer.commit(database, not_storable(deliveries[0], failed))

    async def _catch_up_latest(self) -> None:
        """Once at the start: a worker that was killed has left `device_latest` some seconds behind."""
        while True:
            try:
                async with await connect_async(self._database_url, autocommit=True) as database:
                    ids = sorted(device.id for device in await known_devices(database))  # as ingest locks them
                    for first in range(0, len(ids), CATCH_UP_DEVICES):
                        some = ids[first : first + CATCH_UP_DEVICES]
                        await catch_up_latest(database, some, self._started_at - CATCH_UP_OVER)
            except (DatabaseUnavailable, psycopg.Error):
                await asyncio.sleep(HEARTBEAT_S)
            else:
                return

    async def _get_database(self) -> psycopg.AsyncConnection:
        if self._database is None or self._database.closed:
            self._database = await connect_async(self._database_url)
            await self._database.set_autocommit(True)  # so that every transaction block really commits
            self._registry_stale = True
        return self._database

    async def _drop_database(self) -> None:
        if self._database is not None:
            with contextlib.suppress(psycopg.Error):
                await self._database.close()
            self._database = None

    # -- the registry -------------------------------------------------------------------------------------------

    async def _known(self, database: psycopg.AsyncConnection, deliveries: Sequence[Delivery]) -> dict[str, KnownDevice]:
        """The registry, up to date for every device that these messages speak of."""
        if self._registry_stale:
            self._registry_stale = False
            self._registry = {device.uid: device for device in await known_devices(database)}
        missing = sorted(named_uids(list(deliveries)) - self._registry.keys())
        if missing:
            self._registry |= {device.uid: device for device in await known_devices(database, missing)}
        return self._registry

    async def _follow_registry(self) -> None:
        """Marks the registry stale whenever somebody changes it."""
        while True:
            try:
                async with await connect_async(self._database_url, autocommit=True) as listener:
                    await listener.execute(f"listen {NOTIFY_CHANNEL}")
                    self._registry_stale = True
                    async for _ in listener.notifies():
                        self._registry_stale = True
            except (DatabaseUnavailable, psycopg.Error):
                await asyncio.sleep(2)

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
        health = self._health
        return (
            "ingest", self._name, self._started_at, health.connected_since, self._clock(),
            len(self._inbox), health.problem[:500],
        )  # fmt: skip

    async def _leave(self) -> None:
        if self._connection is not None:
            self._connection.disconnect()
        with contextlib.suppress(DatabaseUnavailable, psycopg.Error):
            self._health = _Health(problem="stopped")
            database = await self._get_database()
            await self._committer.write_latest(database)
            await database.execute(sql("heartbeat"), self._pulse())
        await self._drop_database()


def not_storable(delivery: Delivery, failed: Exception) -> Batch:
    """A batch that rejects everything in one message which the database refused to take."""
    reject = Reject("not_storable", f"{type(failed).__name__}: {' '.join(str(failed).split())[:300]}")
    items = 1 if delivery.topic.endswith(URGENT) else len(decode_readings(delivery.payload))
    return Batch(rejects=[Rejected(delivery, reject)] * items)
