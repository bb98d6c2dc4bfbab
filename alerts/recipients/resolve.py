"""Asks the database who is told of a device or a region."""

from __future__ import annotations

import psycopg

from alerts.recipients.recipient import Recipient
from store.named_sql import sql


async def recipients_for_device(connection: psycopg.AsyncConnection, device_id: int) -> list[Recipient]:
    """Those of its village, or of the nearest region above that has any; the canary has one of its own."""
    cursor = await connection.execute(sql("recipients_for_device"), {"device": device_id})
    return [Recipient(contact_id, language, tuple(ways)) for contact_id, language, ways in await cursor.fetchall()]


async def recipients_for_region(connection: psycopg.AsyncConnection, region_id: int) -> list[Recipient]:
    """Those of the region, or of the nearest one above that has any."""
    cursor = await connection.execute(sql("recipients_for_region"), {"region": region_id})
    return [Recipient(contact_id, language, tuple(ways)) for contact_id, language, ways in await cursor.fetchall()]


async def told_of_alarm(connection: psycopg.AsyncConnection, alarm_id: int) -> list[Recipient]:
    """Those who were told, or are about to be, that it was raised."""
    cursor = await connection.execute(sql("told_contacts"), (alarm_id,))
    return [Recipient(contact_id, language, tuple(ways)) for contact_id, language, ways in await cursor.fetchall()]
