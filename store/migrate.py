"""Forward migrations: plain SQL files, applied once each, in order, under a lock, checked by their checksums."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

import psycopg
from psycopg import sql as pg

from foundation.errors import DatabaseUnfit
from foundation.settings import settings
from store import columns, edition, phones, upkeep

_LOCK = 0x6E75616E  # "nuan"; one migration at a time, whoever else starts
_LEDGER = (
    "create table if not exists migration"
    " (name text primary key, checksum text not null, applied_at timestamptz not null default now())"
)
_NOTE = "insert into migration (name, checksum) values ({}, {})"


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
    phones: phones.Sealed


def migrations() -> list[Migration]:
    """The files, in order of their number."""
    folder = files("store").joinpath("migrations")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [Migration(name, folder.joinpath(name).read_text(encoding="utf-8")) for name in names]


def migrate(connection: psycopg.Connection) -> Migrated:
    """Brings the schema to this version in one transaction; safe to call from several processes at once.

    Then seals telephone numbers that are not sealed with the key in force, some thousand at a time.

    Raises DatabaseUnfit when TimescaleDB is missing, when an applied file has changed since, or when the database
    is newer than this program; SettingsError where there are telephone numbers and no key for them.
    """
    with connection.transaction():
        phones.refuse_without_key(connection)
        connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        edition.ensure_extension(connection)
        fit = edition.fitness(connection)
        connection.execute(_LEDGER)
        applied = _to_do(connection)
        for migration in applied:
            connection.execute(migration.text.encode())
            connection.execute(_note(migration))
        added = columns.add_missing(connection)
        kept = upkeep.ensure(connection, fit.edition, settings().retention_days)
    sealed = phones.seal_phones(connection)
    phones.refuse_wrong_key(connection)
    return Migrated([migration.name for migration in applied], added, fit, kept, sealed)


@dataclass(frozen=True)
class Plan:
    """What `migrate` would do now. `sql` is a script that does the same: it can be read, and run with psql instead."""

    pending: list[str]
    columns: list[str]
    sql: str


def plan(connection: psycopg.Connection) -> Plan:
    """What `migrate` would run, for a person to review; changes nothing and waits for no lock on a table.

    A migration file is shown as it is, so the columns of tables that it makes are among those to add. Raises
    DatabaseUnfit where `migrate` would refuse this database.
    """
    with connection.transaction():
        connection.execute("set transaction read only")
        to_do, lacking = _to_do(connection), columns.missing(connection)
        script = [
            f"-- {migration.name}\n{migration.text.strip()}\n\n{_sql(connection, _note(migration))};"
            for migration in to_do
        ]
        script += [f"{_sql(connection, columns.addition(table, added))};" for table, added in lacking.items()]
    if not script:
        return Plan([], [], "-- nothing to do: every migration is applied, every metric has its columns\n")
    head = [
        "begin;",
        f"select pg_advisory_xact_lock({_LOCK});  -- one migration at a time",
        "create extension if not exists timescaledb;",
        f"{_LEDGER};",
    ]
    # what those are depends on the tables, which may not be there yet
    tail = [
        "commit;",
        "-- `nuanshao migrate` then sets TimescaleDB's jobs for old data (store/sql/upkeep.sql) where they differ,",
        "-- and seals telephone numbers that are still clear (store/phones.py).",
    ]
    text = "\n\n".join(["\n".join(head), *script, "\n".join(tail)])
    return Plan([migration.name for migration in to_do], columns.named(lacking), text + "\n")


def pending(connection: psycopg.Connection) -> list[str]:
    """Names of the files that this database has not had yet."""
    done = _done(connection)
    return [migration.name for migration in migrations() if migration.name not in done]


def _done(connection: psycopg.Connection) -> dict[str, str]:
    """Checksums of the applied files by name."""
    there = connection.execute("select to_regclass('migration')").fetchone()
    if there is None or there[0] is None:
        return {}
    return dict(connection.execute("select name, checksum from migration").fetchall())


def _to_do(connection: psycopg.Connection) -> list[Migration]:
    """The files to apply. Raises DatabaseUnfit for a database that is newer, or that had another text of a file."""
    done, known = _done(connection), migrations()
    _refuse_foreign(done, known)
    return [migration for migration in known if migration.name not in done]


def _note(migration: Migration) -> pg.Composed:
    return pg.SQL(_NOTE).format(migration.name, migration.checksum)


def _sql(connection: psycopg.Connection, statement: pg.Composed) -> str:
    return statement.as_string(connection)


def _refuse_foreign(done: dict[str, str], known: list[Migration]) -> None:
    by_name = {migration.name: migration for migration in known}
    for name, checksum in done.items():
        if name not in by_name:
            raise DatabaseUnfit(f"the database has had migration {name}, which this version does not know", do="update")
        if by_name[name].checksum != checksum:
            raise DatabaseUnfit(
                f"migration {name} was changed after it was applied", do="put the file back and add a new one"
            )
