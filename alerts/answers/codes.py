"""Short codes: which of several open alarms an answer means. Given when a message is written (give_code, 0022)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import psycopg

from alerts.answers.verbs import DIGIT, Verb
from store.named_sql import sql

ANSWERABLE: Final = ("raised", "escalation", "flapping", "cleared", "incident")
"""Kinds of messages that can be answered while what they tell of is open; `cleared`: of what a person has to close."""
PARAMS: Final[dict[str, Verb]] = {"ack": "have_it", "wrong": "false_alarm", "help": "need_help"}
"""Parameters of a message → what its reader says by typing them."""


async def how_to_answer(
    connection: psycopg.AsyncConnection,
    contact_id: int,
    kind: str,
    *,
    alarm_id: int | None,
    incident_id: int | None,
    now: datetime,
) -> tuple[int | None, dict[str, str]]:
    """The code of this alarm or incident for the contact's number, and the parameters that say what to type.

    No parameters where there is nothing to answer. The same again has the same code.
    """
    if kind not in ANSWERABLE:
        return None, {}
    places = {"contact": contact_id, "alarm": alarm_id, "incident": incident_id, "now": now}
    row = await (await connection.execute(sql("give_code"), places)).fetchone()
    code, alone = row or (None, None)
    if alone is None:
        return None, {}
    return code, what_to_type(None if alone else code)


def what_to_type(code: int | None) -> dict[str, str]:
    """`1`, `2`, `3`; with a code `123`, `223`, `323`."""
    behind = "" if code is None else str(code)
    return {param: f"{DIGIT[verb]}{behind}" for param, verb in PARAMS.items()}
