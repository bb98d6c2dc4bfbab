"""Looks every 2 s what suppresses the open alarms: sets it, ends it, and tells then what is still so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import psycopg
import structlog

from alerts import messages, outbox, telling
from alerts.alarm_rows import ALARM_COLUMNS, state_of
from alerts.flapping import COUNTS_FOR
from alerts.suppression import Verdict, after_suppression, judge
from catalogue.rules import RulePack, SilenceRule
from store.named_sql import sql

log = structlog.get_logger()


@dataclass(slots=True)
class Looked:
    """What one look has done."""

    withheld: int = 0
    """Messages that are held back now."""
    outcomes: list[str] = field(default_factory=list)
    """What became of those that were held back until now (alerts/suppression.py)."""


class SuppressionWatch:
    """Shelves, maintenance, vacant homes, devices out of service, flapping. Holds nothing that a restart would need."""

    def __init__(self, pack: RulePack, ended: Callable[[str], None] = lambda _: None) -> None:
        self._rules = pack.by_id
        self._silence = [rule.id for rule in pack.rules if isinstance(rule, SilenceRule)]
        self._life_safety = [rule.id for rule in pack.rules if rule.life_safety]
        self._covered = [rule.id for rule in pack.rules if rule.covered_by]
        self._ended = ended

    async def look(self, connection: psycopg.AsyncConnection, now: datetime) -> Looked:
        """One look, in one transaction. Any number may look at once: what one has in hand the other leaves alone."""
        looked = Looked()
        async with connection.transaction():
            await connection.execute(sql("end_shelvings"), {"now": now})
            await connection.execute(sql("calm_flaps"), (now,))
            await connection.execute(sql("forget_flaps"), (now - COUNTS_FOR,))
            left = {"silence_rules": self._silence, "life_safety": self._life_safety, "now": now}
            ended = await connection.execute(sql("end_alarms_out_of_service"), left)
            if ended.rowcount:
                log.info("alarms_ended_out_of_service", alarms=ended.rowcount)
            cursor = await connection.execute(sql("suppression_candidates"), {"now": now, "covered": self._covered})
            free = await self._bring_up_to_date(connection, [row[0] for row in await cursor.fetchall()], now)
            looked.outcomes += await self._end_withheld(connection, free, now)
            looked.outcomes += await self._end_withheld_incidents(connection, now)
            row = await (await connection.execute(sql("count_withheld"))).fetchone()
            looked.withheld = row[0] if row else 0
        for outcome in looked.outcomes:
            self._ended(outcome)
        return looked

    async def _bring_up_to_date(
        self, connection: psycopg.AsyncConnection, alarms: Sequence[int], now: datetime
    ) -> list[int]:
        """Writes each alarm's suppression where it has changed. Returns the alarms that nothing suppresses."""
        changes: dict[int, tuple[telling.Standing, Verdict]] = {}
        free: list[int] = []
        for standing in await telling.standings(connection, alarms, now):
            rule = self._rules.get(standing.rule)
            if rule is None or standing.verdict.suppression == "inhibited":
                continue  # no rule of ours; or an incident's, which ends that itself
            verdict = judge(rule, standing.facts)
            if verdict.told:
                free.append(standing.alarm_id)
            if verdict != standing.verdict and not standing.closed:
                changes[standing.alarm_id] = standing, verdict
        cursor = await connection.execute(sql("lock_alarms"), (sorted(changes),))
        locked = [row[0] for row in await cursor.fetchall()]
        await telling.set_suppression(connection, {alarm_id: changes[alarm_id][1] for alarm_id in locked})
        held_back: dict[int, str] = {}
        for alarm_id in locked:
            standing, verdict = changes[alarm_id]
            rule = self._rules[standing.rule]
            if verdict.told or not rule.tell:
                continue
            if standing.verdict.told:
                held_back[alarm_id] = verdict.reason
            if verdict.reason == "flapping":
                await telling.tell_flapping(connection, alarm_id, standing.device_id, rule, now)
        places = {"alarms": list(held_back), "reasons": list(held_back.values()), "now": now}
        await connection.execute(sql("withhold_active"), places)
        unlocked = changes.keys() - set(locked)
        return [alarm_id for alarm_id in free if alarm_id not in unlocked]

    async def _end_withheld(
        self, connection: psycopg.AsyncConnection, alarms: Sequence[int], now: datetime
    ) -> list[str]:
        """What was held back about alarms that nothing suppresses any more: told if it is still so."""
        outcomes: list[str] = []
        cursor = await connection.execute(sql("withheld_of", columns=ALARM_COLUMNS), (list(alarms),))
        for withheld_id, kind, priority, raised_again, *row in await cursor.fetchall():
            alarm_id, device_id, rule, state = row[0], row[1], self._rules[row[2]], state_of(row)
            outcome = after_suppression(
                kind, condition=state.condition, closed=state.closed_at is not None, acknowledged=state.acknowledged,
                priority=priority, raised_again=raised_again,
            )  # fmt: skip
            await connection.execute(sql("end_withheld"), (now, outcome, withheld_id))
            if outcome == "told" and kind == "raised":
                # not the message of the time before, which may have been sent or superseded
                again = f"-again-{withheld_id}"
                await outbox.tell_raised(connection, alarm_id, device_id, rule, state, now, again=again)
            elif outcome == "told":
                await outbox.tell_cleared(connection, alarm_id, device_id, rule, state, now)
            outcomes.append(outcome)
            log.info("suppression_over", alarm=alarm_id, message=kind, outcome=outcome)
        return outcomes

    @staticmethod
    async def _end_withheld_incidents(connection: psycopg.AsyncConnection, now: datetime) -> list[str]:
        outcomes: list[str] = []
        cursor = await connection.execute(sql("withheld_incidents"))
        for withheld_id, incident_id, region_id, params, over in await cursor.fetchall():
            if not over and await telling.in_maintenance(connection, region_id, now):
                continue
            outcome = "over_before_it_was_told" if over else "told"
            await connection.execute(sql("end_withheld"), (now, outcome, withheld_id))
            if not over:
                await outbox.tell_incident(
                    connection, incident_id, region_id, "incident", messages.say_kept(params), now
                )
            outcomes.append(outcome)
        return outcomes
