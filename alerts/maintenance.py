"""Announced work: while it goes on alarms are raised and seen, and nobody is told of them; what is left is told after.

CO, gas and fire are told all the same: nobody's work makes them harmless.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import psycopg

from alerts.suppression_watch import SuppressionWatch
from catalogue.device_types import DEVICE_TYPE
from catalogue.rules import RulePack
from foundation.errors import NotFound, SettingsError
from store.named_sql import sql

LONGEST: Final = timedelta(days=31)
"""What lasts longer is no maintenance: the device's state is `stored` then (our choice)."""


@dataclass(frozen=True, slots=True)
class Work:
    """Where and when: `region` with all below it, `home` or `device`; of a region also one type or model only."""

    by: str
    why: str
    begins_at: datetime
    ends_at: datetime
    region: str | None = None
    home: str | None = None
    device: str | None = None
    device_type: str | None = None
    model: str | None = None


def check(work: Work, now: datetime) -> None:
    """Raises SettingsError for work that cannot be announced. Pure."""
    if not work.by.strip() or not work.why.strip():
        raise SettingsError("maintenance needs to say by whom and why", do="give both")
    if sum(place is not None for place in (work.region, work.home, work.device)) != 1:
        raise SettingsError("maintenance is of one region, one home or one device", do="name exactly one")
    if work.region is None and (work.device_type is not None or work.model is not None):
        raise SettingsError("a type or model narrows a region down", do="name the region")
    if work.device_type is not None and work.device_type not in DEVICE_TYPE:
        raise SettingsError(f"unknown device type {work.device_type!r}", do="nuanshao catalogue shows them")
    if work.ends_at <= max(work.begins_at, now):
        raise SettingsError("maintenance ends after it begins, and not in the past", do="give a later end")
    if work.ends_at - work.begins_at > LONGEST:
        raise SettingsError(f"maintenance lasts {LONGEST.days} days at most", do="set the devices' state to stored")


async def add_maintenance(connection: psycopg.AsyncConnection, pack: RulePack, work: Work, now: datetime) -> int:
    """Announces work; it holds at once if it has begun. Returns its number.

    Raises SettingsError for what cannot be, NotFound for a place that is not there.
    """
    check(work, now)
    places = {"region": work.region, "home": work.home, "device": work.device}
    row = await (await connection.execute(sql("place_for_maintenance"), places)).fetchone()
    if row is None or not any(row):
        name = next(f"{kind} {code!r}" for kind, code in places.items() if code is not None)
        raise NotFound(f"there is no {name}", do="nuanshao registry tree and nuanshao device list show what there is")
    columns = (
        *row, work.device_type, work.model, work.why.strip(), work.by.strip(), work.begins_at, work.ends_at, now,
    )  # fmt: skip
    made = await (await connection.execute(sql("insert_maintenance"), columns)).fetchone()
    await SuppressionWatch(pack).look(connection, now)
    return int(made[0]) if made else 0


async def end_maintenance(
    connection: psycopg.AsyncConnection, pack: RulePack, maintenance: int, *, by: str, now: datetime
) -> bool:
    """Ends work early or calls it off; what is still active is told at once. False if it had ended.

    Raises NotFound when there is no such maintenance.
    """
    places = {"id": maintenance, "by": by, "now": now}
    if await (await connection.execute(sql("end_maintenance"), places)).fetchone() is None:
        if await (await connection.execute(sql("maintenance_exists"), (maintenance,))).fetchone() is None:
            raise NotFound(f"there is no maintenance {maintenance}", do="nuanshao alarms maintenance list shows them")
        return False
    await SuppressionWatch(pack).look(connection, now)
    return True
