"""The database is back: what was told without it is written into it, and what it tells of again is not sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import psycopg
import structlog

from alerts.channels.channel import Channel, Outcome, Refused
from alerts.delivery import FIRST_RECEIPT_CHECK, FIRST_RETRY_S
from alerts.policy.verdict import Covered, End, Wait
from alerts.standby.coverage import Coverage, Told, covering
from alerts.standby.journal import Journal
from catalogue.rules import RulePack
from store.named_sql import sql

log = structlog.get_logger()

LOOK_AGAIN: Final = timedelta(seconds=FIRST_RETRY_S)
"""After so long a message is looked at again that the standby is just telling."""
COURIER_TOLD_FOR: Final = timedelta(minutes=10)
"""How long what the courier has told is no news for the standby; by then its copy of the open alarms knows."""

About = tuple[int, str, int]
"""Device, rule, contact."""


@dataclass(frozen=True, slots=True)
class Untold:
    """Nobody has told this message yet, as of `looked_at`. `about` None: the standby would not tell such a one."""

    about: About | None
    looked_at: datetime


class Reconciliation:
    """Between the journal, if this process has one, and the database."""

    def __init__(self, pack: RulePack, channel: Channel | None, journal: Journal | None = None) -> None:
        self._rules = [rule.id for rule in pack.life_safety]
        self._channel = channel.name if channel is not None else ""
        self._journal = journal
        self._handing_over = asyncio.Lock()
        self._foreign = False
        self._courier_told: dict[About, datetime] = {}

    async def hand_over(self, connection: psycopg.AsyncConnection, now: datetime) -> int:
        """Writes what was told into the database; returns how many. No courier of ours sends anything before that."""
        if self._journal is None or not self._journal.unrecorded():
            return 0
        async with self._handing_over:
            # what was read before began a transaction, and ours must have ended before the journal says so
            await connection.commit()
            async with connection.transaction():
                row = await (await connection.execute(sql("deployment_mark"))).fetchone()
                letters = [one for one in self._journal.unrecorded() if row and one.key.startswith(f"{row[0]}-")]
                for letter in letters:
                    await connection.execute(
                        sql("record_told"),
                        (
                            letter.key, letter.device_id, letter.rule, letter.contact_id, letter.measured_at,
                            letter.told_at or now, now, self._channel, letter.carrier_id, letter.body,
                        ),
                    )  # fmt: skip
            if not letters:
                self._say_foreign()
                return 0
            await self._journal.record(letters=[letter.in_the_database() for letter in letters])
        log.warning("told_without_database_recorded", messages=len(letters))
        return len(letters)

    async def covered(
        self, connection: psycopg.AsyncConnection, notifications: Sequence[int], now: datetime
    ) -> dict[int, Covered | Untold | Wait | End]:
        """What becomes of messages that the courier is about to send."""
        await self.hand_over(connection, now)
        found: dict[int, Covered | Untold | Wait | End] = {one: Untold(None, now) for one in notifications}
        cursor = await connection.execute(sql("about_to_tell"), (list(notifications), self._rules))
        rows = await cursor.fetchall()
        told = await self._told_about(connection, [(row[2], row[3], row[4]) for row in rows])
        for notification, alarm_id, device_id, rule, contact_id, raised_at in rows:
            about = device_id, rule, contact_id
            covers = covering(told.get(about, []), alarm_id, raised_at)
            found[notification] = await self._covered(connection, notification, about, covers, now)
        return found

    @staticmethod
    async def _told_about(connection: psycopg.AsyncConnection, abouts: Sequence[About]) -> dict[About, list[Told]]:
        if not abouts:
            return {}
        columns = [list(column) for column in zip(*abouts, strict=True)]
        told: dict[About, list[Told]] = {}
        for device_id, rule, contact_id, *one in await (
            await connection.execute(sql("told_about"), columns)
        ).fetchall():
            told.setdefault((device_id, rule, contact_id), []).append(Told(*one))
        return told

    async def _covered(
        self,
        connection: psycopg.AsyncConnection,
        notification: int,
        about: About,
        coverage: Coverage,
        now: datetime,
    ) -> Covered | Untold | Wait | End:
        if self._journal is not None and self._journal.under_way(about):
            return Wait(now + LOOK_AGAIN, "being_told_without_database")
        if coverage.told is None:
            return Untold(about, now)
        log.info("told_already", id=notification, reason=coverage.reason, key=coverage.told.key)
        if coverage.reason == "part_of_what_was_told":
            return End("superseded", "told_without_database")
        places = {"id": notification, "key": coverage.told.key, "check_at": now + FIRST_RECEIPT_CHECK}
        cursor = await connection.execute(sql("note_told_without_database"), places)
        return Covered() if cursor.rowcount else Wait(now + LOOK_AGAIN, "counted_for_another_alarm")

    def begin(self, untold: Untold, now: datetime) -> Wait | None:
        """Directly before the courier hands it over: the database may have been away since the question."""
        if untold.about is None:
            return None
        if self._journal is not None and self._journal.told_since(untold.about, untold.looked_at):
            return Wait(now + LOOK_AGAIN, "told_without_database_meanwhile")
        self._courier_told[untold.about] = now
        return None

    def ended(self, untold: Untold, outcome: Outcome) -> None:
        """How the carrier answered the courier."""
        if untold.about is not None and isinstance(outcome, Refused):
            self._courier_told.pop(untold.about, None)

    def told_by_courier(self, about: About, now: datetime) -> bool:
        """Whether the courier of this process has just told it, or is telling it now."""
        at = self._courier_told.get(about)
        if at is not None and now - at > COURIER_TOLD_FOR:
            del self._courier_told[about]
            at = None
        return at is not None

    def _say_foreign(self) -> None:
        if not self._foreign:
            self._foreign = True
            log.error(
                "told_for_another_database",
                do="NUANSHAO_STANDBY_DIR holds what was told for another database: give each its own folder",
            )
