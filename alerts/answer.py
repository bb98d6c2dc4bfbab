"""What a person answers to a message, whichever way the answer comes: on a page, by a key or a button.

What is typed into an SMS names no message; it comes through alerts/reply.py.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import psycopg

from alerts.answers import book
from alerts.answers.verbs import Verb
from store.named_sql import sql

__all__ = ["AnswerResult", "Verb", "answer"]

AnswerResult = Literal["acknowledged", "acknowledged_before", "closed_before", "help_asked", "nothing_to_acknowledge"]


async def answer(
    connection: psycopg.AsyncConnection, *, key: str, verb: Verb, how: str, now: datetime, name: str = ""
) -> AnswerResult:
    """Takes the answer to the message with this idempotency key; `how`: sms, page, voice, wecom.

    A call for help acknowledges nothing; the escalation climbs. `name` tells this answer from a second one of the same
    person to the same message, and makes its repetition recognisable; without, the same verb again changes nothing.
    """
    async with connection.transaction():
        row = await (await connection.execute(sql("message_answered"), {"key": key, "id": None})).fetchone()
        if row is None or (row[1] is None and row[2] is None):
            return "nothing_to_acknowledge"
        notification_id, alarm_id, incident_id, contact_id, who = row
        about = book.About(alarm_id, incident_id, notification_id)
        said = book.Answer(name or f"{how}-{notification_id}-{verb}", who, verb, how, now, contact_id)
        had = await book.before(connection, said.name)
        done = had or await book.act(connection, about, said, now)
    if done == "help_asked" or done == "closed_before":  # noqa: PLR1714 (mypy narrows no `in`)
        return done
    return "acknowledged" if had is None and done != "acknowledged_before" else "acknowledged_before"
