"""Looking into the registry: everything in order, counts for the region tree, one device with its life."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

import psycopg
from psycopg import sql as pg
from psycopg.rows import dict_row

from foundation.errors import NotFound
from foundation.sealing import unseal
from store.named_sql import sql
from store.registry_rows import ContactRow, DeviceRow, HomeRow, RegionRow, say_whose_hand

AT_A_TIME = 10_000
"""Rows that are fetched at a time: an export needs no more memory for a whole city."""


def every_region(connection: psycopg.Connection) -> Iterator[RegionRow]:
    """All regions, parents first."""
    return (RegionRow(*row) for row in _stream(connection, sql("every_region")))


def every_home(connection: psycopg.Connection) -> Iterator[HomeRow]:
    """All homes, by code."""
    return (HomeRow(*row) for row in _stream(connection, sql("every_home")))


def every_device(connection: psycopg.Connection, *, gateways: bool) -> Iterator[DeviceRow]:
    """All gateways, or all other devices, by uid; a drill's twins are none."""
    return (DeviceRow(*row) for row in _stream(connection, sql("every_device"), (gateways,)))


def every_contact(connection: psycopg.Connection) -> Iterator[ContactRow]:
    """All contacts, by region and phone. Raises NumberUnreadable."""
    rows = (ContactRow(*row) for row in _stream(connection, sql("every_contact")))
    for _, of_region in groupby(rows, key=lambda row: row.region):
        # what is sealed has no order that anybody would know again
        yield from sorted((replace(row, phone=unseal(row.phone)) for row in of_region), key=lambda row: row.phone)


def count_homes(connection: psycopg.Connection) -> dict[str, int]:
    """Homes by the code of the region that they stand in themselves."""
    return dict(connection.execute(sql("count_homes")).fetchall())


def count_devices(connection: psycopg.Connection) -> dict[str | None, dict[str, int]]:
    """Devices by the code of their home's region (None: without a home) and by state."""
    counts: dict[str | None, dict[str, int]] = {}
    for region, state, number in connection.execute(sql("count_devices")):
        counts.setdefault(region, {})[state] = number
    return counts


def list_devices(
    connection: psycopg.Connection,
    *,
    device_type: str | None = None,
    state: str | None = None,
    home: str | None = None,
    region: str | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Devices by uid, at most `limit`; `region` includes what lies below it."""
    places = {"type": device_type, "state": state, "home": home, "region": region, "limit": limit}
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(sql("list_devices"), places).fetchall()


def show_device(connection: psycopg.Connection, uid: str) -> dict[str, Any]:
    """Everything that the registry knows of a device; `life` holds its states, oldest first. Raises NotFound."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(sql("show_device"), (uid,)).fetchone()
        if found is None:
            raise _no_device(uid)
        return found | {"life": cursor.execute(sql("life_of"), (uid,)).fetchall()}


def state_of_device(connection: psycopg.Connection, uid: str) -> str:
    """Its state, which nobody else changes until the transaction ends. Raises NotFound."""
    row = connection.execute(sql("state_of_device"), (uid,)).fetchone()
    if row is None:
        raise _no_device(uid)
    return str(row[0])


def set_state(connection: psycopg.Connection, uid: str, state: str, *, by: str, note: str) -> None:
    """The device's new state, written into its log. Raises psycopg's CheckViolation for an impossible step."""
    say_whose_hand(connection, by, note)
    connection.execute(sql("set_state"), (state, uid))


def _stream(
    connection: psycopg.Connection, query: pg.Composed, parameters: tuple[object, ...] = ()
) -> Iterator[tuple[Any, ...]]:
    with connection.cursor("registry_stream") as cursor:
        cursor.itersize = AT_A_TIME
        yield from cursor.execute(query, parameters)


def _no_device(uid: str) -> NotFound:
    return NotFound(f"there is no device {uid!r}", do="`nuanshao device list` shows what there is")
