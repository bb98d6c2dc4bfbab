"""Into the outbox, in the transaction of what is told: a message exists if and only if its cause does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
import structlog
from psycopg.types.json import Jsonb

from alerts import message
from alerts.answers.codes import how_to_answer
from alerts.channels.aliyun_templates import fit, render
from alerts.channels.channel import TemplateName, Way
from alerts.condition import State
from alerts.recipients.recipient import Recipient, ways_for
from alerts.recipients.resolve import recipients_for_device, recipients_for_region, told_of_alarm
from catalogue.rules import Rule
from foundation.settings import settings
from store.named_sql import sql

log = structlog.get_logger()

Say = Callable[[str], dict[str, str]]
"""Language → the parameters of a message in it."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """What is told once to each recipient and way; `key` makes a repetition recognisable.

    `step` and `round` are those of the escalation (alerts/escalation).
    """

    kind: str
    template: TemplateName
    key: str
    alarm_id: int | None = None
    incident_id: int | None = None
    step: int = 0
    round: int = 0


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
    """Messages to each contact of the device's village. Returns how many people that are.

    `again` makes what was told before a message of its own.
    """
    place = await where_is(connection, device_id)
    measured_at = state.raised_at or state.since
    recipients = await recipients_for_device(connection, device_id)
    if not recipients:
        log.error("nobody_to_tell", alarm=alarm_id, rule=rule.id, device=place.uid, do="add a contact to its region")
    # the measured moment makes a second raise of the same latched alarm a message of its own
    key = f"alarm-{alarm_id}-raised-{int(measured_at.timestamp())}{again}"
    occasion = Occasion("raised", template_for(rule, place), key, alarm_id=alarm_id)
    await put(connection, occasion, recipients, say_raised(rule, place, state), now)
    return len(recipients)


async def tell_cleared(
    connection: psycopg.AsyncConnection, alarm_id: int, device_id: int, rule: Rule, state: State, now: datetime
) -> None:
    """To those who were told that it was raised: it is over."""
    cleared_at = state.cleared_at or now
    place = await where_is(connection, device_id)

    def say(_language: str) -> dict[str, str]:
        return message.cleared(rule, place, cleared_at, zone=settings().timezone)

    recipients = await told_of_alarm(connection, alarm_id)
    key = f"alarm-{alarm_id}-cleared-{int(cleared_at.timestamp())}"
    await put(connection, Occasion("cleared", "routine", key, alarm_id=alarm_id), recipients, say, now)


async def tell_flapping(
    connection: psycopg.AsyncConnection, alarm_id: int, device_id: int, rule: Rule, since: datetime, now: datetime
) -> None:
    """Instead of each time: once that it comes and goes, to those who would have been told."""
    place = await where_is(connection, device_id)

    def say(_language: str) -> dict[str, str]:
        return message.flapping(rule, place, since, zone=settings().timezone)

    recipients = await recipients_for_device(connection, device_id)
    key = f"flapping-{device_id}-{rule.id}-{int(since.timestamp())}"
    await put(connection, Occasion("flapping", "routine", key, alarm_id=alarm_id), recipients, say, now)


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
    """Messages about an incident (`incident`) or its end (`recovery`) to each contact of the region.

    `again` tells a second one of the same kind from the first.
    """
    recipients = await recipients_for_region(connection, region_id)
    if not recipients:
        log.error("nobody_to_tell", incident=incident_id, do="add a contact to its region")
    occasion = Occasion(kind, "routine", f"incident-{incident_id}-{kind}{again}", incident_id=incident_id)
    await put(connection, occasion, recipients, lambda _language: params, now)


def template_for(rule: Rule, place: message.Place) -> TemplateName:
    """A drill never uses up the quota that a real carbon monoxide alarm needs."""
    return "critical" if rule.priority == "critical" and not place.drill else "routine"


def say_raised(rule: Rule, place: message.Place, state: State) -> Say:
    """How it is said that this alarm was raised."""
    value, measured_at = None if state.late else state.last_value, state.raised_at or state.since

    def say(_language: str) -> dict[str, str]:
        return message.raised(
            rule, place, value, measured_at, late=state.late, zone=settings().timezone, detail=state.detail
        )

    return say


async def where_is(connection: psycopg.AsyncConnection, device_id: int) -> message.Place:
    """Where a device is, in words that its village knows."""
    row = await (await connection.execute(sql("where_is"), (device_id,))).fetchone()
    return message.Place(*row) if row else message.Place("", "", str(device_id))


async def put(
    connection: psycopg.AsyncConnection,
    occasion: Occasion,
    recipients: Sequence[Recipient],
    say: Say,
    now: datetime,
    *,
    ways: Callable[[Recipient, TemplateName], Sequence[Way]] = ways_for,
) -> int:
    """Writes one message to each recipient and way; how many. The same occasion again writes nothing."""
    written = 0
    for recipient in recipients:
        code, answers = await how_to_answer(
            connection, recipient.contact_id, occasion.kind,
            alarm_id=occasion.alarm_id, incident_id=occasion.incident_id, now=now,
        )  # fmt: skip
        params = fit(say(recipient.language)) | answers
        for way in ways(recipient, occasion.template):
            key = f"{occasion.key}-{recipient.contact_id}"
            cursor = await connection.execute(
                sql("insert_notification"),
                {
                    "alarm": occasion.alarm_id,
                    "incident": occasion.incident_id,
                    "kind": occasion.kind,
                    "contact": recipient.contact_id,
                    "way": way,
                    "template": occasion.template,
                    "params": Jsonb(params),
                    "body": render(occasion.template, params),
                    "language": recipient.language,
                    "step": occasion.step,
                    "round": occasion.round,
                    "code": code,
                    "key": key if way == "sms" else f"{key}-{way}",
                    "now": now,
                },
            )
            written += cursor.rowcount
    return written
