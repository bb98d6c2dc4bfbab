"""Rollups: `telemetry_15m` and `telemetry_1d`, recomputed bucket by bucket wherever readings have arrived.

What is to be recomputed stands in the table `rollup_pending`: ingest notes there, in the transaction that stores the
readings, which buckets they fall into. A refresh deletes a bucket's notes first and reads its readings afterwards, in
one transaction: it sees every reading whose note it has deleted, and a note that is committed later stays for the next
refresh. So nothing late, out of order or written meanwhile is missed, and a crash leaves everything as it was.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql as pg

from foundation.clock import from_ms
from store.aggregates import Aggregate, aggregates
from store.named_sql import sql

DAY_ZONE: Final = ZoneInfo("Asia/Shanghai")
"""A day is China's: night and day tariffs and people's lives follow it. Not a setting: days cut in two ways would
overlap."""
WORK_S: Final = 10.0
"""How long one refresh works at each grain before it lets the next one go on (source: our choice)."""
AT_MOST: Final = 500
"""Buckets a refresh looks at, at each grain."""
NAMED_READINGS: Final = 500
"""Above so many readings of one batch in one bucket their devices are not named: it is recomputed for all."""

_LOCK = 0x6E75726F  # "nuro"
_QUARTER_MS = 15 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Grain:
    """One of the rollups: its name, how long a bucket is, and how soon a touched one is recomputed."""

    name: Literal["15m", "1d"]
    span: timedelta
    unfinished: timedelta
    """After the first reading since the last time, while the bucket goes on."""
    finished: timedelta
    """The same when it is over: readings that come late come in company."""


QUARTERS: Final = Grain("15m", timedelta(minutes=15), timedelta(minutes=5), timedelta(0))
DAYS: Final = Grain("1d", timedelta(hours=24), timedelta(hours=1), timedelta(minutes=5))


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did: buckets recomputed, rows written into them, and how long that took."""

    buckets: int
    rows: int
    took_s: float


async def note(
    connection: psycopg.AsyncConnection,
    device_ids: npt.NDArray[np.int64],
    stamps_ms: npt.NDArray[np.int64],
    now: datetime,
) -> None:
    """Notes the buckets of these readings (ms since 1970), in the transaction that stores them."""
    if not len(stamps_ms):
        return
    quarters, place, many = np.unique(stamps_ms // _QUARTER_MS, return_inverse=True, return_counts=True)
    named = [
        None if count > NAMED_READINGS else np.unique(device_ids[place == number]).tolist()
        for number, count in enumerate(many.tolist())
    ]
    buckets = [from_ms(quarter * _QUARTER_MS) for quarter in quarters.tolist()]
    await _note(connection, QUARTERS, buckets, named, now)


async def refresh(connection: psycopg.AsyncConnection, now: datetime) -> Refreshed:
    """Recomputes what is due, newest first, for a bounded time; the rest waits for the next call.

    Each bucket is a transaction of its own, so `connection` should not be in one. While another process is at it, this
    does nothing.
    """
    began = time.perf_counter()
    buckets = rows = 0
    for grain in (QUARTERS, DAYS):
        enough = time.perf_counter() + WORK_S
        for bucket in await _due(connection, grain, now):
            written = await _recompute(connection, grain, bucket, now)
            if written is None:
                break
            buckets += 1
            rows += written
            if time.perf_counter() > enough:
                break
    return Refreshed(buckets, rows, time.perf_counter() - began)


def day_of(moment: datetime) -> datetime:
    """The bucket of `telemetry_1d` that the moment falls into."""
    return moment.astimezone(DAY_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)


async def _due(connection: psycopg.AsyncConnection, grain: Grain, now: datetime) -> list[datetime]:
    async with connection.transaction():
        cursor = await connection.execute(
            sql("due_buckets"),
            {
                "grain": grain.name, "now": now, "span": grain.span, "unfinished": grain.unfinished,
                "finished": grain.finished, "at_most": AT_MOST,
            },
        )  # fmt: skip
        return [bucket for (bucket,) in await cursor.fetchall()]


async def _recompute(connection: psycopg.AsyncConnection, grain: Grain, bucket: datetime, now: datetime) -> int | None:
    """Recomputes one bucket; the rows written, or None when another process is at it."""
    async with connection.transaction():
        locked = await (await connection.execute(sql("take_rollup_lock"), (_LOCK,))).fetchone()
        if locked is None or not locked[0]:
            return None
        notes = await (await connection.execute(sql("take_notes"), (grain.name, bucket))).fetchall()
        if not notes:
            return 0  # another process has just been here
        devices = _together([named for (named,) in notes])
        cursor = await connection.execute(
            _statement(grain, tuple(aggregates())),
            {"bucket": bucket, "end": bucket + grain.span, "devices": devices},
            prepare=False,  # a plan for these very hours leaves out all chunks but theirs
        )
        if grain is QUARTERS and cursor.rowcount:
            await _note(connection, DAYS, [day_of(bucket)], [devices], now)
        return cursor.rowcount


@cache
def _statement(grain: Grain, made: tuple[Aggregate, ...]) -> bytes:
    """Kept: to compose some two hundred aggregates took 18 ms a bucket."""
    columns = pg.SQL(", ").join(pg.Identifier(one.name) for one in made)
    assignments = pg.SQL(", ").join(pg.SQL("{0} = excluded.{0}").format(pg.Identifier(one.name)) for one in made)
    if grain is QUARTERS:
        values = pg.SQL(", ").join(one.of_readings for one in made)
        return sql("refresh_15m", columns=columns, aggregates=values, assignments=assignments).as_bytes(None)
    values = pg.SQL(", ").join(one.of_quarters for one in made)
    return sql("refresh_1d", columns=columns, aggregates=values, assignments=assignments).as_bytes(None)


async def _note(
    connection: psycopg.AsyncConnection,
    grain: Grain,
    buckets: list[datetime],
    devices: list[list[int] | None],
    now: datetime,
) -> None:
    named = [None if ids is None else f"{{{','.join(map(str, ids))}}}" for ids in devices]
    await connection.execute(
        sql("note_buckets"), {"grain": grain.name, "buckets": buckets, "devices": named, "now": now}
    )


def _together(notes: list[list[int] | None]) -> list[int] | None:
    """All devices of the notes; None when one of them means everybody."""
    together: set[int] = set()
    for devices in notes:
        if devices is None:
            return None
        together.update(devices)
    return sorted(together)
