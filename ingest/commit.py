"""One batch, one transaction: readings, events, rejects, latest, alarms and the ledger stand or fall together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import psycopg

from alerts.engine import Engine
from foundation.clock import Clock, from_ms
from ingest.batch import KEPT_PAYLOAD_BYTES, Batch, JudgedStatus, Rejected
from ingest.columns import Block
from ingest.judge import Judged, JudgedEvent
from ingest.latest import Held, Latest
from store import rollup
from store.copy import key, store_block, store_latest, store_readings
from store.named_sql import sql


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of a batch. received = stored + duplicate + rejected."""

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: int = 0

    @property
    def balanced(self) -> bool:
        """Whether every item is accounted for."""
        return self.received == self.stored + self.duplicate + self.rejected

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.received + other.received,
            self.stored + other.stored,
            self.duplicate + other.duplicate,
            self.rejected + other.rejected,
        )


class Committer:
    """Writes batches for one worker. The ledger row is named by the worker and the moment it started."""

    def __init__(self, engine: Engine, worker: str, started_at: datetime, clock: Clock) -> None:
        self._engine = engine
        self._worker = worker
        self._started_at = started_at
        self._clock = clock
        self._latest = Latest()
        self.raised = 0
        """Alarms that the last batch raised."""

    async def commit(self, connection: psycopg.AsyncConnection, batch: Batch) -> Counts:
        """Stores the batch. When this returns it is durable; when it raises nothing of it is."""
        now_s = time.monotonic()
        async with connection.transaction():
            blocks = [block for block in [await _store_block(connection, each) for each in batch.blocks] if len(block)]
            readings = await self._store_readings(connection, batch.readings)
            events = await self._store_events(connection, batch.events)
            await _store_statuses(connection, batch.statuses)
            rejected = await _store_rejects(connection, batch.rejects)
            held = self._latest.with_new(blocks, readings)
            due = self._latest.due(held, now_s)
            if due:
                await _store_newest(connection, [held[number] for number in due])
            await _note_rollups(connection, blocks, readings, self._clock())
            self.raised = await self._engine.evaluate(connection, readings, events, self._clock(), blocks)
            stored = sum(map(len, blocks)) + len(readings) + len(events)
            counts = Counts(
                received=batch.received,
                stored=stored,
                duplicate=batch.received - stored - rejected,
                rejected=rejected,
            )
            await connection.execute(
                sql("count_ledger"),
                (
                    self._worker, self._started_at, counts.received, counts.stored, counts.duplicate, counts.rejected,
                ),
            )  # fmt: skip
        self._latest.committed(held, due, now_s)
        return counts

    async def write_latest(self, connection: psycopg.AsyncConnection) -> None:
        """Brings `device_latest` up to what has been committed, when nothing else comes that would do it."""
        if len(self._latest):
            held = self._latest.with_new()
            async with connection.transaction():
                await _store_newest(connection, held)
            self._latest.committed(held, range(len(held)), time.monotonic())

    async def _store_readings(self, connection: psycopg.AsyncConnection, readings: list[Judged]) -> list[Judged]:
        """Stores the readings and returns those that were new."""
        candidates = await self._drop_seen(connection, readings)
        rows = [reading.row() for reading in candidates]
        new = await store_readings(connection, rows)
        if new is None:
            return candidates
        fresh = []
        for reading, row in zip(candidates, rows, strict=True):
            if key(row) in new:
                new.discard(key(row))  # a repetition inside the batch is a duplicate like any other
                fresh.append(reading)
        return fresh

    async def _drop_seen(self, connection: psycopg.AsyncConnection, readings: list[Judged]) -> list[Judged]:
        """Without those whose clock is not believed and which are here already under another time."""
        named = [reading for reading in readings if reading.fingerprint is not None]
        new = await _remember(connection, [(r.device.id, r.fingerprint or "", r.received_ms) for r in named])
        kept = []
        for reading in readings:
            if reading.fingerprint is None or not reading.repeatable:
                kept.append(reading)
            elif (reading.device.id, reading.fingerprint) in new:
                new.discard((reading.device.id, reading.fingerprint))
                kept.append(reading)
        return kept

    async def _store_events(self, connection: psycopg.AsyncConnection, events: list[JudgedEvent]) -> list[JudgedEvent]:
        """Stores the alarm bits and returns those that were new."""
        named = [(e.device.id, e.fingerprint, e.received_ms) for e in events if e.fingerprint is not None]
        new = await _remember(connection, named)
        candidates = []
        for event in events:
            if event.fingerprint is not None and event.repeatable:
                if (event.device.id, event.fingerprint) not in new:
                    continue
                new.discard((event.device.id, event.fingerprint))
            candidates.append(event)
        # one after the other, so that of two that are the same the second is the duplicate; in one round trip
        async with connection.pipeline():
            stored = [await connection.execute(sql("insert_event"), _event_row(event)) for event in candidates]
        return [event for event, cursor in zip(candidates, stored, strict=True) if cursor.rowcount]


def _event_row(event: JudgedEvent) -> tuple[object, ...]:
    claimed = None if event.device_ts_ms is None else from_ms(event.device_ts_ms)
    return from_ms(event.ts_ms), event.device.id, event.type, event.on, from_ms(event.received_ms), claimed, event.flags


async def _store_statuses(connection: psycopg.AsyncConnection, statuses: list[JudgedStatus]) -> None:
    """In their order: after a blackout each device sends one, and a round trip each would hold up the readings."""
    if statuses:
        async with connection.cursor() as cursor:
            await cursor.executemany(
                sql("upsert_status"),
                [
                    (one.device.id, one.state, one.session, from_ms(one.ts_ms), from_ms(one.received_ms))
                    for one in statuses
                ],
            )


async def _store_rejects(connection: psycopg.AsyncConnection, rejects: list[Rejected]) -> int:
    """Writes the rejects; returns how many were new."""
    if not rejects:
        return 0
    async with connection.cursor() as cursor:
        await cursor.executemany(sql("insert_reject"), map(reject_row, rejects))
        return cursor.rowcount


async def _remember(connection: psycopg.AsyncConnection, named: list[tuple[int, str, int]]) -> set[tuple[int, str]]:
    if not named:
        return set()
    devices, fingerprints, received = zip(*named, strict=True)
    cursor = await connection.execute(
        sql("remember_bad_clock"), (list(devices), list(fingerprints), [from_ms(ms) for ms in received])
    )
    return {(device_id, fingerprint) for device_id, fingerprint in await cursor.fetchall()}


def reject_row(rejected: Rejected) -> dict[str, object]:
    """A row of `rejects`: the reason, and as much of the payload as is kept."""
    delivery, reject = rejected.delivery, rejected.reject
    return {
        "received_at": from_ms(delivery.received_ms),
        "topic": delivery.topic.replace("\0", "?"),
        "reason": reject.reason,
        "detail": reject.detail.replace("\0", "?"),
        "payload": (delivery.payload if reject.excerpt is None else reject.excerpt)[:KEPT_PAYLOAD_BYTES],
        "payload_size": len(delivery.payload),
        "duplicate": delivery.duplicate,
    }


async def _store_block(connection: psycopg.AsyncConnection, block: Block) -> Block:
    """Stores a block; returns those of its readings that were new."""
    new = await store_block(connection, block)
    return block if new is None else block.at(new)


async def _store_newest(connection: psycopg.AsyncConnection, stripes: Sequence[Held]) -> None:
    blocks, single = sum(stripes, start=Held()).newest()
    await store_latest(connection, blocks, [reading.row() for reading in single])


async def _note_rollups(
    connection: psycopg.AsyncConnection, blocks: list[Block], readings: list[Judged], now: datetime
) -> None:
    if blocks or readings:
        device_ids = np.concatenate([*(block.device_ids for block in blocks), [r.device.id for r in readings]])
        stamps = np.concatenate([*(block.ts_ms for block in blocks), [reading.ts_ms for reading in readings]])
        await rollup.note(connection, device_ids.astype(np.int64), stamps.astype(np.int64), now)
