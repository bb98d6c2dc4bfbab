"""A person says "I have it"."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import psycopg

from alerts.alarm_rows import ALARM_COLUMNS, state_of
from alerts.condition import acknowledge
from foundation.errors import NotFound
from store.named_sql import sql

Acknowledged = Literal["acknowledged", "acknowledged_and_closed", "acknowledged_before", "closed_before"]


async def acknowledge_alarm(
    connection: psycopg.AsyncConnection, alarm_id: int, *, by: str, how: str, now: datetime
) -> Acknowledged:
    """Acknowledges one alarm. The first acknowledgement stands; a second one changes nothing.

    What was pending again on an alarm that this closes goes on as an alarm of its own. Raises NotFound when there is no
    such alarm.
    """
    async with connection.transaction():
        # who judges this device is waited for: he must see what goes on
        await connection.execute(sql("lock_device_of_alarm"), (alarm_id,))
        row = await (
            await connection.execute(sql("alarm_for_acknowledgement", columns=ALARM_COLUMNS), (alarm_id,))
        ).fetchone()
        if row is None or row[3] == "pending":
            raise NotFound(f"there is no alarm {alarm_id}", do="look at the list of open alarms")
        state = state_of(row)
        if state.acknowledged:
            return "acknowledged_before"
        if state.closed_at is not None:
            return "closed_before"
        after = acknowledge(state, now).state
        closed_at = after.closed_at if after else None
        await connection.execute(sql("acknowledge_alarm"), (now, by, how, closed_at, alarm_id))
        if closed_at is not None and state.deadline is not None:
            await connection.execute(sql("carry_pending_on"), (alarm_id,))
        return "acknowledged" if closed_at is None else "acknowledged_and_closed"
