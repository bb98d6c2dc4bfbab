"""Asks the database who is told of a device or a region."""

from __future__ import annotations

from datetime import datetime
from typing import Final, get_args

import psycopg

from alerts.recipients.recipient import Recipient
from catalogue.escalation import Level
from catalogue.rules import Rule
from store.named_sql import sql

_LEVELS: Final[tuple[Level, ...]] = get_args(Level)
"""From the village up."""


async def recipients_for_device(
    connection: psycopg.AsyncConnection,
    device_id: int,
    *,
    rule: Rule | None = None,  # noqa: ARG001 (organisations hear of some rules only)
    level: Level = "village",
    everybody: bool = False,  # noqa: ARG001 (rosters)
    now: datetime,  # noqa: ARG001 (rosters)
) -> list[Recipient]:
    """Those of its region of this level, or of the nearest one above that has any; the canary has one of its own."""
    places = {"device": device_id, "levels": _at_least(level)}
    cursor = await connection.execute(sql("recipients_for_device"), places)
    return [Recipient(contact_id, language, tuple(ways)) for contact_id, language, ways in await cursor.fetchall()]


async def recipients_for_region(
    connection: psycopg.AsyncConnection,
    region_id: int,
    *,
    level: Level | None = None,
    cause: str = "",  # noqa: ARG001 (organisations hear of some causes only)
    everybody: bool = False,  # noqa: ARG001 (rosters)
    now: datetime,  # noqa: ARG001 (rosters)
) -> list[Recipient]:
    """Those of the region, or of the nearest one above (from `level` on) that has any."""
    places = {"region": region_id, "levels": _at_least(level or "village")}
    cursor = await connection.execute(sql("recipients_for_region"), places)
    return [Recipient(contact_id, language, tuple(ways)) for contact_id, language, ways in await cursor.fetchall()]


async def told_of_alarm(connection: psycopg.AsyncConnection, alarm_id: int) -> list[Recipient]:
    """Those who were told, or are about to be, that it was raised."""
    cursor = await connection.execute(sql("told_contacts"), (alarm_id,))
    return [Recipient(contact_id, language, tuple(ways)) for contact_id, language, ways in await cursor.fetchall()]


def _at_least(level: Level) -> list[Level]:
    return list(_LEVELS[_LEVELS.index(level) :])
