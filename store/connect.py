"""Connections: plain, asynchronous and pooled, with errors in our words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from foundation.errors import DatabaseUnavailable
from foundation.settings import required

CONNECT_TIMEOUT_S = 5
POOL_TIMEOUT_S = 3.0
"""How long somebody waits for a connection of a pool before the database counts as away."""
POOL_TRIES_FOR_S = 2.0
"""A pool waits twice as long after each failure, up to five minutes unless told otherwise: the database would be back,
and nobody told of an alarm for as long again as it was away. After so long it gives up, and begins anew when asked."""

PATIENCE: dict[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""A database that is cut off without a word (a half-open connection) is noticed within half a minute."""

Pool = AsyncConnectionPool[psycopg.AsyncConnection[TupleRow]]


def database_url() -> str:
    """Where the database is, from NUANSHAO_DATABASE_URL."""
    return required("database_url")


def connect(url: str, *, autocommit: bool = False) -> psycopg.Connection:
    """A plain connection. Raises DatabaseUnavailable."""
    try:
        return psycopg.connect(url, autocommit=autocommit, **PATIENCE)
    except psycopg.OperationalError as failed:
        raise unavailable(failed) from failed


async def connect_async(url: str, *, autocommit: bool = False) -> psycopg.AsyncConnection:
    """An asynchronous connection. Raises DatabaseUnavailable.

    A login that is cancelled is let through and hung up: half a login would hold the server for a minute.
    """
    opening = asyncio.ensure_future(psycopg.AsyncConnection.connect(url, autocommit=autocommit, **PATIENCE))
    try:
        return await asyncio.shield(opening)
    except psycopg.OperationalError as failed:
        raise unavailable(failed) from failed
    except asyncio.CancelledError:
        with contextlib.suppress(psycopg.Error):
            await (await opening).close()
        raise


def pool(url: str, *, largest: int = 4) -> Pool:
    """An unopened pool of asynchronous connections, each checked before it is handed out."""
    return AsyncConnectionPool(
        url,
        kwargs=PATIENCE,
        min_size=1,
        max_size=largest,
        open=False,
        check=AsyncConnectionPool.check_connection,
        timeout=POOL_TIMEOUT_S,
        reconnect_timeout=POOL_TRIES_FOR_S,
    )


@contextlib.asynccontextmanager
async def committed_one_by_one(connection: psycopg.AsyncConnection) -> AsyncIterator[None]:
    """Each `transaction()` inside is one of its own, even after a query: that would have opened one around it."""
    await connection.set_autocommit(True)
    try:
        yield
    finally:
        await connection.set_autocommit(False)


def unavailable(failed: psycopg.Error) -> DatabaseUnavailable:
    """The driver's words as one line."""
    return DatabaseUnavailable(f"the database does not answer: {' '.join(str(failed).split())}", do="is it running?")
