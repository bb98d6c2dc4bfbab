"""A copy of the registry in a file: who has which device where, and who is told. Telephone numbers are sealed.

Written anew as a whole and put in the place of the last one, so that a reader finds one or the other. Rows are asked
for one by one: a city's 330 000 devices are never in memory together.
"""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
import structlog

from alerts.messages import Place
from alerts.standby.folder import new_file, put_in_place
from alerts.standby.letter import Contact
from store.named_sql import sql

log = structlog.get_logger()

ROWS_AT_ONCE: Final = 5_000
_TABLES: Final = """
create table deployment (mark text not null);
create table device (
    uid text primary key, id integer not null, type text not null, interval_s integer not null, drill integer not null,
    gateway text, village text not null, home text not null, region_id integer
) without rowid;
create table recipient (
    region_id integer not null, contact_id integer not null, phone text not null, language text not null,
    primary key (region_id, contact_id)
) without rowid;
create table relative (
    device_id integer not null, contact_id integer not null, phone text not null, language text not null,
    primary key (device_id, contact_id)
) without rowid;
"""


@dataclass(frozen=True, slots=True)
class ListedDevice:
    """A device as the copy has it."""

    id: int
    uid: str
    type: str
    interval_s: int
    drill: bool
    gateway: str | None
    place: Place
    region_id: int | None


class RegistryCopy:
    """Reads the copy at `path`, always the newest one. Without a copy nobody is known."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: sqlite3.Connection | None = None
        self._inode = 0

    def mark(self) -> str:
        """The mark of the deployment that it is a copy of; empty without a copy."""
        row = self._ask("select mark from deployment", ())
        return str(row[0][0]) if row else ""

    def device(self, uid: str) -> ListedDevice | None:
        """The device of this name, unless it is not there or retired."""
        rows = self._ask(
            "select id, type, interval_s, drill, gateway, village, home, region_id from device where uid = ?", (uid,)
        )
        if not rows:
            return None
        device_id, kind, interval_s, drill, gateway, village, home, region_id = rows[0]
        return ListedDevice(
            device_id, uid, kind, interval_s, bool(drill), gateway, Place(village, home, uid), region_id
        )

    def contacts(self, device: ListedDevice) -> list[Contact]:
        """Who is told about it: everybody of its region, whoever is on duty, and relatives; no organisations."""
        rows = self._ask(
            "select contact_id, phone, language from recipient where region_id = ?"
            " union select contact_id, phone, language from relative where device_id = ? order by contact_id",
            (device.region_id, device.id),
        )
        return [Contact(*row) for row in rows]

    def close(self) -> None:
        """Lets the file go."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _ask(self, query: str, values: tuple[object, ...]) -> list[Any]:
        try:
            inode = self._path.stat().st_ino
        except FileNotFoundError:
            return []
        if self._file is None or inode != self._inode:
            self.close()
            self._file = sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True)
            self._inode = inode
        try:
            return self._file.execute(query, values).fetchall()
        except sqlite3.Error as broken:  # the next copy will do
            log.error("registry_copy_unreadable", why=str(broken), file=self._path.name)  # noqa: TRY400 (a traceback may show numbers)
            return []


async def copy_registry(connection: psycopg.AsyncConnection, path: Path) -> int:
    """Writes the copy anew. Returns how many devices it holds; when it raises, the last copy stands."""
    fresh = new_file(path.with_suffix(".new"))
    file = sqlite3.connect(fresh, isolation_level=None, check_same_thread=False)
    try:
        # nobody reads it before it is whole
        file.executescript(f"pragma journal_mode = off; pragma synchronous = off; {_TABLES} begin;")
        async with connection.transaction():
            await connection.execute("set transaction isolation level repeatable read, read only")
            await _copy(connection, "deployment_mark", file, "insert into deployment values (?)")
            await _copy(connection, "standby_recipients", file, "insert into recipient values (?, ?, ?, ?)")
            await _copy(connection, "standby_relatives", file, "insert into relative values (?, ?, ?, ?)")
            devices = await _copy(
                connection, "standby_devices", file, "insert into device values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            )
        await asyncio.to_thread(file.execute, "commit")
    finally:
        file.close()
    await asyncio.to_thread(put_in_place, fresh, path)
    return devices


async def _copy(connection: psycopg.AsyncConnection, block: str, file: sqlite3.Connection, insert: str) -> int:
    """Rows of a query into a table, some thousand at a time; how many."""
    copied = 0
    async with connection.cursor(block) as cursor:
        await cursor.execute(sql(block))
        while rows := await cursor.fetchmany(ROWS_AT_ONCE):
            await asyncio.to_thread(file.executemany, insert, rows)
            copied += len(rows)
    return copied
