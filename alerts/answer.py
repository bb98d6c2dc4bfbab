"""What a person answers to a message, whichever way the answer comes: by SMS, on a page, by a key or a button."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import psycopg

from alerts.acknowledgement import acknowledge_alarm
from store.named_sql import sql

Verb = Literal["have_it", "false_alarm", "need_help"]
"""1, 2 and 3 on a phone."""
AnswerResult = Literal["acknowledged", "acknowledged_before", "closed_before", "nothing_to_acknowledge"]


async def answer(connection: psycopg.AsyncConnection, *, key: str, verb: Verb, how: str, now: datetime) -> AnswerResult:
    """Takes the answer to the message with this idempotency key; `how`: sms, page, voice, wecom.

    A call for help acknowledges nothing. The same answer again changes nothing.
    """
    row = await (await connection.execute(sql("message_answered"), (key,))).fetchone()
    if row is None or row[0] is None:
        return "nothing_to_acknowledge"
    if verb == "need_help":
        return "nothing_to_acknowledge"
    alarm_id, who = row
    result = await acknowledge_alarm(connection, alarm_id, by=who, how=how, now=now)
    return "acknowledged" if result == "acknowledged_and_closed" else result
