"""The door to the outbox: tells, or holds back and writes down what was not told and why.

In the transaction of what is told. What endangers lives goes through without a look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.types.json import Jsonb

from alerts import messages, outbox
from alerts.condition import State
from alerts.flapping import Flap, changed
from alerts.suppression import TOLD, Facts, Verdict, judge
from catalogue.rules import Rule
from store.named_sql import sql


@dataclass(frozen=True, slots=True)
class Standing:
    """An alarm's suppression as its row says it, and what may suppress it."""

    alarm_id: int
    device_id: int
    rule: str
    closed: bool
    withheld: bool
    """Whether a message about it is held back."""
    verdict: Verdict
    facts: Facts


async def standings(connection: psycopg.AsyncConnection, alarms: Sequence[int], now: datetime) -> list[Standing]:
    """How these alarms stand."""
    cursor = await connection.execute(sql("suppression_facts"), {"alarms": list(alarms), "now": now})
    found = []
    for alarm_id, device_id, rule, closed, withheld, suppression, reason, until, *facts in await cursor.fetchall():
        facts[-1] = tuple(facts[-1])  # the rules that go on
        verdict = Verdict(suppression, reason, until)
        found.append(Standing(alarm_id, device_id, rule, closed, withheld, verdict, Facts(*facts)))
    return found


async def raised(
    connection: psycopg.AsyncConnection, alarm_id: int, device_id: int, rule: Rule, state: State, now: datetime
) -> int:
    """Tells that an alarm was raised, or holds it back. Returns how many messages that makes."""
    if rule.life_safety:
        return await outbox.tell_raised(connection, alarm_id, device_id, rule, state, now)
    await _note_change(connection, device_id, rule, state.raised_at or state.since, now)
    standing = await _standing(connection, alarm_id, now)
    verdict = judge(rule, standing.facts)
    if standing.withheld:
        await _end_withheld(connection, alarm_id, "cleared", "raised_again", now)
    if standing.verdict != verdict:
        await set_suppression(connection, {alarm_id: verdict})
    if verdict.told:
        if standing.withheld:
            await _end_withheld(connection, alarm_id, "raised", "told", now)
        return await outbox.tell_raised(connection, alarm_id, device_id, rule, state, now)
    await connection.execute(sql("withhold"), (alarm_id, "raised", verdict.reason, now))
    if verdict.reason == "flapping":
        await tell_flapping(connection, alarm_id, device_id, rule, now)
    return 0


async def cleared(
    connection: psycopg.AsyncConnection, alarm_id: int, device_id: int, rule: Rule, state: State, now: datetime
) -> None:
    """Tells that an alarm is over to those who know of it, or holds it back."""
    if rule.life_safety:
        await outbox.tell_cleared(connection, alarm_id, device_id, rule, state, now)
        return
    await _note_change(connection, device_id, rule, state.cleared_at or now, now)
    standing = await _standing(connection, alarm_id, now)
    verdict = judge(rule, standing.facts)
    if standing.withheld:
        await _end_withheld(connection, alarm_id, "raised", "over_before_it_was_told", now)
    if verdict.told:
        await outbox.tell_cleared(connection, alarm_id, device_id, rule, state, now)
    else:
        places = {"alarm": alarm_id, "reason": verdict.reason, "now": now}
        await connection.execute(sql("withhold_cleared"), places)


async def incident(
    connection: psycopg.AsyncConnection,
    incident_id: int,
    region_id: int,
    say: messages.Say,
    now: datetime,
) -> None:
    """Tells of an incident; not while work on all of its region was announced."""
    if await in_maintenance(connection, region_id, now):
        await connection.execute(sql("withhold_incident"), (incident_id, Jsonb(messages.kept(say)), now))
    else:
        await outbox.tell_incident(connection, incident_id, region_id, "incident", say, now)


async def in_maintenance(connection: psycopg.AsyncConnection, region_id: int, now: datetime) -> bool:
    """Whether work on all of this region was announced for now."""
    cursor = await connection.execute(sql("maintenance_of_region"), {"region": region_id, "now": now})
    return await cursor.fetchone() is not None


async def set_suppression(connection: psycopg.AsyncConnection, verdicts: Mapping[int, Verdict]) -> None:
    """Writes the suppression of these alarms."""
    some = list(verdicts.values())
    columns = (
        list(verdicts), [one.suppression for one in some], [one.reason for one in some], [one.until for one in some],
        [one.incident for one in some],
    )  # fmt: skip
    await connection.execute(sql("set_suppression"), columns)


async def tell_flapping(
    connection: psycopg.AsyncConnection, alarm_id: int, device_id: int, rule: Rule, now: datetime
) -> None:
    """Says once that an alarm comes and goes."""
    row = await (await connection.execute(sql("note_flap_told"), (device_id, rule.id))).fetchone()
    if row is not None:
        await outbox.tell_flapping(connection, alarm_id, device_id, rule, row[0], now)


async def _standing(connection: psycopg.AsyncConnection, alarm_id: int, now: datetime) -> Standing:
    """How one alarm stands; most of them without a long look."""
    cursor = await connection.execute(sql("may_be_suppressed"), {"alarm": alarm_id, "now": now})
    row = await cursor.fetchone()
    if row is not None and row[0]:
        (found,) = await standings(connection, [alarm_id], now)
        return found
    return Standing(alarm_id, 0, "", closed=False, withheld=False, verdict=TOLD, facts=Facts())


async def _end_withheld(
    connection: psycopg.AsyncConnection, alarm_id: int, kind: str, outcome: str, now: datetime
) -> None:
    places = {"alarm": alarm_id, "kind": kind, "outcome": outcome, "now": now}
    await connection.execute(sql("end_withheld_of"), places)


async def _note_change(
    connection: psycopg.AsyncConnection, device_id: int, rule: Rule, at: datetime, now: datetime
) -> None:
    row = await (await connection.execute(sql("flap_of"), (device_id, rule.id))).fetchone()
    before = Flap(tuple(row[0]), row[1], None, told=row[2]) if row else Flap()
    flap = changed(before, at, now)
    columns = (device_id, rule.id, list(flap.changes), flap.since, flap.calm_at, flap.told)
    await connection.execute(sql("keep_flap"), columns)
