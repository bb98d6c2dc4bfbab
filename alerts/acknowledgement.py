"""A person says "I have it", "false alarm" or "I need help" of an alarm or an incident."""

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
            raise _no_alarm(alarm_id)
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


async def acknowledge_incident(
    connection: psycopg.AsyncConnection, incident_id: int, *, by: str, how: str, now: datetime
) -> Acknowledged:
    """Acknowledges one incident; it ends when its cause does. Raises NotFound when there is no such incident."""
    async with connection.transaction():
        row = await (await connection.execute(sql("incident_for_answer"), (incident_id,))).fetchone()
        if row is None:
            raise _no_incident(incident_id)
        acknowledged, ended = row
        if acknowledged or ended:
            return "acknowledged_before" if acknowledged else "closed_before"
        await connection.execute(sql("acknowledge_incident"), (now, by, how, incident_id))
        return "acknowledged"


async def mark_alarm_false(connection: psycopg.AsyncConnection, alarm_id: int, *, by: str, now: datetime) -> None:
    """For the alarm-quality report. Changes nothing else: what is still beyond its level stays an alarm."""
    await connection.execute(sql("mark_false_alarm"), (now, by, alarm_id))


async def mark_incident_false(connection: psycopg.AsyncConnection, incident_id: int, *, by: str, now: datetime) -> None:
    """The same of an incident."""
    await connection.execute(sql("mark_incident_false"), (now, by, incident_id))


async def ask_for_help(connection: psycopg.AsyncConnection, alarm_id: int, *, by: str, now: datetime) -> None:
    """Lets the escalation climb at once; acknowledges nothing. Raises NotFound when there is no such alarm."""
    row = await (await connection.execute(sql("ask_for_help"), (now, by, alarm_id))).fetchone()
    if row is None:
        raise _no_alarm(alarm_id)
    await connection.execute(sql("stir_escalation"))


async def ask_for_help_with_incident(
    connection: psycopg.AsyncConnection, incident_id: int, *, by: str, now: datetime
) -> None:
    """The same of an incident. Raises NotFound when there is no such incident."""
    row = await (await connection.execute(sql("ask_for_help_with_incident"), (now, by, incident_id))).fetchone()
    if row is None:
        raise _no_incident(incident_id)
    await connection.execute(sql("stir_escalation"))


def _no_alarm(alarm_id: int) -> NotFound:
    return NotFound(f"there is no alarm {alarm_id}", do="look at the list of open alarms")


def _no_incident(incident_id: int) -> NotFound:
    return NotFound(f"there is no incident {incident_id}", do="look at the list of incidents")
