"""Which TimescaleDB this is: the Apache edition (hypertables) or Community (compression, continuous aggregates)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import psycopg
from psycopg.rows import TupleRow

from foundation.errors import DatabaseUnfit

Edition = Literal["apache", "community"]


@dataclass(frozen=True)
class Fitness:
    """What the database is: TimescaleDB's edition and version, PostgreSQL's version."""

    edition: Edition
    timescaledb: str
    postgresql: str


_AVAILABLE = (
    "select coalesce(installed_version, default_version) from pg_available_extensions where name = 'timescaledb'"
)
_SETTINGS = "select current_setting('timescaledb.license', true), current_setting('server_version')"


def ensure_extension(connection: psycopg.Connection) -> None:
    """Creates the extension where the database does not have it yet; its settings exist only then.

    Raises DatabaseUnfit when TimescaleDB is not installed, not loaded, or we may not create it.
    """
    if connection.execute("select 1 from pg_extension where extname = 'timescaledb'").fetchone() is not None:
        return
    _refuse_missing(connection.execute(_AVAILABLE).fetchone())
    try:
        connection.execute("create extension if not exists timescaledb")
    except psycopg.errors.InsufficientPrivilege:
        raise DatabaseUnfit(
            "this account may not create the timescaledb extension", do="create it as the database's superuser"
        ) from None
    except psycopg.OperationalError as failed:
        raise DatabaseUnfit(
            f"TimescaleDB cannot be created: {' '.join(str(failed).split())}",
            do="put timescaledb into shared_preload_libraries and restart",
        ) from None


def fitness(connection: psycopg.Connection) -> Fitness:
    """What we are connected to. Raises DatabaseUnfit if TimescaleDB is not there to use."""
    available = connection.execute(_AVAILABLE).fetchone()
    return _judge(available, connection.execute(_SETTINGS).fetchone())


async def fitness_async(connection: psycopg.AsyncConnection) -> Fitness:
    """The same over an asynchronous connection."""
    available = await (await connection.execute(_AVAILABLE)).fetchone()
    return _judge(available, await (await connection.execute(_SETTINGS)).fetchone())


def _refuse_missing(available: TupleRow | None) -> TupleRow:
    if available is None:
        raise DatabaseUnfit(
            "this PostgreSQL has no TimescaleDB", do="install the timescaledb extension; there is no mode without it"
        )
    return available


def _judge(available: TupleRow | None, loaded: TupleRow | None) -> Fitness:
    available = _refuse_missing(available)
    if loaded is None or loaded[0] is None:
        raise DatabaseUnfit(
            "TimescaleDB is installed but not loaded", do="put timescaledb into shared_preload_libraries and restart"
        )
    return Fitness(
        edition="community" if loaded[0] == "timescale" else "apache",
        timescaledb=available[0],
        postgresql=loaded[1].split()[0],
    )
