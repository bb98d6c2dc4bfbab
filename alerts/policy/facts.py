"""Asks the database what messages tell and what their readers have had: a Cause each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import psycopg
from psycopg.rows import dict_row

from alerts.policy.cause import Cause
from catalogue.rules import RulePack
from store.named_sql import sql


async def causes_of(
    connection: psycopg.AsyncConnection, ids: Sequence[int], pack: RulePack, now: datetime
) -> dict[int, Cause]:
    """By the message's id. What of them goes before counts with the budget of those behind."""
    places = {
        "ids": list(ids),
        "now": now,
        "life_safety": [rule.id for rule in pack.life_safety],
        "an_hour_ago": now - timedelta(hours=1),
        "a_day_ago": now - timedelta(hours=24),
    }
    found: dict[int, Cause] = {}
    before: Counter[tuple[int, str, str]] = Counter()
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql("causes_of"), places)
        async for row in cursor:
            number, contact = row.pop("id"), row.pop("contact_id")
            cause = Cause(**row)
            reader = contact, cause.way, cause.template
            ahead = before[reader]
            found[number] = replace(cause, last_hour=cause.last_hour + ahead, last_day=cause.last_day + ahead)
            before[reader] += 1
    return found
