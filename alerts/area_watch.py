"""Areas in the database: the county of several dark villages hears of them in one digest (alerts/area.py)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
import structlog

from alerts import messages, outbox
from alerts.area import DarkVillage, judge_area, new_area
from alerts.cause import HINTS, common_cause
from foundation.settings import settings
from store.named_sql import sql

log = structlog.get_logger()


@dataclass(slots=True)
class _County:
    """A county with dark villages. `below`: the names of the regions next above them."""

    id: int
    name: str
    villages: list[DarkVillage]
    below: dict[int, str]

    def place(self, counted: list[DarkVillage]) -> str:
        """Its name; with the township's where all villages are below the same one."""
        townships = {self.below[village.incident_id] for village in counted}
        return self.name + (townships.pop() if len(townships) == 1 else "")


@dataclass(frozen=True, slots=True)
class _Area:
    """An open incident of an area."""

    id: int
    recorded_at: datetime
    told_at: datetime | None
    told_homes: int


async def look_at_areas(connection: psycopg.AsyncConnection, now: datetime) -> None:
    """Opens, tells, and ends areas. Inside the transaction in which the villages' incidents were opened and ended."""
    counties: dict[int, _County] = {}
    cursor = await connection.execute(sql("dark_villages"))
    for county_id, name, below, *village in await cursor.fetchall():
        county = counties.setdefault(county_id, _County(county_id, name, [], {}))
        dark = DarkVillage(*village)
        county.villages.append(dark)
        county.below[dark.incident_id] = below
    if not counties:
        return
    cursor = await connection.execute(sql("open_areas"))
    areas = {county_id: _Area(*area) for county_id, *area in await cursor.fetchall()}
    for county in sorted(counties.values(), key=lambda one: one.id):
        area = areas.get(county.id)
        if area is None:
            area = await _open(connection, county, now)
        else:
            joining = [one for one in county.villages if one.part_of_id is None and one.ended_at is None]
            await _join(connection, area, joining)
        if area is not None:
            await _tell(connection, county, area, now)


async def _open(connection: psycopg.AsyncConnection, county: _County, now: datetime) -> _Area | None:
    group = new_area(county.villages)
    if not group:
        return None
    row = await (
        await connection.execute(
            sql("open_incident"),
            {
                "kind": "area_silent", "region": county.id, "drill": None, "subject": "", "gateway": None,
                "began_at": min(one.began_at for one in group), "now": now, "homes": 0, "of_homes": 0,
                "cause": "unknown", "hint": "", "told_at": None,
            },
        )
    ).fetchone()  # fmt: skip
    if row is None:
        return None  # another process was quicker
    area = _Area(row[0], now, None, 0)
    await _join(connection, area, group)
    return area


async def _join(connection: psycopg.AsyncConnection, area: _Area, villages: list[DarkVillage]) -> None:
    if villages:
        await connection.execute(sql("join_area"), (area.id, [one.incident_id for one in villages]))
        for one in villages:
            one.part_of_id = area.id


async def _tell(connection: psycopg.AsyncConnection, county: _County, area: _Area, now: datetime) -> None:
    villages = [one for one in county.villages if one.part_of_id == area.id]
    homes, of_homes = sum(one.homes for one in villages), sum(one.of_homes for one in villages)
    hint = HINTS[common_cause([one.cause for one in villages])]
    await connection.execute(
        sql("note_area"),
        {
            "incident": area.id, "homes": homes, "of_homes": of_homes, "cause": hint.reason, "hint": hint.en,
            "back": sum(one.homes_back for one in villages),
        },
    )  # fmt: skip
    verdict = judge_area(villages, area.recorded_at, area.told_at, area.told_homes, now)
    place, zone = county.place(villages), settings().timezone
    if verdict in {"told", "grown"}:
        mine = await connection.execute(sql("note_told"), {"now": now, "homes": homes, "incident": area.id})
        if await mine.fetchone() is None:
            return
        began_at = min(one.began_at for one in villages)
        say = messages.area_silent(
            place, len(villages), homes, of_homes, began_at, hint=hint.zh, zone=zone, grown=verdict == "grown"
        )
        # in the key, so that whoever tells the same count again tells nothing
        again = f"-{homes}" if verdict == "grown" else ""
        await outbox.tell_incident(connection, area.id, county.id, "incident", say, now, again=again)
        log.warning("area_silent", area=place, villages=len(villages), homes=homes, cause=hint.reason)
    elif verdict in {"over", "over_before_it_was_told"}:
        ended = await (await connection.execute(sql("end_incident"), (now, area.id))).fetchone()
        if ended is None:
            return
        back = sum(one.ended_at is not None for one in villages)
        if verdict == "over":
            say = messages.area_back(place, back, len(villages), now, zone=zone)
            await outbox.tell_incident(connection, area.id, county.id, "recovery", say, now)
        log.warning("area_over", area=place, villages=back, of_villages=len(villages), reason=verdict)
