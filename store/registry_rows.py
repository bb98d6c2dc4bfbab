"""The registry in bulk: rows by COPY into a table of the session, and by one statement from there.

150 000 homes and 350 000 devices are four statements, not half a million; ingest hears of each once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import date
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeVar

import psycopg
from psycopg import errors

from foundation.errors import NotFound
from foundation.sealing import beginnings, mark, marks, seal, unseal
from store.columns import column_list
from store.named_sql import sql


@dataclass(frozen=True, slots=True)
class RegionRow:
    """A node of the region tree; `parent` is the code of the one above."""

    code: str
    name: str
    level: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class HomeRow:
    """A building that is heated; `village` is its region's code. Area in m², heat load in W/m², None: its class's."""

    code: str
    village: str
    address: str = ""
    resident: str = ""
    vacant: bool = False
    vulnerable: bool = False
    building_class: str = "rural_traditional"
    area_m2: float | None = None
    heat_load_w_m2: float | None = None
    owner: str = ""
    responsible_body: str = ""


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device or gateway. `home` is a home's code; `gateway` and `part_of` are uids; `interval_s` in seconds.

    The two days are what the log of its states says, in China; None leaves the log as it is.
    """

    uid: str
    type: str
    model: str = ""
    vendor: str = ""
    serial: str = ""
    home: str | None = None
    gateway: str | None = None
    part_of: str | None = None
    interval_s: int = 60
    state: str = "in_service"
    installed_on: date | None = None
    accepted_on: date | None = None
    owner: str = ""
    responsible_body: str = ""


@dataclass(frozen=True, slots=True)
class ContactRow:
    """Somebody who is told about the alarms of a region, of an organisation's zone, or (a relative) of a home.

    `phone` is as dialled: it is sealed on its way to the database.
    """

    region: str | None
    name: str
    role: str
    phone: str | None = field(repr=False)
    language: str = "zh-CN"
    wecom_id: str | None = None
    wechat_id: str | None = None
    email: str | None = None
    endpoint: str | None = None
    organisation: str | None = None
    home: str | None = None

    @property
    def ref(self) -> ContactRef:
        """How it is found again."""
        other = None if self.phone else self.wecom_id or self.wechat_id or self.email or self.endpoint
        return ContactRef(self.region, self.organisation, self.home, self.phone, other)


class ContactRef(NamedTuple):
    """A contact by whom it belongs to, and its phone; `other`: what it is known by if it has no phone."""

    region: str | None
    organisation: str | None
    home: str | None
    phone: str | None
    other: str | None


@dataclass(frozen=True, slots=True)
class CredentialRow:
    """What the broker checks when the device logs in: Mosquitto's own hash form."""

    uid: str
    hash: str


@dataclass(frozen=True, slots=True)
class Ties:
    """What other devices need to know of one before they sit behind it or become its parts."""

    type: str
    part_of: str | None
    has_parts: bool


Row = RegionRow | HomeRow | DeviceRow | ContactRow | CredentialRow
R = TypeVar("R", RegionRow, HomeRow, DeviceRow, ContactRow)

_NAMES: Final[dict[type[Row], tuple[str, ...]]] = {
    kind: tuple(field.name for field in fields(kind))
    for kind in (RegionRow, HomeRow, DeviceRow, ContactRow, CredentialRow)
}
LEVELS: Final = ("city", "county", "township", "village")
"""From the top of the region tree to its bottom."""


def put_regions(connection: psycopg.Connection, rows: Sequence[RegionRow]) -> None:
    """Adds or changes regions of one level; those above must be there. Raises NotFound."""
    connection.execute(sql("stage_regions"))
    connection.execute("truncate staged_region")
    _copy(connection, "copy_regions", RegionRow, rows)
    with _references("a region's parent"):
        connection.execute(sql("put_regions"))


def put_homes(connection: psycopg.Connection, rows: Iterable[HomeRow]) -> None:
    """Adds or changes homes. Raises NotFound where a village is not there."""
    connection.execute(sql("stage_homes"))
    connection.execute("truncate staged_home")
    _copy(connection, "copy_homes", HomeRow, rows)
    with _references("a home's village"):
        connection.execute(sql("put_homes"))


def put_devices(connection: psycopg.Connection, rows: Iterable[DeviceRow]) -> None:
    """Adds or changes devices; their gateways and what they are part of must be there already.

    Raises NotFound where something they name is not, psycopg's CheckViolation for an impossible step of life.
    """
    connection.execute(sql("stage_devices"))
    connection.execute("truncate staged_device")
    _copy(connection, "copy_devices", DeviceRow, rows)
    with _references("a device's home, gateway or whole"):
        connection.execute(sql("put_devices"))
    connection.execute(sql("correct_dates"))
    connection.execute(sql("add_dates"))


def put_contacts(connection: psycopg.Connection, rows: Iterable[ContactRow]) -> None:
    """Adds contacts, or changes those that are there by their `ref`. Raises NotFound, SettingsError without a key.

    A contact whose number no key opens any more is known by its region and name.
    """
    rows = list(rows)
    if not rows:
        return  # and nobody needs a key
    sealed = [(row, seal(row.phone), mark(row.phone)) if row.phone else (row, None, None) for row in rows]
    _stage_contacts(connection, sealed, {})
    connection.execute(sql("replace_lost_phones"), (beginnings(),))
    _stage_contacts(connection, sealed, contact_ids(connection, [row.ref for row in rows]))
    with _references("a contact's region, organisation or home"):
        connection.execute(sql("put_contacts"))


def _stage_contacts(
    connection: psycopg.Connection,
    rows: Iterable[tuple[ContactRow, str | None, str | None]],
    known: Mapping[ContactRef, int],
) -> None:
    """Rows with their sealed numbers and marks, and the ids of those that are there, into the table of the session."""
    connection.execute(sql("stage_contacts"))
    connection.execute("truncate staged_contact")
    names = _NAMES[ContactRow]
    values: Callable[[ContactRow], tuple[Any, ...]] = attrgetter(*names)
    columns = column_list(("id", *names, "phone_mark"))
    with connection.cursor() as cursor, cursor.copy(sql("copy_contacts", columns=columns)) as copy:
        for row, phone, phone_mark in rows:
            copy.write_row((known.get(row.ref), *values(replace(row, phone=phone)), phone_mark))


def put_credentials(connection: psycopg.Connection, rows: Iterable[CredentialRow]) -> None:
    """Sets what the broker checks. Raises NotFound for a device that is not there."""
    connection.execute(sql("stage_credentials"))
    connection.execute("truncate staged_credential")
    _copy(connection, "copy_credentials", CredentialRow, rows)
    with _references("a credential's device"):
        connection.execute(sql("put_credentials"))


def register(
    connection: psycopg.Connection,
    *,
    regions: Iterable[RegionRow] = (),
    homes: Iterable[HomeRow] = (),
    devices: Iterable[DeviceRow] = (),
    contacts: Iterable[ContactRow] = (),
    credentials: Iterable[CredentialRow] = (),
) -> None:
    """Puts everything into the registry, in any order of rows, inside the caller's transaction.

    A whole sits behind a gateway at most, and a part belongs to a whole: three waves of devices are enough.
    Raises as the functions above.
    """
    by_level: dict[str, list[RegionRow]] = {level: [] for level in LEVELS}
    for region in regions:
        by_level[region.level].append(region)
    for rows in by_level.values():
        if rows:
            put_regions(connection, rows)
    put_homes(connection, homes)
    waves: tuple[list[DeviceRow], ...] = ([], [], [])
    for device in devices:
        waves[wave(device)].append(device)
    for rows_of_wave in waves:
        if rows_of_wave:
            put_devices(connection, rows_of_wave)
    put_contacts(connection, contacts)
    put_credentials(connection, credentials)


def wave(device: DeviceRow) -> int:
    """In which of three waves a device is put: 0 depends on no other, 1 on a gateway, 2 on what it is part of."""
    if device.part_of is not None:
        return 2
    return 0 if device.gateway is None else 1


def present_regions(connection: psycopg.Connection, codes: Sequence[str]) -> dict[str, RegionRow]:
    """The regions of these codes, locked until the transaction ends."""
    return {row.code: row for row in _load(connection, "regions_by_code", RegionRow, (codes,))}


def present_homes(connection: psycopg.Connection, codes: Sequence[str]) -> dict[str, HomeRow]:
    """The homes of these codes, locked until the transaction ends."""
    return {row.code: row for row in _load(connection, "homes_by_code", HomeRow, (codes,))}


def present_devices(connection: psycopg.Connection, uids: Sequence[str]) -> dict[str, DeviceRow]:
    """The devices of these uids, locked until the transaction ends."""
    return {row.uid: row for row in _load(connection, "devices_by_uid", DeviceRow, (uids,))}


def present_contacts(connection: psycopg.Connection, refs: Sequence[ContactRef]) -> dict[ContactRef, ContactRow]:
    """The contacts of these references, locked until the transaction ends."""
    known = contact_ids(connection, refs)
    rows = {
        row[0]: opened(ContactRow(*row[1:]))
        for row in connection.execute(sql("contacts_by_id"), (list(known.values()),))
    }
    return {ref: rows[number] for ref, number in known.items() if number in rows}


def contact_ids(connection: psycopg.Connection, refs: Sequence[ContactRef]) -> dict[ContactRef, int]:
    """The ids of those of these contacts that are there; of two with the same address the older one."""
    asked = [(ref, one) for ref in refs for one in (marks(ref.phone) if ref.phone else (None,))]
    columns = [
        [ref.region for ref, _ in asked], [ref.organisation for ref, _ in asked], [ref.home for ref, _ in asked],
        [one for _, one in asked], [ref.other for ref, _ in asked],
    ]  # fmt: skip
    # planned each time: a plan from when the table was empty asks for each key in the whole of it
    found = connection.execute(sql("contact_ids"), columns, prepare=False)
    return {asked[place - 1][0]: number for place, number in found}


def opened(row: ContactRow) -> ContactRow:
    """The contact with its number as it is dialled. Raises NumberUnreadable."""
    return replace(row, phone=unseal(row.phone)) if row.phone else row


def with_credential(connection: psycopg.Connection, uids: Sequence[str]) -> set[str]:
    """Which of these devices have a credential."""
    return {row[0] for row in connection.execute(sql("with_credential"), (uids,))}


def region_levels(connection: psycopg.Connection, codes: Sequence[str]) -> dict[str, str]:
    """The levels of those of these regions that are there."""
    return dict(connection.execute(sql("region_levels"), (codes,)).fetchall())


def homes_there(connection: psycopg.Connection, codes: Sequence[str]) -> set[str]:
    """Which of these homes are there."""
    return {row[0] for row in connection.execute(sql("homes_there"), (codes,))}


def device_ties(connection: psycopg.Connection, uids: Sequence[str]) -> dict[str, Ties]:
    """What there is of these devices."""
    return {uid: Ties(*rest) for uid, *rest in connection.execute(sql("device_ties"), (uids,))}


def say_whose_hand(connection: psycopg.Connection, by: str, note: str = "") -> None:
    """Who changes states in this transaction, for the log. Empty: the database account."""
    connection.execute(sql("say_whose_hand"), (by, note))


@contextmanager
def only_import(connection: psycopg.Connection) -> Iterator[bool]:
    """Whether this session may import now; no other one can until the block ends."""
    row = connection.execute(sql("lock_registry")).fetchone()
    mine = row is not None and bool(row[0])
    connection.commit()
    try:
        yield mine
    finally:
        if mine and not connection.closed:
            connection.rollback()
            connection.execute(sql("unlock_registry"))
            connection.commit()


def _copy(connection: psycopg.Connection, block: str, kind: type[Row], rows: Iterable[Row]) -> None:
    names = _NAMES[kind]
    values: Callable[[Row], tuple[Any, ...]] = attrgetter(*names)
    with connection.cursor() as cursor, cursor.copy(sql(block, columns=column_list(names))) as copy:
        for row in rows:
            copy.write_row(values(row))


def _load(connection: psycopg.Connection, block: str, kind: type[R], parameters: tuple[object, ...]) -> list[R]:
    return [kind(*row) for row in connection.execute(sql(block), parameters)]


@contextmanager
def _references(what: str) -> Iterator[None]:
    """A name that is not there has become −1, which the foreign keys refuse."""
    try:
        yield
    except errors.ForeignKeyViolation as missing:
        raise NotFound(f"{what} is not in the registry", do="add it first") from missing
