"""Into the outbox, in the transaction of what is told: a message exists if and only if its cause does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
import structlog
from psycopg.types.json import Jsonb

from alerts import messages
from alerts.answers.codes import how_to_answer
from alerts.channels.aliyun_templates import approved_codes, frame_of
from alerts.channels.channel import TemplateName, Way
from alerts.condition import State
from alerts.escalation.climbing import first_look
from alerts.messages import Say
from alerts.recipients.recipient import CHEAP, Recipient, ways_for
from alerts.recipients.resolve import (
    recipients_for_device,
    recipients_for_region,
    told_of_alarm,
    told_of_incident,
)
from catalogue.escalation import PLAN
from catalogue.language import SOURCE, is_known
from catalogue.rules import Rule
from foundation.settings import settings
from store.named_sql import sql

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Occasion:
    """What is told once to each recipient and way; `key` makes a repetition recognisable.

    `step` and `round` are those of the escalation (alerts/escalation). `call_id`: whom the message says to call.
    """

    kind: str
    template: TemplateName
    key: str
    alarm_id: int | None = None
    incident_id: int | None = None
    step: int = 0
    round: int = 0
    call_id: int | None = None


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
    """Messages to those who are told of the device (alerts/recipients). Returns how many people that are.

    `again` makes what was told before a message of its own.
    """
    place = await where_is(connection, device_id)
    measured_at = state.raised_at or state.since
    recipients = await recipients_for_device(connection, device_id, rule=rule, now=now)
    if not recipients:
        log.error("nobody_to_tell", alarm=alarm_id, rule=rule.id, device=place.uid, do="add a contact to its region")
    # the measured moment makes a second raise of the same latched alarm a message of its own
    key = f"alarm-{alarm_id}-raised-{int(measured_at.timestamp())}{again}"
    occasion = Occasion("raised", template_for(rule, place), key, alarm_id=alarm_id, call_id=place.call_id)
    await put(connection, occasion, recipients, say_raised(rule, place, state), now)
    plan = PLAN.get(rule.priority)
    if plan is not None and not state.late and not place.canary:
        places = {"alarm": alarm_id, "incident": None, "plan": plan.name, "now": now, "next_at": first_look(plan, now)}
        await connection.execute(sql("begin_escalation"), places)
    return len(recipients)


async def tell_cleared(
    connection: psycopg.AsyncConnection, alarm_id: int, device_id: int, rule: Rule, state: State, now: datetime
) -> None:
    """To those who were told that it was raised: it is over."""
    cleared_at = state.cleared_at or now
    place = await where_is(connection, device_id)

    def say(language: str) -> messages.Params:
        return messages.cleared(rule, place, cleared_at, zone=settings().timezone, language=language)

    recipients = await told_of_alarm(connection, alarm_id)
    key = f"alarm-{alarm_id}-cleared-{int(cleared_at.timestamp())}"
    occasion = Occasion("cleared", "routine", key, alarm_id=alarm_id, call_id=place.call_id)
    await put(connection, occasion, recipients, say, now)


async def tell_flapping(
    connection: psycopg.AsyncConnection, alarm_id: int, device_id: int, rule: Rule, since: datetime, now: datetime
) -> None:
    """Instead of each time: once that it comes and goes, to those who would have been told."""
    place = await where_is(connection, device_id)

    def say(language: str) -> messages.Params:
        return messages.flapping(rule, place, since, zone=settings().timezone, language=language)

    recipients = await recipients_for_device(connection, device_id, rule=rule, now=now)
    key = f"flapping-{device_id}-{rule.id}-{int(since.timestamp())}"
    occasion = Occasion("flapping", "routine", key, alarm_id=alarm_id, call_id=place.call_id)
    await put(connection, occasion, recipients, say, now)


async def tell_incident(
    connection: psycopg.AsyncConnection,
    incident_id: int,
    region_id: int,
    kind: str,
    say: Say,
    now: datetime,
    *,
    again: str = "",
) -> None:
    """Messages about an incident (`incident`) to those of the region, or its end (`recovery`) to who was told of it.

    `again` tells a second one of the same kind from the first.
    """
    recipients = await told_of_incident(connection, incident_id) if kind == "recovery" else []
    if not recipients:
        row = await (await connection.execute(sql("cause_for_organisations"), (incident_id,))).fetchone()
        cause = str(row[0]) if row else ""
        recipients = await recipients_for_region(connection, region_id, cause=cause, now=now)
    if not recipients:
        log.error("nobody_to_tell", incident=incident_id, do="add a contact to its region")
    occasion = Occasion(kind, "routine", f"incident-{incident_id}-{kind}{again}", incident_id=incident_id)
    await put(connection, occasion, recipients, say, now)
    if kind == "incident":
        plan = PLAN["incident"]
        places = {"incident": incident_id, "plan": plan.name, "now": now, "next_at": first_look(plan, now)}
        await connection.execute(sql("begin_escalation_of_incident"), places)


def template_for(rule: Rule, place: messages.Place) -> TemplateName:
    """A drill never uses up the quota that a real carbon monoxide alarm needs."""
    return "critical" if rule.priority == "critical" and not place.drill else "routine"


def say_raised(rule: Rule, place: messages.Place, state: State) -> Say:
    """How it is said that this alarm was raised."""
    value, measured_at = None if state.late else state.last_value, state.raised_at or state.since

    def say(language: str) -> messages.Params:
        return messages.raised(
            rule, place, value, measured_at,
            late=state.late, zone=settings().timezone, language=language, detail=state.detail,
        )  # fmt: skip

    return say


async def where_is(connection: psycopg.AsyncConnection, device_id: int) -> messages.Place:
    """Where a device is, in words that its village knows, and whom to call there."""
    row = await (await connection.execute(sql("where_is"), (device_id,))).fetchone()
    if row is None:
        return messages.Place("", "", str(device_id))
    *where, contact_id, name, role = row
    call = messages.Person(contact_id, name, role) if contact_id is not None else None
    village, home, uid, drill, canary = where
    return messages.Place(village, home, uid, drill, canary, call)


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
        language = recipient.language
        if not is_known(language):
            log.warning("language_unknown", language=language, do="it is told in Chinese; add it to catalogue/messages")
        code, answers = await how_to_answer(
            connection, recipient.contact_id, occasion.kind,
            alarm_id=occasion.alarm_id, incident_id=occasion.incident_id, now=now,
        )  # fmt: skip
        told = say(language)
        # who is told of an incident may answer it, though its words do not ask for it by themselves
        told |= answers if occasion.incident_id is not None else _asked_for(told, answers)
        if recipient.contact_id == occasion.call_id:
            told.pop("call", None)  # nobody is to call themselves
        for way in ways(recipient, occasion.template):
            # the carrier's voice reads Chinese only
            spoken = way == "voice" and language != SOURCE
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
                    **worded(way, occasion.template, SOURCE if spoken else language, say(SOURCE) if spoken else told),
                    "step": occasion.step,
                    "round": occasion.round,
                    "code": code,
                    "key": key if way == "sms" else f"{key}-{way}",
                    "now": now,
                },
            )
            written += cursor.rowcount
    return written


def _asked_for(told: messages.Params, answers: messages.Params) -> messages.Params:
    """What to type, as far as the message asks for it."""
    return {name: typed for name, typed in answers.items() if name in told}


def worded(way: Way, template: TemplateName, language: str, told: messages.Params) -> dict[str, Any]:
    """The values that the carrier of this way gets, and the whole text, as columns of `insert_notification`."""
    frame = frame_of(approved_codes(settings()), language, template) if way == "sms" else None
    return {
        "params": Jsonb(messages.values(way, language, told)),
        "body": messages.compose(way, template, language, told, frame=frame),
        "language": language,
    }


async def another_way(connection: psycopg.AsyncConnection, notification_id: int, now: datetime) -> Way | None:
    """A routine message has failed for good: it is written once more, for the next way of its reader, if there is one.

    A critical one has gone all of them at once.
    """
    row = await (await connection.execute(sql("failed_message"), {"id": notification_id})).fetchone()
    if row is None:
        return None
    alarm, incident, kind, contact, language, params, step, round_, code, mark, key, open_ways, tried = row
    way = next((one for one in CHEAP if one in open_ways and one not in tried), None)
    if way is None:
        return None
    places = {
        "alarm": alarm, "incident": incident, "kind": kind, "contact": contact, "way": way, "template": "routine",
        **worded(way, "routine", language, params), "step": step, "round": round_,
        "code": code, "key": f"{key.removeprefix(f'{mark}-')}-{way}", "now": now,
    }  # fmt: skip
    await connection.execute(sql("insert_notification"), places)
    return way
