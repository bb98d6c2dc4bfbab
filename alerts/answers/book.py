"""Does what an answer says, and keeps it, whatever became of it. A repetition is known by its name."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

import psycopg

from alerts.acknowledgement import (
    acknowledge_alarm,
    acknowledge_incident,
    ask_for_help,
    ask_for_help_with_incident,
    mark_alarm_false,
    mark_incident_false,
)
from alerts.answers.verbs import Done, Outcome, Verb
from store.named_sql import sql


@dataclass(frozen=True, slots=True)
class About:
    """What is answered: an alarm or an incident, and the message that told of it, if one did."""

    alarm_id: int | None = None
    incident_id: int | None = None
    notification_id: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person has said. `how`: sms, page, voice, wecom, api, cli; `at`: when, by whoever brings it to us."""

    name: str
    who: str
    verb: Verb | None
    how: str
    at: datetime
    contact_id: int | None = None
    content: str = field(default="", repr=False)


async def before(connection: psycopg.AsyncConnection, name: str) -> Outcome | None:
    """What became of the answer of this name, if we had it; otherwise nobody else takes it until we commit."""
    await connection.execute(sql("lock_answer"), (name,))
    row = await (await connection.execute(sql("answer_before"), (name,))).fetchone()
    return row[0] if row else None


async def act(connection: psycopg.AsyncConnection, about: About, answer: Answer, now: datetime) -> Done:
    """Does it, and keeps it. In the transaction in which `before` found nothing.

    Raises NotFound when there is no such alarm or incident.
    """
    if answer.verb is None or (about.alarm_id is None) == (about.incident_id is None):
        raise ValueError("an answer needs a verb, and one alarm or incident")
    done = await _do(connection, about, answer.verb, answer, now)
    await keep(connection, answer, done, now, about)
    return done


async def say(
    connection: psycopg.AsyncConnection, about: About, *, who: str, verb: Verb, how: str, now: datetime
) -> Done:
    """Somebody says it who was not asked by a message: at the API, or at the command line.

    Raises NotFound when there is no such alarm or incident.
    """
    async with connection.transaction():
        return await act(connection, about, Answer(f"{how}-{uuid4().hex}", who, verb, how, now), now)


async def keep(
    connection: psycopg.AsyncConnection, answer: Answer, outcome: Outcome, now: datetime, about: About | None = None
) -> None:
    """Keeps what was said."""
    about = about or About()
    await connection.execute(
        sql("insert_answer"),
        {
            "name": answer.name,
            "alarm": about.alarm_id,
            "incident": about.incident_id,
            "notification": about.notification_id,
            "contact": answer.contact_id,
            "who": answer.who,
            "verb": answer.verb,
            "how": answer.how,
            "content": answer.content,
            "at": answer.at,
            "now": now,
            "outcome": outcome,
        },
    )


async def _do(connection: psycopg.AsyncConnection, about: About, verb: Verb, answer: Answer, now: datetime) -> Done:
    by, how = answer.who, answer.how
    if about.alarm_id is not None:
        if verb == "need_help":
            await ask_for_help(connection, about.alarm_id, by=by, now=now)
            return "help_asked"
        done = await acknowledge_alarm(connection, about.alarm_id, by=by, how=how, now=now)
        if verb == "false_alarm":
            await mark_alarm_false(connection, about.alarm_id, by=by, now=now)
        return done
    incident_id = about.incident_id or 0
    if verb == "need_help":
        await ask_for_help_with_incident(connection, incident_id, by=by, now=now)
        return "help_asked"
    done = await acknowledge_incident(connection, incident_id, by=by, how=how, now=now)
    if verb == "false_alarm":
        await mark_incident_false(connection, incident_id, by=by, now=now)
    return done
