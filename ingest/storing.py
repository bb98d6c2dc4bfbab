"""From one lane into the database: while a batch is committed, the next one is decoded and judged.

When the database fails, the batches stay, unacknowledged, and are tried again with a growing wait. The broker hands
over no more than we may hold unacknowledged: so a slow database slows the broker, and our memory is bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Final

import psycopg
import structlog
from psycopg import errors

from broker.delivery import Delivery
from foundation.errors import DatabaseUnavailable
from ingest.batch import Batch, Rejected, sort_out
from ingest.clocks import DeviceClocks
from ingest.commit import Committer, Counts
from ingest.decode import decode_readings
from ingest.known import KnownDevices
from ingest.lane import Lane
from ingest.metrics import IngestMetrics
from ingest.reject import Reject
from store.connect import connect_async

log = structlog.get_logger()

IDLE_S: Final = 2.0
"""After so long without a message the newest readings are written that were kept for company."""
FIRST_RETRY_S: Final = 0.2
LONGEST_RETRY_S: Final = 10.0

_Prepared = tuple[list[Delivery], Batch | None]


class Storing:
    """What one lane brings, decoded, judged and committed over one database connection, then acknowledged."""

    def __init__(
        self,
        lane: Lane,
        known: KnownDevices,
        clocks: DeviceClocks,
        committer: Committer,
        database_url: str,
        metrics: IngestMetrics,
    ) -> None:
        self.counts = Counts()
        self.problem = ""
        self._metrics = metrics
        self._held: list[list[Delivery]] = []
        """Batches that have been taken from the lane and are not committed, the oldest first."""
        self._lane = lane
        self._known = known
        self._clocks = clocks
        self._committer = committer
        self._database_url = database_url
        self._database: psycopg.AsyncConnection | None = None
        self._prepared: asyncio.Queue[_Prepared | None] = asyncio.Queue(1)

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest message came that is not committed, in ms since 1970."""
        return self._held[0][0].received_ms if self._held else self._lane.oldest_ms

    @property
    def waiting(self) -> int:
        """Messages that have come and are not in the database."""
        return sum(map(len, self._held)) + self._lane.waiting

    def unstored(self) -> list[Delivery]:
        """All messages that have come and are not in the database, the oldest first."""
        return [delivery for batch in self._held for delivery in batch] + self._lane.inbox()

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set and what had been prepared by then is committed."""
        async with asyncio.TaskGroup() as tasks:
            preparing = tasks.create_task(self._prepare(), name="prepare")
            tasks.create_task(self._commit_forever(), name="commit")
            await stop.wait()
            preparing.cancel()
            await self._prepared.put(None)

    async def close(self) -> None:
        """Writes what was kept for company and lets the database go."""
        await self._write_latest()
        await self._drop_database()

    async def _prepare(self) -> None:
        await self._known.ready()
        while True:
            deliveries = await self._lane.next_batch()
            if deliveries:
                self._held.append(deliveries)
                await self._prepared.put((deliveries, self._sorted_or_not(deliveries)))

    async def _commit_forever(self) -> None:
        while True:
            try:
                async with asyncio.timeout(IDLE_S):
                    prepared = await self._prepared.get()
            except TimeoutError:
                await self._write_latest()
                continue
            if prepared is None:
                return
            await self._commit(*prepared)

    def _sorted_or_not(self, deliveries: list[Delivery]) -> Batch | None:
        try:
            return self._sorted(deliveries)
        except Exception:  # whatever one message does to us, its neighbours are stored: `_store` finds it by halving
            log.exception("not_sorted", messages=len(deliveries))
            return None

    def _sorted(self, deliveries: list[Delivery]) -> Batch:
        return sort_out(deliveries, self._known.devices, self._clocks)

    async def _commit(self, deliveries: list[Delivery], batch: Batch | None) -> None:
        """Commits and acknowledges, however long the database takes to take it."""
        wait = FIRST_RETRY_S
        while True:
            try:
                self.counts += await self._store(deliveries, batch)
                break
            except (DatabaseUnavailable, psycopg.OperationalError, psycopg.InterfaceError) as failed:
                self.problem = " ".join(str(failed).split())
                self._metrics.failed()
                log.warning("database_failed", why=self.problem, waiting=self.waiting, retry_in_s=wait)
                await self._drop_database()
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_RETRY_S)
        self.problem = ""
        self._held.remove(deliveries)
        self._lane.acknowledge(deliveries)

    async def _store(self, deliveries: Sequence[Delivery], batch: Batch | None = None) -> Counts:
        """Commits the deliveries; one that the database cannot take is rejected, alone."""
        database = await self._get_database()
        began = time.time()
        try:
            if batch is None:
                batch = self._sorted(list(deliveries))
            if batch.unknown and await self._known.look_up(database, batch.unknown):
                batch = self._sorted(list(deliveries))
            counts = await self._committer.commit(database, batch)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except errors.ReadOnlySqlTransaction as refused:
            raise DatabaseUnavailable("the database is read-only", do="let it be written to") from refused
        except Exception as failed:
            if database.broken:
                raise DatabaseUnavailable(" ".join(str(failed).split())) from failed
            if len(deliveries) > 1:
                half = len(deliveries) // 2
                return await self._store(deliveries[:half]) + await self._store(deliveries[half:])
            log.exception("not_storable", topic=deliveries[0].topic)
            batch = not_storable(deliveries[0], failed)
            counts = await self._committer.commit(database, batch)
        now = time.time()
        age_s = now - deliveries[0].received_ms / 1000
        self._metrics.committed(batch, counts, messages=len(deliveries), age_s=age_s, took_s=now - began)
        self._metrics.raised(self._committer.raised)
        return counts

    async def _write_latest(self) -> None:
        with contextlib.suppress(DatabaseUnavailable, psycopg.Error):
            await self._committer.write_latest(await self._get_database())

    async def _get_database(self) -> psycopg.AsyncConnection:
        if self._database is None or self._database.closed:
            self._database = await connect_async(self._database_url)
            await self._database.set_autocommit(True)  # so that every transaction block really commits
        return self._database

    async def _drop_database(self) -> None:
        if self._database is not None:
            with contextlib.suppress(psycopg.Error):
                await self._database.close()
            self._database = None


def not_storable(delivery: Delivery, failed: Exception) -> Batch:
    """A batch that rejects everything in one message which the database refused to take."""
    reject = Reject("not_storable", f"{type(failed).__name__}: {' '.join(str(failed).split())[:300]}")
    items = 1 if delivery.topic.endswith("/event") else len(decode_readings(delivery.payload))
    return Batch(rejects=[Rejected(delivery, reject)] * items)
