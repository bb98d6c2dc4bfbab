"""Forward migrations: plain SQL files, applied once each, in order, under a lock, checked by their checksums."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

import psycopg

from foundation.errors import DatabaseUnfit
from foundation.settings import settings
from store import columns, edition, upkeep

_LOCK = 0x6E75616E  # "nuan"; one migration at a time, whoever else starts


@dataclass(frozen=True)
class Migration:
    """One file of `store/migrations/`."""

    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, so that an applied file cannot change unnoticed."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class Migrated:
    """What a run of `migrate` did."""

    applied: list[str]
    columns: list[str]
    fitness: edition.Fitness
    upkeep: list[str]
    """What happens to old data on this edition, in lines for people."""


def migrations() -> list[Migration]:
    """The files, in order of their number."""
    folder = files("store").joinpath("migrations")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [Migration(name, folder.joinpath(name).read_text(encoding="utf-8")) for name in names]


def migrate(connection: psycopg.Connection) -> Migrated:
    """Brings the schema to this version in one transaction; safe to call from several processes at once.

    Raises DatabaseUnfit when TimescaleDB is missing, when an applied file has changed since, or when the database
    is newer than this program.
    """
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        edition.ensure_extension(connection)
        fit = edition.fitness(connection)
        connection.execute(
            "create table if not exists migration"
            " (name text primary key, checksum text not null, applied_at timestamptz not null default now())"
        )
        done: dict[str, str] = dict(connection.execute("select name, checksum from migration").fetchall())
        known = migrations()
        _refuse_foreign(done, known)
        applied = [migration for migration in known if migration.name not in done]
        for migration in applied:
            connection.execute(migration.text.encode())
            connection.execute(
                "insert into migration (name, checksum) values (%s, %s)", (migration.name, migration.checksum)
            )
        added = columns.add_missing(connection)
        kept = upkeep.ensure(connection, fit.edition, settings().retention_days)
    return Migrated([migration.name for migration in applied], added, fit, kept)


def pending(connection: psycopg.Connection) -> list[str]:
    """Names of the files that this database has not had yet."""
    there = connection.execute("select to_regclass('migration')").fetchone()
    if there is None or there[0] is None:
        return [migration.name for migration in migrations()]
    done = {row[0] for row in connection.execute("select name from migration")}
    return [migration.name for migration in migrations() if migration.name not in done]


def _refuse_foreign(done: dict[str, str], known: list[Migration]) -> None:
    by_name = {migration.name: migration for migration in known}
    for name, checksum in done.items():
        if name not in by_name:
            raise DatabaseUnfit(f"the database has had migration {name}, which this version does not know", do="update")
        if by_name[name].checksum != checksum:
            raise DatabaseUnfit(
                f"migration {name} was changed after it was applied", do="put the file back and add a new one"
            )
