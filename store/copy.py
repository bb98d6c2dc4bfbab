"""The COPY writer: rows into the hypertable, binary, directly; and the staging path for a batch with duplicates.

Times travel as PostgreSQL holds them, microseconds since 2000-01-01 UTC in an int8: a `datetime` per value would cost
more than the rest of the row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import psycopg
from psycopg import errors
from psycopg import sql as pg

from store.columns import READING_COLUMNS, TELEMETRY_COLUMNS, TELEMETRY_TYPES, column_list
from store.named_sql import sql

TelemetryRow = tuple[object, ...]
"""One row in the order of TELEMETRY_COLUMNS; times by `pg_time`."""
Key = tuple[int, int]
"""(device_id, ts in ms since 1970)"""

_EPOCH_2000_MS = 946_684_800_000
_BINARY_TYPES = tuple("int8" if kind == "timestamptz" else kind for kind in TELEMETRY_TYPES)
_ASSIGNMENTS = pg.SQL(", ").join(
    pg.SQL("{0} = excluded.{0}").format(pg.Identifier(name)) for name in TELEMETRY_COLUMNS if name != "device_id"
)
TS = READING_COLUMNS.index("ts")
DEVICE_ID = READING_COLUMNS.index("device_id")


def pg_time(ms: int) -> int:
    """Milliseconds since 1970 as microseconds since 2000, PostgreSQL's own form."""
    return (ms - _EPOCH_2000_MS) * 1000


def key(row: TelemetryRow) -> Key:
    """What makes a reading the same reading."""
    return row[DEVICE_ID], row[TS] // 1000 + _EPOCH_2000_MS  # type: ignore[operator,return-value]  # rows are ours


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


async def _merge(connection: psycopg.AsyncConnection, rows: Sequence[TelemetryRow]) -> set[Key]:
    await connection.execute(sql("create_staging"))
    await connection.execute("truncate staging")
    await _copy(connection, "copy_staging", rows)
    cursor = await connection.execute(sql("merge_staging", columns=column_list()))
    return {(device_id, ts_ms) for device_id, ts_ms in await cursor.fetchall()}


async def store_latest(connection: psycopg.AsyncConnection, rows: Iterable[TelemetryRow]) -> None:
    """Brings `device_latest` up to the given readings (one per device), never backwards.

    Only `received_at` follows every reading: a device whose clock jumps back is not silent.
    """
    newest = list(rows)
    if not newest:
        return
    await connection.execute(sql("create_newest"))
    await connection.execute("truncate newest")
    await _copy(connection, "copy_newest", newest)
    await connection.execute(sql("merge_newest", columns=column_list(), assignments=_ASSIGNMENTS))
    await connection.execute(sql("note_heard"))


async def _copy(connection: psycopg.AsyncConnection, block: str, rows: Iterable[TelemetryRow]) -> None:
    async with connection.cursor() as cursor, cursor.copy(sql(block, columns=column_list())) as copy:
        copy.set_types(_BINARY_TYPES)
        for row in rows:
            await copy.write_row(row)
