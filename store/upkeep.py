"""What keeps the database small: compression and removal of old data.

Where TimescaleDB's edition has jobs for it, they do it; else the alerts process does what can be done.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import psycopg

from catalogue.wire import CLOCK_BEHIND_S
from store.edition import Edition, fitness_async
from store.named_sql import sql

COMPRESS_AFTER: Final = timedelta(seconds=CLOCK_BEHIND_S) + timedelta(days=2)
"""Readings are believed up to 30 days late; a chunk holds one day, and one is to spare. Then it is at rest."""
REJECTS_KEPT: Final = timedelta(days=90)
"""Long enough to look into a device that has misbehaved for a season (source: our choice)."""
BAD_CLOCKS_KEPT: Final = timedelta(seconds=CLOCK_BEHIND_S) * 1.5
"""45 days. They tell redeliveries; nothing is held back by a device or broker much longer than we would believe it."""

_EVERY: Final = timedelta(days=1)
_LOCK = 0x6E757570  # "nuup"
_REJECTS_AT_ONCE = 20_000


def ensure(connection: psycopg.Connection, edition: Edition, retention_days: int) -> list[str]:
    """Sets TimescaleDB's jobs to what is wanted; safe to repeat. Returns how old data are kept, in lines for people."""
    kept = f"telemetry is kept for {retention_days} days" if retention_days else "telemetry is kept for ever"
    if edition == "apache":
        return ["no compression: this is TimescaleDB's Apache edition", kept]
    enabled = connection.execute(sql("compression_enabled")).fetchone()
    if enabled is None or not enabled[0]:
        connection.execute(sql("enable_compression"))
    if (held := _policy(connection, "policy_compression")) != COMPRESS_AFTER:
        if held is not None:
            connection.execute(sql("remove_compression_policy"))
        connection.execute(sql("add_compression_policy"), (COMPRESS_AFTER,))
    wanted = timedelta(days=retention_days) if retention_days else None
    if (held := _policy(connection, "policy_retention")) != wanted:
        if held is not None:
            connection.execute(sql("remove_retention_policy"))
        if wanted is not None:
            connection.execute(sql("add_retention_policy"), (wanted,))
    return [f"telemetry is compressed after {COMPRESS_AFTER.days} days", kept]


async def daily(connection: psycopg.AsyncConnection, now: datetime, retention_days: int) -> bool:
    """Removes what is old, once a day whoever calls how often; returns whether it was done now.

    `connection` should not be in a transaction: what has been removed stays so when a later step fails.
    """
    async with connection.transaction():
        if not await _is_due(connection, now):
            return False
        await connection.execute(sql("delete_old_bad_clocks"), (now - BAD_CLOCKS_KEPT,))
        removed = await connection.execute(sql("delete_old_rejects"), (now - REJECTS_KEPT, _REJECTS_AT_ONCE))
    if removed.rowcount == _REJECTS_AT_ONCE:
        return False  # there are more: the next call
    async with connection.transaction():
        if not await _is_due(connection, now):
            return False
        if retention_days and (await fitness_async(connection)).edition == "apache":
            # a board that reads such a chunk must not hold up ingest behind us; the next call tries again
            await connection.execute("set local lock_timeout = '2s'")
            await connection.execute(sql("drop_old_telemetry"), (now - timedelta(days=retention_days),))
        await connection.execute(sql("note_upkeep"), ("daily", now))
    return True


async def _is_due(connection: psycopg.AsyncConnection, now: datetime) -> bool:
    """Whether it is time, and nobody else is at it."""
    locked = await (await connection.execute("select pg_try_advisory_xact_lock(%s)", (_LOCK,))).fetchone()
    if locked is None or not locked[0]:
        return False
    done = await (await connection.execute(sql("upkeep_done"), ("daily",))).fetchone()
    return done is None or done[0] <= now - _EVERY


def _policy(connection: psycopg.Connection, name: str) -> timedelta | None:
    found = connection.execute(sql("policy_interval"), (name,)).fetchone()
    return None if found is None else found[0]
