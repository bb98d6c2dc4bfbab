"""Silence: devices that are not heard any more, villages that are not, and what that means for open alarms."""

from __future__ import annotations

from datetime import datetime

import psycopg

from alerts import telling
from alerts.area_watch import look_at_areas
from alerts.condition import State
from alerts.incidents import RELEASED_AFTER, SilenceIncidents
from alerts.overdue import Overdue
from catalogue.device_types import DEVICE_TYPES
from catalogue.rules import RulePack, SilenceRule
from store.health import HEARTBEAT_VALID
from store.named_sql import sql


class SilenceWatch:
    """Looks after silence with the pack's silence rules. Holds nothing that a restart would not read again."""

    def __init__(self, pack: RulePack) -> None:
        self._pack = pack
        self._rules = {rule.id: rule for rule in pack.rules if isinstance(rule, SilenceRule)}
        self._ids = list(self._rules)
        self._overdue = Overdue()
        self._incidents = SilenceIncidents(self._ids)

    async def look(self, connection: psycopg.AsyncConnection, now: datetime) -> bool:
        """One look at everything, in one transaction. Returns False when nobody listens and so nobody is judged."""
        async with connection.transaction():
            row = await (await connection.execute(sql("hearing_since"), (now - HEARTBEAT_VALID,))).fetchone()
            if row is None or row[0] is None:
                return False
            hearing_since: datetime = row[0]
            silent, unexplained = await self._silent(connection, hearing_since, now)
            await self._incidents.open(connection, unexplained, hearing_since, now)
            # before incidents end: what has been heard again is not told as silent when they release it
            await self._clear(connection, now)
            for one in await self._incidents.end(connection, now):
                rule = self._rules.get(one.rule)
                if rule is not None and rule.tell:
                    state = _silent_since(one.raised_at)
                    await telling.raised(connection, one.alarm_id, one.device_id, rule, state, now)
            await look_at_areas(connection, now)
            if silent:
                for rule in self._rules.values():
                    await self._raise(connection, rule, silent, hearing_since, now)
            await connection.execute(
                sql("mark_stale"), {"silence_rules": self._ids, "hearing_since": hearing_since, "now": now}
            )
        return True

    async def _silent(
        self, connection: psycopg.AsyncConnection, hearing_since: datetime, now: datetime
    ) -> tuple[list[int], list[int]]:
        """The devices that have been silent for too long; and those of them that nothing explains yet."""
        row = await (await connection.execute(sql("count_ever_heard"))).fetchone()
        ever_heard = row[0] if row else 0
        if self._overdue.sweep_is_due(ever_heard, now):
            cursor = await connection.execute(sql("heard_of_all"))
            self._overdue.sweep(await cursor.fetchall(), ever_heard, now)
        due = self._overdue.due(hearing_since, now)
        if not due:
            return [], []
        places = {"devices": f"{{{str(due)[1:-1]}}}", "silence_rules": self._ids}  # as text: it may be a whole city
        cursor = await connection.execute(sql("heard_of_some"), places)
        return self._overdue.heard(await cursor.fetchall(), hearing_since, now)

    async def _raise(
        self,
        connection: psycopg.AsyncConnection,
        rule: SilenceRule,
        silent: list[int],
        hearing_since: datetime,
        now: datetime,
    ) -> None:
        cursor = await connection.execute(
            sql("newly_silent"),
            {
                "devices": silent,
                "explained_since": now - RELEASED_AFTER,
                "types": [kind.name for kind in DEVICE_TYPES if rule.concerns(kind.name)],
                "hearing_since": hearing_since,
                "now": now,
                "intervals": rule.intervals,
                "at_least_s": rule.at_least_s,
                "rule": rule.id,
            },
        )
        for device_id, heard_at, incident_id in await cursor.fetchall():
            suppression = "none" if incident_id is None else "inhibited"
            row = await (
                await connection.execute(
                    sql("raise_silence"),
                    (
                        device_id, rule.id, self._pack.label, rule.priority, rule.latching, now, heard_at, heard_at,
                        now, suppression, incident_id, rule.stands_at,
                    ),
                )
            ).fetchone()  # fmt: skip
            if row is not None and rule.tell and incident_id is None:
                await telling.raised(connection, row[0], device_id, rule, _silent_since(heard_at), now)

    async def _clear(self, connection: psycopg.AsyncConnection, now: datetime) -> None:
        cursor = await connection.execute(sql("heard_again"), (self._ids,))
        for alarm_id, device_id, rule_id, heard_at, suppression in await cursor.fetchall():
            await connection.execute(sql("clear_silence"), {"alarm": alarm_id, "heard_at": heard_at, "now": now})
            rule = self._rules[rule_id]
            if rule.tell and suppression != "inhibited":
                state = State("normal", heard_at, heard_at, 0, 0, cleared_at=heard_at)
                await telling.cleared(connection, alarm_id, device_id, rule, state, now)


def _silent_since(heard_at: datetime) -> State:
    """What a message about a silence needs to know."""
    return State("active", heard_at, heard_at, 0, 0, raised_at=heard_at)
