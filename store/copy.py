"""The COPY writer: rows into the hypertable, binary, directly; and the staging path for a batch with duplicates.

Times travel as PostgreSQL holds them, microseconds since 2000-01-01 UTC in an int8: a `datetime` per value would cost
more than the rest of the row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import errors
from psycopg import sql as pg

from store.columnar import END, HEAD, binary_rows, pg_time, pg_times
from store.columns import READING_COLUMNS, TELEMETRY_COLUMNS, TELEMETRY_TYPES, column_list
from store.named_sql import sql

TelemetryRow = tuple[object, ...]
"""One row in the order of TELEMETRY_COLUMNS; times by `pg_time`."""
Key = tuple[int, int]
"""(device_id, ts in ms since 1970)"""


class ReadingBlock(Protocol):
    """Readings with the same metrics as columns; times in ms since 1970, NaN where a value is missing."""

    metrics: tuple[str, ...]
    device_ids: npt.NDArray[np.int64]
    ts_ms: npt.NDArray[np.int64]
    received_ms: npt.NDArray[np.int64]
    seq: npt.NDArray[np.int64]
    boot: npt.NDArray[np.int64]
    flags: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]

    def row(self, place: int) -> TelemetryRow:
        """One of them in the order of TELEMETRY_COLUMNS."""


_BINARY_TYPES = tuple("int8" if kind == "timestamptz" else kind for kind in TELEMETRY_TYPES)
_LATEST_ASSIGNMENTS = pg.SQL(", ").join(
    pg.SQL("{0} = excluded.{0}").format(pg.Identifier(name)) for name in TELEMETRY_COLUMNS if name != "device_id"
)
"""What a newer reading replaces in device_latest."""
TS = READING_COLUMNS.index("ts")
DEVICE_ID = READING_COLUMNS.index("device_id")


def key(row: TelemetryRow) -> Key:
    """What makes a reading the same reading."""
    return row[DEVICE_ID], row[TS] // 1000 - pg_time(0) // 1000  # type: ignore[operator,return-value]  # rows are ours


async def store_readings(connection: psycopg.AsyncConnection, rows: Sequence[TelemetryRow]) -> set[Key] | None:
    """Writes the readings inside the caller's transaction.

    Returns None when all were new, otherwise the keys of those that were (the rest were there already).
    """
    if not rows:
        return None
    try:
        async with connection.transaction():
            await _copy(connection, "copy_telemetry", rows)
    except errors.UniqueViolation:
        return await _merge(connection, rows)
    return None


async def store_block(connection: psycopg.AsyncConnection, block: ReadingBlock) -> npt.NDArray[np.bool_] | None:
    """Writes a block inside the caller's transaction.

    Returns None when all were new, otherwise which of them were (the rest were there already).
    """
    try:
        async with connection.transaction():
            await _copy_block(connection, "copy_telemetry", block)
    except errors.UniqueViolation:
        await connection.execute(sql("create_staging"))
        await connection.execute("truncate staging")
        await _copy_block(connection, "copy_staging", block)
        cursor = await connection.execute(statement("merge_staging"))
        new = {(device_id, ts_ms) for device_id, ts_ms in await cursor.fetchall()}
        fresh = np.zeros(len(block.ts_ms), dtype=np.bool_)
        for place, at in enumerate(zip(block.device_ids.tolist(), block.ts_ms.tolist(), strict=True)):
            if at in new:
                new.discard(at)  # a repetition inside the block is a duplicate like any other
                fresh[place] = True
        return fresh
    return None


async def store_latest(
    connection: psycopg.AsyncConnection, blocks: Sequence[ReadingBlock], rows: Sequence[TelemetryRow]
) -> None:
    """Brings `device_latest` up to the given readings, never backwards. Each device stands once in all of them.

    Inside the caller's transaction, once in it. Only `received_at` follows every reading: a device whose clock jumps
    back is not silent.
    """
    many = sum(len(block.ts_ms) for block in blocks) + len(rows)
    if not many:
        return
    await connection.execute(sql("create_newest"))
    for block in blocks:
        await _copy_block(connection, "copy_newest", block)
    if rows:
        await _copy(connection, "copy_newest", rows)
    merged = await connection.execute(statement("merge_newest"))
    if merged.rowcount < many:
        await connection.execute(sql("note_heard"))


async def catch_up_latest(connection: psycopg.AsyncConnection, device_ids: list[int], since: datetime) -> None:
    """Brings `device_latest` up to what `telemetry` holds of these devices since a moment; never backwards."""
    await connection.execute(
        statement("latest_from_telemetry"),
        {"devices": device_ids, "since": since},
    )


@lru_cache(maxsize=1024)
def statement(name: str, columns: tuple[str, ...] = TELEMETRY_COLUMNS) -> bytes:
    """The block `name` over these columns of readings.

    Made once: to quote the columns each time costs more than many a statement itself (measured: 1 ms for all).
    """
    return sql(name, columns=column_list(columns), assignments=_LATEST_ASSIGNMENTS).as_bytes(None)


async def _copy_block(connection: psycopg.AsyncConnection, into: str, block: ReadingBlock) -> None:
    missing = np.isnan(block.values)
    kept = np.flatnonzero(~missing.all(axis=0)).tolist()
    names = tuple(block.metrics[place] for place in kept)
    head: dict[str, npt.NDArray[Any]] = {
        "ts": pg_times(block.ts_ms),
        "device_id": block.device_ids,
        "received_at": pg_times(block.received_ms),
        "seq": block.seq,
        "boot": block.boot,
        "flags": block.flags,
    }
    async with (
        connection.cursor() as cursor,
        cursor.copy(statement(into, (*head, *names))) as copy,
    ):
        await copy.write(HEAD)
        for rows, lacking in _alike(missing[:, kept]):
            table: dict[str, npt.NDArray[Any] | None] = {name: column[rows] for name, column in head.items()}
            for name, place, none in zip(names, kept, lacking, strict=True):
                table[name] = None if none else block.values[rows, place]
            await copy.write(binary_rows(table))
        await copy.write(END)


def _alike(missing: npt.NDArray[np.bool_]) -> Iterator[tuple[npt.NDArray[np.int64] | slice, list[bool]]]:
    """Rows in which the same values are missing: which rows, and for each column whether it is missing there."""
    if not missing.any():
        yield slice(None), [False] * missing.shape[1]
        return
    patterns, which = np.unique(missing, axis=0, return_inverse=True)
    order = np.argsort(which.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(which.ravel()))
    for lacking, rows in zip(patterns.tolist(), np.split(order, ends[:-1]), strict=True):
        yield rows, lacking


async def _merge(connection: psycopg.AsyncConnection, rows: Sequence[TelemetryRow]) -> set[Key]:
    await connection.execute(sql("create_staging"))
    await connection.execute("truncate staging")
    await _copy(connection, "copy_staging", rows)
    cursor = await connection.execute(statement("merge_staging"))
    return {(device_id, ts_ms) for device_id, ts_ms in await cursor.fetchall()}


async def _copy(connection: psycopg.AsyncConnection, block: str, rows: Iterable[TelemetryRow]) -> None:
    async with connection.cursor() as cursor, cursor.copy(statement(block)) as copy:
        copy.set_types(_BINARY_TYPES)
        for row in rows:
            await copy.write_row(row)
