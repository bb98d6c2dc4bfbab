"""The watchdog: says so when the escalator itself is late, to the top of the tree, and on /health and by `doctor`.

It stands beside the escalator, on a connection of its own. When the whole process is dead the canary says it outside.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import psycopg
import structlog

from alerts import messages, outbox
from foundation.settings import settings
from store.named_sql import sql

log = structlog.get_logger()

LATE_AFTER: Final = timedelta(minutes=1)
"""A step that is due for longer is late; the escalator looks each second (our choice)."""


class EscalationLate:
    """Any number may look beside each other: the incident is one."""

    async def look(self, connection: psycopg.AsyncConnection, now: datetime) -> int:
        """Opens an incident while steps are late, and ends it when they are told. Returns how many are late."""
        row = await (await connection.execute(sql("escalations_late"), {"before": now - LATE_AFTER})).fetchone()
        late, since = (int(row[0]), row[1]) if row else (0, None)
        async with connection.transaction():
            if late and since is not None:
                await _say_late(connection, late, since, now)
            else:
                await _say_over(connection, now)
        return late


async def _say_late(connection: psycopg.AsyncConnection, late: int, since: datetime, now: datetime) -> None:
    top = await (await connection.execute(sql("top_region"))).fetchone()
    if top is None:
        return
    row = await (
        await connection.execute(
            sql("open_incident"),
            {
                "kind": "escalation_late", "region": top[0], "drill": None, "subject": "", "gateway": None,
                "began_at": since, "now": now, "homes": late, "of_homes": late, "cause": "unknown",
                "hint": f"{late} alarms that nobody has answered wait to be told further", "told_at": now,
            },
        )
    ).fetchone()  # fmt: skip
    if row is None:
        return  # it is known
    say = messages.escalation_late(top[1], late, since, zone=settings().timezone)
    await outbox.tell_incident(connection, row[0], top[0], "incident", say, now)
    log.error("escalation_late", alarms=late, since=since.isoformat())


async def _say_over(connection: psycopg.AsyncConnection, now: datetime) -> None:
    row = await (await connection.execute(sql("end_escalation_late"), {"now": now})).fetchone()
    if row is None:
        return
    say = messages.escalation_in_time(row[2], now, zone=settings().timezone)
    await outbox.tell_incident(connection, row[0], row[1], "recovery", say, now)
    log.warning("escalation_in_time")
