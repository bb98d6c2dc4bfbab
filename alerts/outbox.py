"""Into the outbox, in the transaction of what is told: a message exists if and only if its cause does."""

from __future__ import annotations

from datetime import datetime

import psycopg
import structlog
from psycopg.types.json import Jsonb

from alerts import message
from alerts.channels.aliyun_templates import fit, render
from alerts.channels.channel import TemplateName
from alerts.condition import State
from catalogue.rules import Rule
from foundation.settings import settings
from store.named_sql import sql

log = structlog.get_logger()

CHANNEL = "aliyun_sms"


async def tell_raised(
    connection: psycopg.AsyncConnection,
    alarm_id: int,
    device_id: int,
    rule: Rule,
    state: State,
    now: datetime,
    *,
    again: str = "",
) -> int:
    """One message to each contact of the device's village. Returns how many.

    `again` makes what was told before a message of its own.
    """
    place = await _place(connection, device_id)
    measured_at = state.raised_at or state.since
    value = None if state.late else state.last_value
    params = message.raised(
        rule, place, value, measured_at, late=state.late, zone=settings().timezone, detail=state.detail
    )
    cursor = await connection.execute(sql("recipients_for_device"), {"device": device_id})
    recipients = [contact_id for contact_id, _ in await cursor.fetchall()]
    if not recipients:
        log.error("nobody_to_tell", alarm=alarm_id, rule=rule.id, device=place.uid, do="add a contact to its region")
    # the measured moment makes a second raise of the same latched alarm a message of its own
    occasion = f"alarm-{alarm_id}-raised-{int(measured_at.timestamp())}{again}"
    # a drill never uses up the quota that a real carbon monoxide alarm needs
    template: TemplateName = "critical" if rule.priority == "critical" and not place.drill else "routine"
    await _put(connection, recipients, "raised", template, params, occasion, now, alarm_id=alarm_id)
    return len(recipients)


async def tell_cleared(
    connection: psycopg.AsyncConnection, alarm_id: int, device_id: int, rule: Rule, state: State, now: datetime
) -> None:
    """To those who were told that it was raised: it is over."""
    cleared_at = state.cleared_at or now
    place = await _place(connection, device_id)
    params = message.cleared(rule, place, cleared_at, zone=settings().timezone)
    cursor = await connection.execute(sql("told_contacts"), (alarm_id,))
    recipients = [contact_id for contact_id, _ in await cursor.fetchall()]
    occasion = f"alarm-{alarm_id}-cleared-{int(cleared_at.timestamp())}"
    await _put(connection, recipients, "cleared", "routine", params, occasion, now, alarm_id=alarm_id)


async def tell_flapping(
    connection: psycopg.AsyncConnection, alarm_id: int, device_id: int, rule: Rule, since: datetime, now: datetime
) -> None:
    """Instead of each time: once that it comes and goes, to those who would have been told."""
    place = await _place(connection, device_id)
    params = message.flapping(rule, place, since, zone=settings().timezone)
    cursor = await connection.execute(sql("recipients_for_device"), {"device": device_id})
    recipients = [contact_id for contact_id, _ in await cursor.fetchall()]
    occasion = f"flapping-{device_id}-{rule.id}-{int(since.timestamp())}"
    await _put(connection, recipients, "flapping", "routine", params, occasion, now, alarm_id=alarm_id)


async def tell_incident(
    connection: psycopg.AsyncConnection,
    incident_id: int,
    region_id: int,
    kind: str,
    params: dict[str, str],
    now: datetime,
    *,
    again: str = "",
) -> None:
    """One message about an incident (`incident`) or its end (`recovery`) to each contact of the region.

    `again` tells a second one of the same kind from the first.
    """
    cursor = await connection.execute(sql("recipients_for_region"), {"region": region_id})
    recipients = [contact_id for contact_id, _ in await cursor.fetchall()]
    if not recipients:
        log.error("nobody_to_tell", incident=incident_id, do="add a contact to its region")
    occasion = f"incident-{incident_id}-{kind}{again}"
    await _put(connection, recipients, kind, "routine", params, occasion, now, incident_id=incident_id)


async def _place(connection: psycopg.AsyncConnection, device_id: int) -> message.Place:
    row = await (await connection.execute(sql("where_is"), (device_id,))).fetchone()
    return message.Place(*row) if row else message.Place("", "", str(device_id))


async def _put(
    connection: psycopg.AsyncConnection,
    recipients: list[int],
    kind: str,
    template: TemplateName,
    params: dict[str, str],
    occasion: str,
    now: datetime,
    *,
    alarm_id: int | None = None,
    incident_id: int | None = None,
) -> None:
    fitted = fit(params)
    for contact_id in recipients:
        await connection.execute(
            sql("insert_notification"),
            (
                alarm_id, incident_id, kind, contact_id, CHANNEL, template, Jsonb(fitted), render(template, fitted),
                f"{occasion}-{contact_id}", now, now,
            ),
        )  # fmt: skip
