"""Reads what the quality report looks at, without drills."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

import psycopg

from alerts.quality import FLEETING, STALE_AFTER, Found, Priority, Report, Source, Told, Withheld, report
from foundation.sealing import masked
from store.named_sql import sql


async def quality(connection: psycopg.AsyncConnection, now: datetime, days: float) -> Report:
    """The report on so many days until now, all of it at one moment of the database."""
    since = now - timedelta(days=days)
    places = {"since": since, "until": now}
    lasting = {**places, "fleeting_s": FLEETING.total_seconds(), "stale_since": now - STALE_AFTER}
    async with connection.transaction():
        await connection.execute(sql("at_one_moment"))
        shown = lru_cache(maxsize=None)(masked)  # one person gets many messages
        cursor = await connection.execute(sql("quality_messages"), places)
        told = [Told(number, shown(phone), *rest) for number, phone, *rest in await cursor.fetchall()]
        cursor = await connection.execute(sql("quality_sources"), places)
        sources = [Source(*row) for row in await cursor.fetchall()]
        cursor = await connection.execute(sql("quality_priorities"), places)
        priorities = [Priority(*row) for row in await cursor.fetchall()]
        row = await (await connection.execute(sql("quality_lasting"), lasting)).fetchone()
        fleeting, standing, stale = row or (0, 0, 0)
        cursor = await connection.execute(sql("quality_withheld"), places)
        withheld = [Withheld(*row) for row in await cursor.fetchall()]
        row = await (await connection.execute(sql("quality_answers"), places)).fetchone()
    return report(Found(since, now, told, sources, priorities, fleeting, standing, stale, withheld, *(row or ())))
