"""The registry: regions, homes, devices, contacts and what the broker lets in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from sys import intern
from typing import Any, Final

import psycopg
from psycopg import errors

from catalogue.device_types import DEVICE_TYPE
from catalogue.flags import Flag
from catalogue.wire import is_uid
from foundation.errors import NotFound, SettingsError
from foundation.sealing import mark, seal
from store.named_sql import sql

KNOWN_AT_ONCE: Final = 5_000
NOTIFY_CHANNEL = "nuanshao_registry"
"""LISTEN here to hear of changed devices and credentials."""
PEOPLE_CHANNEL = "nuanshao_people"
"""LISTEN here to hear of changed contacts, homes and regions."""


RESERVED = "nuanshao"
"""Begins the names of our own accounts at the broker; no device may have one."""
DRILLS: Final = "drill-"
"""Begins the names of a drill's twins (store/drill.py)."""


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """What ingest needs of a registered device. `gateway` is the uid of the gateway that it sits behind, or None.

    `marks` are the flags that each of its readings carries (catalogue/flags.py): DRILL for a drill's twin.
    """

    id: int
    uid: str
    type: str
    interval_s: int
    state: str
    gateway: str | None
    marks: int = 0
    vendor: str = ""
    model: str = ""
    building_class: str = ""
    regions: tuple[str, ...] = ()
    """Codes of its village and of all regions above."""

    @property
    def drill(self) -> bool:
        """Whether it is only there for a drill. The registry alone says so, never what a device sends."""
        return self.marks != 0


def add_region(connection: psycopg.Connection, *, code: str, name: str, level: str, parent: str | None) -> None:
    """A node of the region tree; its parent must be there. The same code again renames it."""
    connection.execute(sql("add_region"), (code, name, level, parent))


def add_home(
    connection: psycopg.Connection,
    *,
    code: str,
    village: str,
    address: str = "",
    vacant: bool = False,
    vulnerable: bool = False,
) -> None:
    """A home in a village. Raises NotFound if there is no such village."""
    try:
        connection.execute(sql("add_home"), (code, village, address, vacant, vulnerable))
    except errors.NotNullViolation:
        raise NotFound(f"there is no region {village!r}", do="add the village first") from None


def add_contact(connection: psycopg.Connection, *, region: str, name: str, role: str, phone: str) -> None:
    """Somebody who is told about a region's alarms. Raises SettingsError without a key for the number."""
    connection.execute(sql("add_contact"), (region, name, role, seal(phone), mark(phone)))


def add_device(
    connection: psycopg.Connection,
    *,
    uid: str,
    device_type: str,
    home: str | None = None,
    model: str = "",
    interval_s: int | None = None,
) -> int:
    """A device, in service. Returns its id.

    Raises SettingsError for a uid or type that cannot be, or a uid that is taken; NotFound for a missing home.
    """
    if not is_uid(uid):
        raise SettingsError(f"{uid!r} cannot name a device", do="use 4-32 of a-z, 0-9 and -, not starting with -")
    if uid.startswith(RESERVED):
        raise SettingsError(f"names that start with {RESERVED!r} are our own accounts'", do="choose another uid")
    if uid.startswith(DRILLS):
        raise SettingsError(f"names that start with {DRILLS!r} are drills'", do="choose another uid")
    if device_type not in DEVICE_TYPE:
        raise SettingsError(f"there is no device type {device_type!r}", do=f"use one of {', '.join(DEVICE_TYPE)}")
    if home is not None and connection.execute("select 1 from home where code = %s", (home,)).fetchone() is None:
        raise NotFound(f"there is no home {home!r}", do="leave --home out, or add the home first")
    try:
        row = connection.execute(
            sql("add_device"), (uid, device_type, model, home, interval_s or DEVICE_TYPE[device_type].interval_s)
        ).fetchone()
    except errors.UniqueViolation:
        raise SettingsError(f"device {uid!r} is registered already", do="choose another uid") from None
    assert row is not None  # noqa: S101 ("returning" always answers)
    return int(row[0])


def set_credential(connection: psycopg.Connection, uid: str, password_hash: str) -> None:
    """What the broker checks when the device logs in (Mosquitto's own hash form)."""
    connection.execute(sql("set_credential"), (uid, password_hash))


def credentials(connection: psycopg.Connection) -> list[tuple[str, str]]:
    """(uid, hash) of every device that the broker may let in."""
    return [(uid, password_hash) for uid, password_hash in connection.execute(sql("credentials"))]


async def known_devices(connection: psycopg.AsyncConnection, uids: list[str]) -> list[KnownDevice]:
    """Those of these devices that are registered."""
    cursor = await connection.execute(sql("known_devices_named"), (int(Flag.DRILL), uids))
    rows = await cursor.fetchall()
    paths = await _region_paths(connection) if rows else {}
    return [_known(row, paths) for row in rows]


async def every_known_device(connection: psycopg.AsyncConnection) -> AsyncIterator[list[KnownDevice]]:
    """All registered devices, some thousand at a time: nobody else waits long while a whole city is read."""
    async with connection.transaction():
        paths = await _region_paths(connection)
        async with connection.cursor("known_devices") as cursor:
            await cursor.execute(sql("known_devices"), (int(Flag.DRILL),))
            while rows := await cursor.fetchmany(KNOWN_AT_ONCE):
                yield [_known(row, paths) for row in rows]


async def _region_paths(connection: psycopg.AsyncConnection) -> dict[int, tuple[str, ...]]:
    cursor = await connection.execute(sql("region_paths"))
    return {region_id: tuple(codes) for region_id, codes in await cursor.fetchall()}


def _known(row: tuple[Any, ...], paths: dict[int, tuple[str, ...]]) -> KnownDevice:
    device_id, uid, kind, interval_s, state, gateway, marks, vendor, model, building_class, region_id = row
    # the same few words for all: a city's 330 000 devices are in memory at once
    return KnownDevice(
        device_id, uid, intern(kind), interval_s, intern(state), gateway, marks,
        intern(vendor), intern(model), intern(building_class), paths.get(region_id, ()),
    )  # fmt: skip
