"""Who is told at a moment, in words: for `nuanshao duty`, the API and `doctor`. Telephone numbers are masked here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from alerts.channels.channel import Way
from alerts.recipients.circle import UPWARDS, Crew, Wish, choose
from alerts.recipients.duty import who_is_told
from alerts.recipients.recipient import Recipient
from alerts.recipients.resolve import crews_in, crews_of, local
from catalogue.holidays import CALENDAR
from foundation.errors import NotFound
from foundation.sealing import masked
from store.named_sql import sql
from store.registry_rows import LEVELS

SOON: Final = timedelta(days=31)
"""How long before a year without a notice on its holidays that is said (our choice)."""
NAMED: Final = 3
"""Rosters with a hole that are named; the others are counted."""


@dataclass(frozen=True, slots=True)
class Card:
    """Somebody who is told: `of` is what they belong to, `phone` is masked, empty where there is none."""

    step: str
    contact_id: int
    name: str
    role: str
    of: str
    phone: str
    language: str
    ways: tuple[Way, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Board:
    """A region, and who is told of what happens there. A card's `step`: a level, or a kind of organisation."""

    code: str
    name: str
    level: str
    cards: tuple[Card, ...]


async def boards(connection: psycopg.AsyncConnection, now: datetime, code: str | None = None) -> list[Board]:
    """The region of this code with every step above it and its organisations; without: each region that has contacts.

    Raises NotFound.
    """
    regions = await (await connection.execute(sql("duty_regions"), {"code": code})).fetchall()
    if code is not None and not regions:
        raise NotFound(f"there is no region {code!r}", do="nuanshao registry tree shows them")
    found = []
    for region_id, its_code, name, level in regions:
        crews = await crews_of(connection, region_id=region_id, now=now)
        steps = list(_steps(crews, level, now, every=code is not None))
        found.append(Board(its_code, name, level, await _cards(connection, steps)))
    return found


def as_data(found: Iterable[Board]) -> list[dict[str, Any]]:
    """For JSON."""
    return [asdict(board) for board in found]


async def problems(connection: psycopg.AsyncConnection, now: datetime) -> list[str]:
    """What is wrong with the rosters, one line each: nobody on duty now, a year whose holidays are not known."""
    moment = local(now)
    rows = await (await connection.execute(sql("rosters"), {"day": moment.date()})).fetchall()
    found = holes(crews_in(rows), moment)
    for day in (moment.date(), moment.date() + SOON):
        if not CALENDAR.knows(day):
            row = await (await connection.execute(sql("rosters_by_workdays"), (day,))).fetchone()
            if row and row[0]:
                found.append(
                    f"the days off of {day.year} are not known: rosters of workdays and rest days go by weekends;"
                    " upgrade, or add the year to catalogue/data/holidays.yaml"
                )
                break
    return found


def holes(rosters: Iterable[Crew], moment: datetime) -> list[str]:
    """A line on the rosters (`kind` is whose) that have nobody on duty at this moment. Pure."""
    empty = [
        crew.kind
        for crew in rosters
        if all(told.why == "nobody_on_duty" for told in who_is_told(crew.members, moment, CALENDAR))
    ]
    if not empty:
        return []
    named = ", ".join(empty[:NAMED]) + (", …" if len(empty) > NAMED else "")
    return [f"{len(empty)} rosters have nobody on duty now, so all their contacts are told: {named}; mend the roster"]


def _steps(crews: list[Crew], own: str, now: datetime, *, every: bool) -> Iterator[tuple[str, Recipient]]:
    """The region's own step; with `every` also those above, and the organisations whose zone holds it."""
    levels = [level for level in UPWARDS if LEVELS.index(level) <= LEVELS.index(own)]
    for level in levels if every else levels[:1]:
        yield from ((level, one) for one in choose(crews, Wish(level), local(now), CALENDAR))
    for crew in crews if every else ():
        if crew.source == "organisation":
            for told in who_is_told(crew.members, local(now), CALENDAR):
                one = told.member
                yield crew.kind, Recipient(one.contact_id, one.language, one.ways, told.why)


async def _cards(connection: psycopg.AsyncConnection, steps: list[tuple[str, Recipient]]) -> tuple[Card, ...]:
    ids = [one.contact_id for _, one in steps]
    rows = await (await connection.execute(sql("duty_cards"), (ids,))).fetchall()
    known = {number: rest for number, *rest in rows}
    cards = []
    for step, one in steps:
        name, role, phone, of = known[one.contact_id]
        number = masked(phone) if phone else ""
        cards.append(Card(step, one.contact_id, name, role, of, number, one.language, one.ways, one.why))
    return tuple(cards)
