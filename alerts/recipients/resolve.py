"""Asks the database who is told of a device or a region: one query a call, the choice is pure (circle.py, duty.py)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import structlog

from alerts.recipients.circle import LOWEST, Crew, Wish, choose, regions_at
from alerts.recipients.duty import Leave, Member, Shift
from alerts.recipients.recipient import Recipient
from catalogue.escalation import Level
from catalogue.holidays import CALENDAR
from catalogue.organisation_kinds import kinds_for_cause
from catalogue.rules import Rule
from foundation.settings import settings
from store.named_sql import sql
from store.registry_rows import LEVELS

log = structlog.get_logger()


async def recipients_for_device(
    connection: psycopg.AsyncConnection,
    device_id: int,
    *,
    rule: Rule | None = None,
    level: Level = LOWEST,
    everybody: bool = False,
    now: datetime,
) -> list[Recipient]:
    """Those who are told of a device: of its village, or of the nearest region at or above `level` that has anybody.

    At village level also the organisations that `rule` names where their zone holds the home, and of a critical rule
    the relatives of a vulnerable home; neither in drills. Who is not on duty is left out unless `everybody`. A device
    without a home belongs to the top of the tree; the canary has a recipient of its own.
    """
    first = rule is not None and level == LOWEST
    wish = Wish(
        level,
        kinds=rule.organisations if rule is not None and first else (),
        relatives=rule is not None and first and rule.priority == "critical",
        everybody=everybody,
    )
    return _choose(await crews_of(connection, device_id=device_id, now=now), wish, now)


async def recipients_for_region(
    connection: psycopg.AsyncConnection,
    region_id: int,
    *,
    level: Level | None = None,
    cause: str = "",
    everybody: bool = False,
    now: datetime,
) -> list[Recipient]:
    """Those who are told of a region: its own contacts, or of the nearest one at or above `level` that has anybody.

    `cause`: of an incident (alerts/cause.py): the organisations whose kind hears of it are told too, while `level` does
    not lie above the region itself. Leave it empty for a drill's incident.
    """
    crews = await crews_of(connection, region_id=region_id, now=now)
    wanted = level or LOWEST
    own = next((crew.kind for crew in crews if crew.source == "region" and crew.steps == 0), LOWEST)
    first = LEVELS.index(wanted) >= LEVELS.index(own)
    wish = Wish(wanted, kinds_for_cause(cause) if first else (), everybody=everybody)
    return _choose(crews, wish, now)


async def told_of_alarm(connection: psycopg.AsyncConnection, alarm_id: int) -> list[Recipient]:
    """Those who were told, or are about to be, that it was raised."""
    cursor = await connection.execute(sql("told_contacts"), (alarm_id,))
    return [Recipient(contact_id, language, tuple(ways)) for contact_id, language, ways in await cursor.fetchall()]


async def told_of_incident(connection: psycopg.AsyncConnection, incident_id: int) -> list[Recipient]:
    """Those who were told, or are about to be, of an incident: another shift may be on duty when it is over."""
    cursor = await connection.execute(sql("told_of_incident"), (incident_id,))
    return [Recipient(contact_id, language, tuple(ways)) for contact_id, language, ways in await cursor.fetchall()]


async def crews_of(
    connection: psycopg.AsyncConnection,
    *,
    device_id: int | None = None,
    region_id: int | None = None,
    now: datetime,
) -> list[Crew]:
    """Everybody who could be told of a device or a region: those of all regions above, organisations, relatives."""
    places = {"device": device_id, "region": region_id, "day": local(now).date()}
    return crews_in(await (await connection.execute(sql("recipient_candidates"), places)).fetchall())


def crews_in(rows: Iterable[tuple[Any, ...]]) -> list[Crew]:
    """The crews in rows of `recipient_candidates` or `rosters`."""
    return [
        Crew(source, kind, owner, steps, tuple(_members(members)))
        for (source, owner, kind, steps), members in groupby(rows, key=lambda row: row[:4])
    ]


def local(now: datetime) -> datetime:
    """The moment on the villages' own clocks, without a zone: rosters are written in it."""
    return now.astimezone(ZoneInfo(settings().timezone)).replace(tzinfo=None)


def _choose(crews: list[Crew], wish: Wish, now: datetime) -> list[Recipient]:
    found = choose(crews, wish, local(now), CALENDAR)
    if any(one.why == "nobody_on_duty" for one in found):
        region = next(iter(regions_at(crews, wish.level)))
        log.warning("nobody_on_duty", region_id=region.owner_id, do="mend its roster: all its contacts are told")
    return found


def _members(rows: Iterable[tuple[Any, ...]]) -> Iterable[Member]:
    for _, _, _, _, contact_id, language, ways, person, rostered, *roster in rows:
        if contact_id is None:
            continue  # a region without contacts
        *shifts, substitutes, firsts, lasts = roster
        yield Member(
            contact_id,
            language,
            tuple(ways),
            person,
            tuple(Shift(*one) for one in zip(*shifts, strict=True)),
            tuple(Leave(*one) for one in zip(substitutes, firsts, lasts, strict=True)),
            rostered,
        )
