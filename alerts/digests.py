"""What is held back for a reader becomes one message: over budget, many at once, or in the quiet hours.

A cap collapses, it never drops (DESIGN §5.8): each message that was held ends with the digest that told it, or with the
reason why it is not true any more. One transaction a reader and way.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Final

import psycopg
import structlog

from alerts import messages, outbox
from alerts.channels.channel import Way
from alerts.policy.facts import causes_of
from alerts.policy.stages import Policy, judge
from alerts.policy.verdict import End
from catalogue.rules import RulePack
from foundation.settings import settings
from store.named_sql import sql

log = structlog.get_logger()

READERS_AT_ONCE: Final = 200
_UNHELD: Final = Policy()


class Digests:
    """Makes digests for the rules of one pack. Any number may run beside each other."""

    def __init__(self, pack: RulePack) -> None:
        self._pack = pack

    async def look(self, connection: psycopg.AsyncConnection, now: datetime) -> int:
        """Collects what is due. Returns how many digests were written."""
        written = 0
        cursor = await connection.execute(sql("held_readers"), {"now": now, "most": READERS_AT_ONCE})
        for contact_id, way in await cursor.fetchall():
            async with connection.transaction():
                written += await self._collect(connection, contact_id, way, now)
        return written

    async def _collect(self, connection: psycopg.AsyncConnection, contact_id: int, way: Way, now: datetime) -> bool:
        cursor = await connection.execute(sql("lock_held"), {"contact": contact_id, "way": way})
        ids = [row[0] for row in await cursor.fetchall()]
        still = await self._drop_untrue(connection, ids, now)
        if not still:
            return False
        cursor = await connection.execute(sql("held_messages"), {"ids": still})
        held = await cursor.fetchall()
        language = held[-1][6]
        if len(held) == 1:
            params = held[0][5]
        else:
            counts = Counter(what for _, what, *_ in held)
            villages = len({region for _, _, _, region, *_ in held if region is not None})
            since = min(row[4] for row in held)
            params = messages.digest(
                counts, villages, since, language, zone=settings().timezone, rules=self._pack.by_id
            )
        key = f"digest-{contact_id}-{way}-{still[0]}-{still[-1]}"
        await connection.execute(
            sql("insert_notification"),
            {
                "alarm": None, "incident": None, "kind": "digest", "contact": contact_id, "way": way,
                "template": "routine", **outbox.worded(way, "routine", language, params), "step": 0, "round": 0,
                "code": None, "key": key, "now": now,
            },
        )  # fmt: skip
        row = await (await connection.execute(sql("notification_with_key"), {"key": key})).fetchone()
        assert row is not None  # noqa: S101 (it was written just now)
        await connection.execute(sql("told_in_digest"), {"ids": still, "now": now, "digest": row[0]})
        log.info("digest", messages=len(still), way=way)
        return True

    async def _drop_untrue(self, connection: psycopg.AsyncConnection, ids: list[int], now: datetime) -> list[int]:
        """Ends what is not true or no news any more. Returns what is."""
        causes = await causes_of(connection, ids, self._pack, now)
        verdicts = {number: judge(causes[number], _UNHELD, now) for number in ids}
        ends = {number: verdict for number, verdict in verdicts.items() if isinstance(verdict, End)}
        if ends:
            columns = {
                "id": list(ends),
                "state": [end.state for end in ends.values()],
                "reason": [end.reason for end in ends.values()],
            }
            await connection.execute(sql("note_end"), {**columns, "now": now})
        return [number for number in ids if number not in ends]
