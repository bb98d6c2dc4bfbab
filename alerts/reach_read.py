"""Reads what the reach report looks at."""

from __future__ import annotations

from datetime import date

import psycopg

from alerts.reach import Counted, Reach, Told, bounds, report
from foundation.errors import NotFound
from store.named_sql import sql


async def reach(connection: psycopg.AsyncConnection, day: date, zone: str, region: str | None = None) -> Reach:
    """The report of one day, of a region and all below it or of everything, all of it at one moment of the database.

    Raises NotFound when there is no such region.
    """
    since, until = bounds(day, zone)
    places = {"since": since, "until": until, "region": region}
    async with connection.transaction():
        await connection.execute(sql("at_one_moment"))
        if region is not None and await (await connection.execute(sql("reach_region"), (region,))).fetchone() is None:
            raise NotFound(f"there is no region {region}", do="nuanshao registry tree shows them")
        cursor = await connection.execute(sql("reach_messages"), places)
        counted = [Counted(*row) for row in await cursor.fetchall()]
        cursor = await connection.execute(sql("reach_alarms"), places)
        told = [Told(*row) for row in await cursor.fetchall()]
    return report(day, counted, told)
