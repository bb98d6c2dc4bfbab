"""A person answers an SMS: "1" means "I have it"."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import psycopg

from alerts.acknowledgement import acknowledge_alarm
from alerts.channels.aliyun_receipts import InboundReply
from foundation.sealing import marks
from store.named_sql import sql

ReplyResult = Literal["acknowledged", "nothing_open", "not_understood", "unknown_number", "had_before"]

_CLOCKS_DIFFER = timedelta(minutes=2)
"""The carrier's clock and ours: an answer may seem a little older than the message."""


def means_yes(content: str) -> bool:
    """Whether the answer is a 1, however a phone writes it."""
    return content.strip(" \t。.，,!！").replace("１", "1") == "1"


async def take_reply(connection: psycopg.AsyncConnection, reply: InboundReply, now: datetime) -> ReplyResult:
    """Writes the answer down and acknowledges what it is about: the newest open alarm told to that number.

    A carrier repeats its callbacks: the same answer again changes nothing.
    """
    async with connection.transaction():
        cursor = await connection.execute(sql("contacts_with_phone"), (marks(reply.phone),))
        contacts = await cursor.fetchall()
        if not contacts:
            return "unknown_number"
        ids, who = [row[0] for row in contacts], contacts[0]
        name = reply.sequence_id or f"{who[0]}-{reply.at.isoformat()}-{reply.content[:20]}"
        content = reply.content[:200].replace("\0", "?")
        known = (name, who[0], content, reply.at, now, None, "not_understood")
        if await (await connection.execute(sql("insert_reply"), known)).fetchone() is None:
            return "had_before"
        if not means_yes(reply.content):
            return "not_understood"
        found = await (await connection.execute(sql("newest_told_alarm"), (ids, reply.at + _CLOCKS_DIFFER))).fetchone()
        if found is None:
            await connection.execute(sql("note_reply"), (None, "nothing_open", name))
            return "nothing_open"
        await acknowledge_alarm(connection, found[0], by=who[1], how="sms", now=now)
        await connection.execute(sql("note_reply"), (found[0], "acknowledged", name))
        return "acknowledged"
