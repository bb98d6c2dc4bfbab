"""Rules on homes that will freeze: silent heaters, rooms and weather from the database, verdicts into it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import psycopg

from alerts.looks.book import Book
from alerts.looks.forecast import OUTDOOR_VALID, Outdoors, SilentHome, judge_forecast
from alerts.looks.regions import Regions
from alerts.looks.verdict import Verdict
from catalogue.building_classes import BUILDING_CLASS, time_constant_h
from catalogue.device_types import DEVICE_TYPES
from catalogue.rules import ForecastRule
from store.named_sql import sql

HEATERS: Final = tuple(kind.name for kind in DEVICE_TYPES if kind.heats and kind.reports and not kind.shared)
"""What warms one home and would be heard; a village's plant is nobody's own."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a look did. `blind`: homes that could not be judged, because nobody near measures the weather."""

    raised: int
    blind: int


async def look_ahead(
    connection: psycopg.AsyncConnection, rule: ForecastRule, silence_rules: list[str], pack: str, now: datetime
) -> Forecast:
    """Judges every home whose heaters are silent. Call in a transaction."""
    cursor = await connection.execute(
        sql("silent_homes"),
        {"silence_rules": silence_rules, "heaters": [name for name in HEATERS if rule.concerns(name)]},
    )
    homes = await cursor.fetchall()
    book = await Book.open(connection, rule, pack, now)
    if not homes and not book.held:
        return Forecast(0, 0)
    regions = await Regions.load(connection)
    measured = await (await connection.execute(sql("outdoors_measured"), {"since": now - OUTDOOR_VALID})).fetchall()
    outdoors = Outdoors(regions.parents, measured)
    verdicts: dict[int, Verdict] = {}
    incidents: dict[int, int] = {}
    quiet: set[int] = set()
    blind = 0
    for ids, heard_at, room_c, room_at, class_name, own_load, region, vulnerable, incident, _, model in homes:
        # one heater stands for the home: the one whose alarm is open, else the first
        device_id = next((one for one in ids if one in book.held), ids[0])
        if rule.scoped and not rule.covers(model, class_name, regions.above(region)):
            verdicts[device_id] = Verdict("clear", "no_longer_looked_at")
            continue
        building = BUILDING_CLASS.get(class_name) or BUILDING_CLASS["rural_traditional"]
        tau_h = time_constant_h(own_load or building.heat_load_w_m2)
        outdoor_c = outdoors.near(region)
        verdict = judge_forecast(rule, SilentHome(heard_at or now, room_c, room_at, tau_h), outdoor_c, now)
        verdicts[device_id] = verdict
        blind += verdict.reason == "outdoor_unknown"
        if incident is not None:
            incidents[device_id] = incident
            if not vulnerable:  # who needs help first is told of all the same
                quiet.add(device_id)
    for device_id in book.held.keys() - verdicts.keys():
        verdicts[device_id] = Verdict("clear", "heard_again")
    raised = await book.enter(connection, verdicts, stale=True, incidents=incidents, quiet=frozenset(quiet))
    if rule.tell:
        await _tell_released(connection, book)
    return Forecast(raised, blind)


async def _tell_released(connection: psycopg.AsyncConnection, book: Book) -> None:
    """The incident is over, and these homes are still cooling."""
    cursor = await connection.execute(sql("released_and_untold"), (book.rule.id,))
    for alarm_id, device_id, since, value in await cursor.fetchall():
        await book.tell(connection, alarm_id, device_id, since, value)
