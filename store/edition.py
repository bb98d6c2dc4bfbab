"""Which TimescaleDB this is: the Apache edition (hypertables) or Community (compression, continuous aggregates)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import psycopg

from foundation.errors import DatabaseUnfit

Edition = Literal["apache", "community"]


@dataclass(frozen=True)
class Fitness:
    """What the database is: TimescaleDB's edition and version, PostgreSQL's version."""

    edition: Edition
    timescaledb: str
    postgresql: str


def fitness(connection: psycopg.Connection) -> Fitness:
    """What we are connected to. Raises DatabaseUnfit if TimescaleDB is not there to use."""
    available = connection.execute(
        "select coalesce(installed_version, default_version) from pg_available_extensions where name = 'timescaledb'"
    ).fetchone()
    if available is None:
        raise DatabaseUnfit(
            "this PostgreSQL has no TimescaleDB", do="install the timescaledb extension; there is no mode without it"
        )
    row = connection.execute(
        "select current_setting('timescaledb.license', true), current_setting('server_version')"
    ).fetchone()
    if row is None or row[0] is None:
        raise DatabaseUnfit(
            "TimescaleDB is installed but not loaded", do="put timescaledb into shared_preload_libraries and restart"
        )
    return Fitness(
        edition="community" if row[0] == "timescale" else "apache",
        timescaledb=available[0],
        postgresql=row[1].split()[0],
    )
