"""What an escalation is about, an alarm or an incident: how it stands, what is said of it, and to whom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg

from alerts import messages, outbox
from alerts.alarm_rows import ALARM_COLUMNS, state_of
from alerts.channels.channel import TemplateName
from alerts.escalation.climbing import Reopen, Standing, Tell
from alerts.messages import Say
from alerts.recipients.recipient import Recipient
from alerts.recipients.resolve import recipients_for_device, recipients_for_region
from catalogue.escalation import PLAN, Plan, Step
from catalogue.rules import Rule
from foundation.settings import settings
from store.named_sql import sql


@dataclass(frozen=True, slots=True)
class Held:
    """An escalation that this process holds, with what it is about."""

    id: int
    plan: Plan
    step: int
    round: int
    began_at: datetime
    told_at: datetime
    help_met_at: datetime | None


@dataclass(frozen=True, slots=True)
class Subject:
    """`name` begins the keys of its messages.

    `say` words a step that is told so many minutes after the first; `recipients` asks who is told at it.
    """

    name: str
    standing: Standing
    template: TemplateName
    say: Callable[[Tell | Reopen, Step, int], Say]
    recipients: Callable[[Step], Awaitable[list[Recipient]]]
    alarm_id: int | None = None
    incident_id: int | None = None
    drill: bool = False
    call_id: int | None = None
    """Whom its messages say to call."""


async def hold(
    connection: psycopg.AsyncConnection, lock: str, of: int, escalation_id: int, now: datetime
) -> Held | None:
    """The escalation, locked behind what it is about by the query `lock`; None where another process has either."""
    if await (await connection.execute(sql(lock), {"of": of})).fetchone() is None:
        return None
    row = await (await connection.execute(sql("lock_escalation"), {"id": escalation_id, "now": now})).fetchone()
    return None if row is None else Held(escalation_id, PLAN[row[0]], *row[1:])


async def alarm(
    connection: psycopg.AsyncConnection, held: Held, alarm_id: int, rules: Mapping[str, Rule], now: datetime
) -> Subject | None:
    """The alarm; None where the pack has its rule no more."""
    places = {"alarm": alarm_id, "step": held.step, "round": held.round}
    row = await (await connection.execute(sql("escalating_alarm", columns=ALARM_COLUMNS), places)).fetchone()
    assert row is not None  # noqa: S101 (it is locked, so it is there)
    condition, closed, suppressed, acknowledged_at, help_asked_at, unreachable, has_it, calls, *columns = row
    rule, device_id = rules.get(columns[2]), columns[1]
    if rule is None:
        return None
    place = await outbox.where_is(connection, device_id)

    async def recipients(step: Step) -> list[Recipient]:
        return await recipients_for_device(
            connection, device_id, rule=rule, level=step.level, everybody=step.everybody, now=now
        )

    standing = Standing(
        held.step, held.round, held.began_at, held.told_at, condition, closed, suppressed, acknowledged_at,
        help_asked_at, held.help_met_at, unreachable,
    )  # fmt: skip
    state, zone = state_of(columns), settings().timezone
    told = rule, place, state.last_value, state.raised_at or state.since

    def say(decided: Tell | Reopen, step: Step, minutes: int) -> Say:
        def in_language(language: str) -> messages.Params:
            if isinstance(decided, Reopen):
                return messages.reopened(
                    *told, minutes=minutes, who=has_it, zone=zone, language=language, detail=state.detail
                )
            if decided.reason == "help_asked":
                return messages.help_asked(
                    *told, who=calls, level=step.level, zone=zone, language=language, detail=state.detail
                )
            return messages.escalated(
                *told, minutes=minutes, level=step.level, zone=zone, language=language, detail=state.detail
            )

        return in_language

    return Subject(
        f"alarm-{alarm_id}", standing, outbox.template_for(rule, place), say, recipients, alarm_id=alarm_id,
        drill=place.drill, call_id=place.call_id,
    )  # fmt: skip


async def incident(connection: psycopg.AsyncConnection, held: Held, incident_id: int, now: datetime) -> Subject | None:
    """The incident; None where it was never told."""
    row = await (await connection.execute(sql("escalating_incident"), {"incident": incident_id})).fetchone()
    assert row is not None  # noqa: S101 (it is locked, so it is there)
    over, acknowledged_at, help_asked_at, region_id, cause, drill, params = row
    if params is None:
        return None

    async def recipients(step: Step) -> list[Recipient]:
        return await recipients_for_region(
            connection, region_id, level=step.level, cause="" if drill else cause, everybody=step.everybody, now=now
        )

    standing = Standing(
        held.step, held.round, held.began_at, held.told_at, "active", over, acknowledged_at=acknowledged_at,
        help_asked_at=help_asked_at, help_met_at=held.help_met_at,
    )  # fmt: skip
    return Subject(
        f"incident-{incident_id}", standing, "routine",
        lambda _decided, _step, minutes: messages.unanswered(messages.say_kept(params), minutes),
        recipients, incident_id=incident_id, drill=drill,
    )  # fmt: skip
