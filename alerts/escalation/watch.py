"""The escalator: looks at what is due and tells the next step. Any number may run beside each other.

Each escalation is one transaction: its messages are written and its next deadline set together or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import psycopg
import structlog

from alerts import outbox
from alerts.channels.channel import TemplateName, Way
from alerts.escalation import subject
from alerts.escalation.climbing import Over, Reopen, Rest, Tell, climb
from alerts.escalation.subject import Held, Subject
from alerts.outbox import Occasion
from alerts.recipients.recipient import Recipient, ways_for
from catalogue.escalation import Step
from catalogue.rules import RulePack
from store.named_sql import sql

log = structlog.get_logger()

AT_ONCE: Final = 200


class Escalator:
    """Climbs for the rules of one pack."""

    def __init__(self, pack: RulePack) -> None:
        self._rules = pack.by_id

    async def look(self, connection: psycopg.AsyncConnection, now: datetime) -> int:
        """Deals with everything that is due. Returns how many steps were told."""
        told = 0
        cursor = await connection.execute(sql("due_escalations"), {"now": now, "most": AT_ONCE})
        for escalation_id, alarm_id, incident_id in await cursor.fetchall():
            async with connection.transaction():
                told += await self._climb(connection, escalation_id, alarm_id, incident_id, now)
        return told

    async def _climb(
        self,
        connection: psycopg.AsyncConnection,
        escalation_id: int,
        alarm_id: int | None,
        incident_id: int | None,
        now: datetime,
    ) -> bool:
        about: Subject | None = None
        if alarm_id is not None:
            held = await subject.hold(connection, "lock_alarm_to_escalate", alarm_id, escalation_id, now)
            if held is not None:
                about = await subject.alarm(connection, held, alarm_id, self._rules, now)
        else:
            assert incident_id is not None  # noqa: S101 (a constraint of the table)
            held = await subject.hold(connection, "lock_incident_to_escalate", incident_id, escalation_id, now)
            if held is not None:
                about = await subject.incident(connection, held, incident_id, now)
        if held is None:
            return False
        decided = climb(held.plan, about.standing, now) if about is not None else Over("closed")
        if about is None or not isinstance(decided, Tell | Reopen):
            await _rest(connection, held, decided)
            return False
        await _tell(connection, held, about, decided, now)
        return True


async def _rest(connection: psycopg.AsyncConnection, held: Held, decided: Rest | Over | Tell | Reopen) -> None:
    next_at = decided.next_at if not isinstance(decided, Over) else None
    await connection.execute(sql("note_rests"), {"id": held.id, "next_at": next_at, "reason": decided.reason})


async def _tell(
    connection: psycopg.AsyncConnection, held: Held, about: Subject, decided: Tell | Reopen, now: datetime
) -> None:
    opened = isinstance(decided, Reopen)
    if opened:
        await connection.execute(sql("open_again"), {"alarm": about.alarm_id})
    number, round_ = (0, held.round + 1) if isinstance(decided, Reopen) else (decided.step, held.round)
    began_at = now if opened else held.began_at
    await connection.execute(
        sql("note_climbed"),
        {
            "id": held.id, "step": number, "round": round_, "began_at": began_at, "told_at": now,
            "next_at": decided.next_at, "reason": decided.reason,
            "help_met_at": about.standing.help_asked_at or held.help_met_at,
        },
    )  # fmt: skip
    step, minutes = held.plan.steps[number], int((now - held.began_at).total_seconds() // 60)
    recipients = await about.recipients(step)
    # the last step, and one for which help was asked, may be told more than once
    again = f"-{int(now.timestamp())}" if decided.reason in ("still_unanswered", "help_asked") else ""
    occasion = Occasion(
        "escalation", about.template, f"{about.name}-step{number}-{round_}{again}", about.alarm_id, about.incident_id,
        number, round_, about.call_id,
    )  # fmt: skip

    say = about.say(decided, step, minutes)
    await outbox.put(connection, occasion, recipients, say, now, ways=_ways(step, drill=about.drill))
    log.warning(
        "escalated", about=about.name, step=number, level=step.level, reason=decided.reason, to=len(recipients)
    )  # fmt: skip


def _ways(step: Step, *, drill: bool) -> Callable[[Recipient, TemplateName], Sequence[Way]]:
    """A call beside the message; not in a drill, whose calls would use up what a real alarm needs."""

    def ways(recipient: Recipient, template: TemplateName) -> Sequence[Way]:
        call = step.voice and not drill and "voice" in recipient.ways
        return (*ways_for(recipient, template), *(("voice",) if call else ()))

    return ways
