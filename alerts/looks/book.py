"""Verdicts into the table `alarm` and the outbox, in the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg

from alerts import telling
from alerts.condition import State
from alerts.looks.verdict import Verdict
from catalogue.rules import LookRule
from store.named_sql import sql


@dataclass(frozen=True, slots=True)
class Open:
    """An open alarm of a rule on a device."""

    alarm_id: int
    active: bool
    acknowledged: bool


class Book:
    """The alarms of one rule, as they were when it was opened."""

    def __init__(self, rule: LookRule, pack: str, held: dict[int, Open], now: datetime) -> None:
        self.rule = rule
        self.held = held
        self._pack = pack
        self._now = now

    @classmethod
    async def open(cls, connection: psycopg.AsyncConnection, rule: LookRule, pack: str, now: datetime) -> Book:
        """Reads which alarms of the rule are open."""
        cursor = await connection.execute(sql("open_look_alarms"), (rule.id,))
        held = {
            device_id: Open(alarm_id, condition == "active", acknowledged)
            for device_id, alarm_id, condition, acknowledged in await cursor.fetchall()
        }
        return cls(rule, pack, held, now)

    async def enter(
        self,
        connection: psycopg.AsyncConnection,
        verdicts: dict[int, Verdict],
        *,
        stale: bool = False,
        incidents: dict[int, int] | None = None,
        quiet: frozenset[int] = frozenset(),
    ) -> int:
        """Writes verdicts by device. Returns how many alarms were raised.

        `incidents`: the incident that a device belongs to; its alarm is kept back by it where the device is in `quiet`.
        """
        raised = 0
        going_on: list[tuple[int, float]] = []
        for device_id, verdict in verdicts.items():
            open_one = self.held.get(device_id)
            if verdict.do == "raise" and (open_one is None or not open_one.active):
                incident = (incidents or {}).get(device_id)
                raised += await self._raise(connection, device_id, verdict, stale, incident, device_id in quiet)
            elif verdict.do == "raise" and open_one is not None:
                going_on.append((open_one.alarm_id, verdict.value))
            elif verdict.do == "clear" and open_one is not None and open_one.active:
                await self.clear(connection, device_id, verdict)
        if going_on:
            await connection.execute(
                sql("keep_look"),
                {
                    "alarms": [alarm for alarm, _ in going_on], "values": [value for _, value in going_on],
                    "now": self._now, "stale": stale,
                },
            )  # fmt: skip
        return raised

    async def clear(self, connection: psycopg.AsyncConnection, device_id: int, verdict: Verdict) -> None:
        """Normal again; those who were told hear it."""
        alarm_id = self.held[device_id].alarm_id
        cursor = await connection.execute(
            sql("clear_look"), {"alarm": alarm_id, "reason": verdict.reason, "now": self._now}
        )
        row = await cursor.fetchone()
        if row is not None and self.rule.tell and row[1] != "inhibited":
            state = State("normal", self._now, self._now, verdict.value, verdict.value, cleared_at=self._now)
            await telling.cleared(connection, alarm_id, device_id, self.rule, state, self._now)

    async def tell(
        self, connection: psycopg.AsyncConnection, alarm_id: int, device_id: int, since: datetime, value: float
    ) -> None:
        """Tells of an alarm that goes on."""
        state = State("active", since, self._now, value, value, raised_at=self._now)
        await telling.raised(connection, alarm_id, device_id, self.rule, state, self._now)

    async def _raise(
        self,
        connection: psycopg.AsyncConnection,
        device_id: int,
        verdict: Verdict,
        stale: bool,  # noqa: FBT001 (this class's own)
        incident: int | None,
        quiet: bool,  # noqa: FBT001 (the same)
    ) -> int:
        inhibited = incident is not None and quiet
        since = verdict.since or self._now
        rule = self.rule
        cursor = await connection.execute(
            sql("raise_look"),
            {
                "device": device_id, "rule": rule.id, "pack": self._pack, "priority": rule.priority,
                "latching": rule.latching, "reason": verdict.reason, "now": self._now, "since": since,
                "value": verdict.value, "suppression": "inhibited" if inhibited else "none", "incident": incident,
                "stale": stale, "stands_at": rule.stands_at,
            },
        )  # fmt: skip
        row = await cursor.fetchone()
        if row is None:
            return 0  # another process was quicker
        if rule.tell and not inhibited:
            await self.tell(connection, row[0], device_id, since, verdict.value)
        return 1
