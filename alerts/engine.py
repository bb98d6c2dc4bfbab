"""The alarm engine: the readings of a batch against the rule pack, inside the transaction that stores them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import psycopg

from alerts import telling
from alerts.alarm_rows import ALARM_COLUMNS, state_of
from alerts.condition import Decision, State, judge_deadline, tell_late
from alerts.hindsight import late_episode, lived_again, span_of
from alerts.judgement import Judgement, Observed, ObservedBlock, ObservedEvent, StateOf
from alerts.past import past_of
from alerts.rereading import Reread, late_exposures, out_of_order
from catalogue.rules import Rule, RulePack
from catalogue.wire import CLOCK_AHEAD_S
from foundation.settings import settings
from store.named_sql import sql

_AHEAD: Final = timedelta(seconds=CLOCK_AHEAD_S)


@dataclass(slots=True)
class _Held:
    """An alarm under judgement: its row, if it has one, and what became of it in this batch."""

    alarm_id: int | None
    state: State | None


class Engine:
    """A rule pack, compiled for the types that it concerns. Holds nothing that a restart would need."""

    def __init__(self, pack: RulePack) -> None:
        self.pack = pack
        self.judgement = Judgement(pack.rules, settings().timezone)

    async def evaluate(
        self,
        connection: psycopg.AsyncConnection,
        readings: Sequence[Observed],
        events: Sequence[ObservedEvent],
        now: datetime,
        blocks: Sequence[ObservedBlock] = (),
    ) -> int:
        """Judges what has just been stored and writes alarms and messages. Returns how many alarms were raised."""
        involved = {reading.device.id for reading in readings if self.judgement.suspect(reading)}
        involved |= {event.device.id for event in events}
        everyone = [reading.device.id for reading in readings]
        for block in blocks:
            involved.update(block.device_ids[self.judgement.suspects(block)].tolist())
            everyone += block.device_ids.tolist()
        if everyone:
            # as text: a parameter for each of some thousand numbers costs more than the question
            cursor = await connection.execute(sql("devices_with_open_alarm"), (f"{{{str(everyone)[1:-1]}}}",))
            involved |= {row[0] for row in await cursor.fetchall()}
        if not involved:
            return 0
        looked_at = [reading for reading in readings if reading.device.id in involved]
        for block in blocks:
            concerned = np.isin(block.device_ids, list(involved))
            looked_at += [block.reading(row) for row in np.flatnonzero(concerned).tolist()]
        ids = sorted(involved)
        await connection.execute(sql("lock_devices"), (ids,))
        held = await self._load(connection, "open_alarms_of", (ids,))
        return await self._judge(connection, held, looked_at, events, now)

    async def _judge(
        self,
        connection: psycopg.AsyncConnection,
        held: dict[tuple[int, str], _Held],
        readings: Sequence[Observed],
        events: Sequence[ObservedEvent],
        now: datetime,
    ) -> int:
        """Everything in the order of its time, but for what came out of order or late: that with what is stored."""
        held_state = _states_in(held)
        judgement = self.judgement
        past = await past_of(connection, judgement, readings, events)
        again = await out_of_order(connection, judgement, readings, held_state, now + _AHEAD)
        apart = {one.key for one in again}
        verdicts: list[tuple[Observed | ObservedEvent, Iterator[tuple[Rule, Decision]]]] = [
            (reading, judgement.of_reading(reading, held_state, past)) for reading in readings
        ]
        verdicts += [(event, judgement.of_event(event, held_state, past)) for event in events]
        raised = 0
        for seen, decisions in sorted(verdicts, key=lambda verdict: verdict[0].judged_ms):
            for rule, decision in decisions:
                if seen.late:
                    raised += await self._tell_late(connection, held, seen.device.id, rule, decision, now)
                elif (seen.device.id, rule.id) not in apart:
                    raised += await self._apply(connection, held, seen.device.id, rule, decision, now)
        return raised + await self._look_back(connection, held, readings, again, now)

    async def _look_back(
        self,
        connection: psycopg.AsyncConnection,
        held: dict[tuple[int, str], _Held],
        readings: Sequence[Observed],
        again: Sequence[Reread],
        now: datetime,
    ) -> int:
        """What stored readings say now of what came out of order, and of what came late."""
        held_state = _states_in(held)
        raised = 0
        for one in again:
            up_until = await self._up_until(connection, *one.key, one.first, one.first)
            for decision in lived_again(one.rule, held_state(*one.key), one.series, one.device.interval_s, up_until):
                raised += await self._apply(connection, held, one.device.id, one.rule, decision, now)
        for one in await late_exposures(connection, self.judgement, readings, held_state):
            told = late_episode(one.rule, one.series, one.device.interval_s, one.first, one.last)
            if told is not None:
                decision = tell_late(held_state(*one.key), told)
                raised += await self._tell_late(connection, held, one.device.id, one.rule, decision, now, told.since)
        return raised

    async def fire_deadlines(self, connection: psycopg.AsyncConnection, now: datetime) -> int:
        """Raises what has been pending until its deadline. Call inside a transaction. Returns how many."""
        held = await self._load(connection, "due_alarms", (now, list(self.pack.by_id)))
        raised = 0
        for (device_id, rule_id), alarm in list(held.items()):
            rule = self.pack.by_id[rule_id]
            if alarm.state is None:
                continue
            raised += await self._apply(connection, held, device_id, rule, judge_deadline(rule, alarm.state, now), now)
        return raised

    async def _load(
        self, connection: psycopg.AsyncConnection, block: str, parameters: tuple[object, ...]
    ) -> dict[tuple[int, str], _Held]:
        held: dict[tuple[int, str], _Held] = defaultdict(lambda: _Held(None, None))
        cursor = await connection.execute(sql(block, columns=ALARM_COLUMNS), parameters)
        for row in await cursor.fetchall():
            held[row[1], row[2]] = _Held(row[0], state_of(row))
        return held

    async def _tell_late(
        self,
        connection: psycopg.AsyncConnection,
        held: dict[tuple[int, str], _Held],
        device_id: int,
        rule: Rule,
        decision: Decision,
        now: datetime,
        since: datetime | None = None,
    ) -> int:
        """Writes a decision on what came late, unless an alarm was raised then, in its time or by an earlier piece."""
        state = decision.state
        if decision.change == "raised_late" and state is not None:
            span = span_of(state, since)
            if await self._up_until(connection, device_id, rule.id, *span) is not None:
                return 0
        return await self._apply(connection, held, device_id, rule, decision, now)

    @staticmethod
    async def _up_until(
        connection: psycopg.AsyncConnection, device_id: int, rule: str, begins: datetime, ends: datetime
    ) -> datetime | None:
        """Until when an alarm that had been raised was up, of those up in this span; None if there is none."""
        row = await (await connection.execute(sql("raised_before"), (device_id, rule, ends, begins))).fetchone()
        return row[0] if row else None

    async def _apply(
        self,
        connection: psycopg.AsyncConnection,
        held: dict[tuple[int, str], _Held],
        device_id: int,
        rule: Rule,
        decision: Decision,
        now: datetime,
    ) -> int:
        """Writes one decision; returns 1 if it raised an alarm."""
        alarm = held[device_id, rule.id]
        if decision.state is alarm.state:
            return 0
        state = decision.state
        if state is None:
            if alarm.alarm_id is not None:
                await connection.execute(sql("drop_pending_alarm"), (alarm.alarm_id,))
            held[device_id, rule.id] = _Held(None, None)
            return 0
        recorded_at = None if state.condition == "pending" else now
        columns = (
            decision.reason, recorded_at, state.condition, state.since, state.last_ts, state.last_value,
            state.peak_value, state.samples, state.raised_at, state.recovering_since, state.cleared_at,
            state.closed_at, state.deadline, state.late, state.stale, state.excess, state.detail,
        )  # fmt: skip
        if alarm.alarm_id is None:
            fixed = (device_id, rule.id, self.pack.label, rule.priority, rule.latching)
            row = await (await connection.execute(sql("insert_alarm"), (*fixed, *columns, rule.stands_at))).fetchone()
            alarm.alarm_id = row[0] if row else None
        else:
            await connection.execute(sql("update_alarm"), (*columns, alarm.alarm_id))
        alarm.state = state
        alarm_id = alarm.alarm_id or 0
        if state.closed_at is not None:
            held[device_id, rule.id] = _Held(None, None)  # the next reading beyond the level is a new alarm
        if decision.change in {"raised", "raised_late"}:
            if rule.tell:
                await telling.raised(connection, alarm_id, device_id, rule, state, now)
            return 1
        if decision.change == "cleared" and rule.tell:
            await telling.cleared(connection, alarm_id, device_id, rule, state, now)
        return 0


def _states_in(held: dict[tuple[int, str], _Held]) -> StateOf:
    """The states as they are when they are asked for."""

    def held_state(device_id: int, rule_id: str) -> State | None:
        return held[device_id, rule_id].state

    return held_state
