"""Drills (预案演练): a scenario on chosen homes of a running deployment, played on twins of their devices.

The real devices are left alone: what they measure goes on, and is judged and told as ever. A twin is a row of `device`
with a `drill_id`, and that column alone says that something is a drill. All twins of a drill publish through one
gateway, which is a twin as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import psycopg
from psycopg import errors
from psycopg import sql as pg

from catalogue.device_types import DEVICE_TYPE
from foundation.errors import NotFound, SettingsError
from store.named_sql import sql

LONGEST_UID: Final = 32
SHOWN: Final = 50
"""Drills that are listed, those under way first."""


@dataclass(frozen=True, slots=True)
class Twin:
    """A device of the drill: of the same home, type and model as the real device `of`. `interval_s` in seconds."""

    uid: str
    of: str
    type: str
    model: str
    home: str
    interval_s: int


@dataclass(frozen=True, slots=True)
class DrillHome:
    """A home of the drill; `village` is a code, `area_m2` None where the registry does not know it.

    `types` are those of all its devices, also of those that do not report and have no twin.
    """

    code: str
    village: str
    village_name: str
    building_class: str
    area_m2: float | None
    vacant: bool
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drill:
    """A drill under way. The device `gateway` publishes for all twins, below its own topics, each named as `id`."""

    id: int
    gateway: str
    twins: tuple[Twin, ...]
    homes: tuple[DrillHome, ...]
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """What the end of a drill closed. `before` is when it had ended already; then there was nothing left to do."""

    before: datetime | None
    alarms: int = 0
    messages: int = 0
    incidents: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """A drill as `nuanshao drill list` shows it: `alarms` that it raised, messages that a carrier took (`told`)."""

    id: int
    name: str
    scenario: str
    homes: int
    started_by: str
    started_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    alarms: int
    told: int


def start_drill(
    connection: psycopg.Connection,
    *,
    name: str,
    scenario: str,
    homes: Iterable[str],
    by: str,
    now: datetime,
    ends_at: datetime,
    interval_s: int | None = None,
) -> Drill:
    """Registers a drill and the twins of what these homes have in service, in one transaction.

    `homes` are codes; `interval_s` is how often the twins report, without: as often as the real devices.
    Raises NotFound for a home that is not there; SettingsError where there are no homes, where one has nothing to
    play or is in another drill, and for a drill without a name or an end.
    """
    codes = list(dict.fromkeys(homes))
    _refuse_empty(name, by, codes, now, ends_at)
    with connection.transaction():
        connection.execute(sql("one_drill_at_a_time"))
        found = connection.execute(sql("homes_for_drill"), (codes,)).fetchall()
        devices = connection.execute(sql("devices_for_drill"), (codes,)).fetchall()
        playable = [row for row in devices if row[1] in DEVICE_TYPE and DEVICE_TYPE[row[1]].reports]
        _refuse_homes(
            codes, {code: (running, called) for code, *_, running, called in found}, {row[3] for row in playable}
        )
        row = connection.execute(sql("insert_drill"), (name, scenario, len(codes), by, now, ends_at)).fetchone()
        assert row is not None  # noqa: S101 ("returning" always answers)
        drill_id = int(row[0])
        twins = tuple(
            Twin(twin_uid(drill_id, number, device_type), uid, device_type, model, home, interval_s or interval)
            for number, (uid, device_type, model, home, interval) in enumerate(playable, start=1)
        )
        gateway = f"drill-{drill_id}-gw"
        connection.execute(sql("say_whose_hand"), (by, f"for drill {drill_id}"))
        _insert(connection, drill_id, gateway, twins)
    places = tuple(
        DrillHome(code, village, named, building_class, area_m2, vacant, tuple(types))
        for code, village, named, building_class, area_m2, vacant, types, _, _ in found
    )
    return Drill(drill_id, gateway, twins, places, ends_at)


def end_drill(connection: psycopg.Connection, drill_id: int, now: datetime) -> Ended:
    """Ends a drill: its twins are retired, its alarms closed, its messages that nobody has yet superseded.

    A second time it changes nothing but what has been raised since. Raises NotFound for a drill that is not there.
    """
    with connection.transaction():
        row = connection.execute(sql("drill_to_end"), (drill_id,)).fetchone()
        if row is None:
            raise NotFound(f"there is no drill {drill_id}", do="look at `nuanshao drill list`")
        counts = [connection.execute(statement, _places(drill_id, now)).rowcount for statement in _ending()]
    return _ended(row[0], counts)


async def end_overdue(connection: psycopg.AsyncConnection, now: datetime) -> list[int]:
    """Ends the drills whose time is over, and closes what was raised for one while it ended. Returns their ids."""
    overdue = [row[0] for row in await (await connection.execute(sql("overdue_drills"), (now,))).fetchall()]
    for drill_id in overdue:
        async with connection.transaction():
            await connection.execute(sql("drill_to_end"), (drill_id,))
            for statement in _ending():
                await connection.execute(statement, _places(drill_id, now))
    return overdue


def list_drills(connection: psycopg.Connection) -> list[Listed]:
    """The drills under way, then those that have ended, the newest first."""
    return [Listed(*row) for row in connection.execute(sql("list_drills"), (SHOWN,))]


def twin_uid(drill_id: int, number: int, device_type: str) -> str:
    """`drill-7-12-gas-wall-boiler`: at most 32 of a-z, 0-9 and -, its own through the number. Pure."""
    return f"drill-{drill_id}-{number}-{device_type.replace('_', '-')}"[:LONGEST_UID].rstrip("-")


def _refuse_empty(name: str, by: str, homes: Sequence[str], now: datetime, ends_at: datetime) -> None:
    if not name.strip():
        raise SettingsError("the drill has no name", do="give it one: people see it in `nuanshao drill list`")
    if not by.strip():
        raise SettingsError("nobody starts the drill", do="say who does")
    if not homes:
        raise SettingsError("the drill has no homes", do="name at least one home by its code")
    if ends_at <= now:
        raise SettingsError(f"the drill would end at {ends_at:%Y-%m-%d %H:%M}, before it begins", do="let it last")


def _refuse_homes(codes: Sequence[str], running: dict[str, tuple[int | None, str]], playable: set[str]) -> None:
    missing = [code for code in codes if code not in running]
    if missing:
        raise NotFound(f"there is no home {_named(missing)}", do="use the codes of the registry")
    for code in codes:
        drill_id, name = running[code]
        if drill_id is not None:
            raise SettingsError(
                f"home {code!r} is in drill {drill_id} ({name}) already",
                do=f"end that one first: nuanshao drill end {drill_id}",
            )
    bare = [code for code in codes if code not in playable]
    if bare:
        raise SettingsError(
            f"home {_named(bare)} has no device in service that reports", do="leave it out, or register its devices"
        )


def _named(codes: Sequence[str]) -> str:
    more = f" (and {len(codes) - 1} more)" if len(codes) > 1 else ""
    return f"{codes[0]!r}{more}"


def _insert(connection: psycopg.Connection, drill_id: int, gateway: str, twins: Sequence[Twin]) -> None:
    columns: dict[str, list[object]] = defaultdict(list)
    for twin in twins:
        columns["uids"].append(twin.uid)
        columns["types"].append(twin.type)
        columns["models"].append(twin.model)
        columns["homes"].append(twin.home)
        columns["intervals"].append(twin.interval_s)
    try:
        row = connection.execute(
            sql("insert_drill_gateway"), (gateway, DEVICE_TYPE["gateway"].interval_s, drill_id)
        ).fetchone()
        assert row is not None  # noqa: S101 ("returning" always answers)
        connection.execute(sql("insert_twins"), {"gateway": row[0], "drill": drill_id, **columns})
    except errors.UniqueViolation:
        raise SettingsError(
            f"a device is called as those of drill {drill_id}", do="rename it: names that start with 'drill-' are ours"
        ) from None


def _places(drill_id: int, now: datetime) -> dict[str, object]:
    return {"drill": drill_id, "now": now, "reason": "drill_ended"}


def _ending() -> tuple[pg.Composed, ...]:
    """What an end consists of, in its order: no new readings, then no messages, then no alarms and incidents."""
    return (
        sql("note_drill_end"),
        sql("lock_twins"),
        sql("retire_twins"),
        sql("forget_drill_login"),
        sql("supersede_drill_messages"),
        sql("drop_pending_drill_alarms"),
        sql("close_drill_alarms"),
        sql("end_drill_incidents"),
    )


def _ended(before: datetime | None, counts: Sequence[int]) -> Ended:
    *_, messages, _, alarms, incidents = counts
    return Ended(before, alarms, messages, incidents)
