"""Silence: devices that are not heard any more, villages that are not, and what that means for open alarms."""

from __future__ import annotations

from datetime import datetime

import psycopg
import structlog

from alerts import message, outbox, telling
from alerts.blackout import Heard, is_over, judge_village
from alerts.condition import State
from catalogue.device_types import DEVICE_TYPES
from catalogue.rules import RulePack, SilenceRule
from foundation.settings import settings
from store.health import HEARTBEAT_VALID
from store.named_sql import sql

log = structlog.get_logger()


class SilenceWatch:
    """Looks after silence with the pack's silence rules. Holds nothing that a restart would need."""

    def __init__(self, pack: RulePack) -> None:
        self._pack = pack
        self._rules = {rule.id: rule for rule in pack.rules if isinstance(rule, SilenceRule)}
        self._ids = list(self._rules)

    async def look(self, connection: psycopg.AsyncConnection, now: datetime) -> bool:
        """One look at everything, in one transaction. Returns False when nobody listens and so nobody is judged."""
        async with connection.transaction():
            row = await (await connection.execute(sql("hearing_since"), (now - HEARTBEAT_VALID,))).fetchone()
            if row is None or row[0] is None:
                return False
            hearing_since: datetime = row[0]
            await self._open_incidents(connection, hearing_since, now)
            # before incidents end: what has been heard again is not told as silent when they release it
            await self._clear(connection, now)
            await self._end_incidents(connection, now)
            for rule in self._rules.values():
                await self._raise(connection, rule, hearing_since, now)
            await connection.execute(
                sql("mark_stale"), {"silence_rules": self._ids, "hearing_since": hearing_since, "now": now}
            )
        return True

    async def _open_incidents(
        self, connection: psycopg.AsyncConnection, hearing_since: datetime, now: datetime
    ) -> None:
        times = {"hearing_since": hearing_since, "now": now, "silence_rules": self._ids}
        cursor = await connection.execute(sql("villages_with_silence"), times)
        # a drill's devices are a village of their own: what is real and what is not never count together
        villages: dict[tuple[int, int | None], str] = {
            (region_id, drill_id): name for region_id, drill_id, name in await cursor.fetchall()
        }
        if not villages:
            return
        heard: dict[tuple[int, int | None], list[Heard]] = {village: [] for village in villages}
        regions = list({region_id for region_id, _ in villages})
        cursor = await connection.execute(sql("heard_in_villages"), {**times, "regions": regions})
        for region_id, drill_id, *device in await cursor.fetchall():
            if (region_id, drill_id) in heard:
                heard[region_id, drill_id].append(Heard(*device))
        for (region_id, drill_id), village in villages.items():
            verdict = judge_village(heard[region_id, drill_id], now)
            if verdict.reason != "village_silent" or verdict.began_at is None:
                continue
            row = await (
                await connection.execute(
                    sql("open_incident"),
                    (region_id, drill_id, verdict.began_at, now, verdict.homes, verdict.of_homes),
                )
            ).fetchone()
            if row is None:
                continue  # another process was quicker
            devices = list(verdict.devices)
            await connection.execute(sql("add_incident_devices"), (row[0], devices))
            await connection.execute(
                sql("inhibit_silence"), {"incident": row[0], "silence_rules": self._ids, "devices": devices}
            )
            params = message.village_silent(
                village,
                verdict.homes,
                verdict.of_homes,
                verdict.began_at,
                zone=settings().timezone,
                drill=drill_id is not None,
            )
            await telling.incident(connection, row[0], region_id, params, now)
            log.warning(
                "village_silent", village=village, homes=verdict.homes, of_homes=verdict.of_homes, drill=drill_id
            )

    async def _end_incidents(self, connection: psycopg.AsyncConnection, now: datetime) -> None:
        cursor = await connection.execute(sql("incidents_under_way"))
        for incident_id, region_id, village, drill, homes, back_before, back_at, back in await cursor.fetchall():
            changed_at = back_at if back == back_before else now
            if back != back_before:
                await connection.execute(sql("note_homes_back"), (back, now, incident_id))
            if not is_over(homes, back, changed_at, now):
                continue
            ended = await (await connection.execute(sql("end_incident"), (now, incident_id))).fetchone()
            if ended is None:
                continue
            params = message.village_back(village, back, homes, now, zone=settings().timezone, drill=drill)
            await outbox.tell_incident(connection, incident_id, region_id, "recovery", params, now)
            log.warning("village_back", village=village, homes=back, of_homes=homes, drill=drill)
            released = await connection.execute(sql("release_inhibited"), (incident_id,))
            for alarm_id, device_id, rule_id, raised_at in await released.fetchall():
                rule = self._rules.get(rule_id)
                if rule is not None and rule.tell:
                    state = _silent_since(raised_at)
                    await telling.raised(connection, alarm_id, device_id, rule, state, now)

    async def _raise(
        self, connection: psycopg.AsyncConnection, rule: SilenceRule, hearing_since: datetime, now: datetime
    ) -> None:
        cursor = await connection.execute(
            sql("newly_silent"),
            {
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
                        now, suppression, incident_id,
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
