"""A person answers an SMS. It means the alarm of the short code, else the newest that the number was told of.

Nobody can answer for another one: a code means what it means to the number that it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

import psycopg

from alerts.answers import book
from alerts.answers.codes import ANSWERABLE
from alerts.answers.grammar import Meant, read_answer
from alerts.answers.verbs import Outcome, Verb
from alerts.channels.aliyun_receipts import InboundReply
from foundation.sealing import marks
from store.named_sql import sql

ReplyResult = Literal[Outcome, "had_before"]

_CLOCKS_DIFFER: Final = timedelta(minutes=2)
"""The carrier's clock and ours: an answer may seem a little older than the message."""
_ANSWERED_BY: Final[Mapping[Verb, Sequence[Verb]]] = {
    "have_it": ("have_it", "false_alarm"),
    "false_alarm": ("false_alarm",),
    "need_help": (),
}
"""Without a code: what of the same person makes an answer mean the next alarm. Who has it can say afterwards that it
was false; who calls for help twice calls for the same."""


async def take_reply(connection: psycopg.AsyncConnection, reply: InboundReply, now: datetime) -> ReplyResult:
    """Does what the answer says, and keeps it; also one that is not understood.

    A carrier repeats its callbacks: the same answer again changes nothing.
    """
    async with connection.transaction():
        contacts = await (await connection.execute(sql("contacts_with_phone"), (marks(reply.phone),))).fetchall()
        first_id, first = contacts[0] if contacts else (None, "")
        name = reply.sequence_id or f"{first_id or 'unknown'}-{reply.at.isoformat()}-{reply.content[:20]}"
        if await book.before(connection, name) is not None:
            return "had_before"
        content = reply.content[:200].replace("\0", "?")
        meant = read_answer(content)
        verb = meant.verb if meant else None
        if not contacts or meant is None:
            said = book.Answer(name, first, verb, "sms", reply.at, first_id, content)
            nothing: Outcome = "not_understood" if contacts else "unknown_number"
            await book.keep(connection, said, nothing, now)
            return nothing
        ids = [contact_id for contact_id, _ in contacts]
        found = await _meant(connection, ids, meant, reply.at)
        if not isinstance(found, book.About):
            said = book.Answer(name, first, verb, "sms", reply.at, first_id, content)
            await book.keep(connection, said, found, now)
            return found
        about, contact_id, who = await _told(connection, ids, found, contacts[0])
        said = book.Answer(name, who, verb, "sms", reply.at, contact_id, content)
        return await book.act(connection, about, said, now)


async def _meant(
    connection: psycopg.AsyncConnection, contacts: list[int], meant: Meant, at: datetime
) -> book.About | Literal["unknown_code", "nothing_open"]:
    """What the answer is about."""
    latest = at + _CLOCKS_DIFFER
    if meant.code is not None:
        places = {"code": meant.code, "contacts": contacts}
        row = await (await connection.execute(sql("meant_by_code"), places)).fetchone()
        # who answers before the code meant this has read it in an older message
        return book.About(row[0], row[1]) if row and row[2] <= latest else "unknown_code"
    row = await (
        await connection.execute(
            sql("newest_told"),
            {
                "contacts": contacts,
                "kinds": list(ANSWERABLE),
                "before": latest,
                "answered": list(_ANSWERED_BY[meant.verb]),
            },
        )
    ).fetchone()
    return book.About(*row) if row else "nothing_open"


async def _told(
    connection: psycopg.AsyncConnection, contacts: list[int], about: book.About, first: tuple[int, str]
) -> tuple[book.About, int, str]:
    """The same with the message that told of it; and of several contacts with that number the one who was told."""
    places = {"contacts": contacts, "alarm": about.alarm_id, "incident": about.incident_id}
    row = await (await connection.execute(sql("who_was_told"), places)).fetchone()
    if row is None:
        return about, *first
    contact_id, who, notification_id = row
    return book.About(about.alarm_id, about.incident_id, notification_id), contact_id, who
