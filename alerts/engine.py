"""The alarm engine: the readings of a batch against the rule pack, inside the transaction that stores them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
import numpy.typing as npt
import psycopg

from alerts import outbox
from alerts.condition import Decision, Sample, State, judge_deadline, judge_event, judge_threshold
from catalogue.metrics import METRIC_INDEX
from catalogue.rules import EventRule, Rule, RulePack, ThresholdRule
from store.named_sql import sql


class Device(Protocol):
    """What the engine needs of a device."""

    @property
    def id(self) -> int: ...  # noqa: D102
    @property
    def type(self) -> str: ...  # noqa: D102
    @property
    def interval_s(self) -> int: ...  # noqa: D102


class Observed(Protocol):
    """A stored reading: times in ms since 1970, values in the order of the catalogue's metrics."""

    @property
    def device(self) -> Device: ...  # noqa: D102
    @property
    def judged_ms(self) -> int: ...  # noqa: D102
    @property
    def received_ms(self) -> int: ...  # noqa: D102
    @property
    def values(self) -> Sequence[float | None]: ...  # noqa: D102
    @property
    def late(self) -> bool: ...  # noqa: D102


class ObservedBlock(Protocol):
    """Stored readings of one device type: `values` has a row a reading and a column a metric, NaN for none."""

    @property
    def device_type(self) -> str: ...  # noqa: D102
    @property
    def metrics(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def device_ids(self) -> npt.NDArray[np.int64]: ...  # noqa: D102
    @property
    def values(self) -> npt.NDArray[np.float64]: ...  # noqa: D102
    def reading(self, row: int) -> Observed: ...  # noqa: D102


class ObservedEvent(Protocol):
    """A stored alarm bit."""

    @property
    def device(self) -> Device: ...  # noqa: D102
    @property
    def type(self) -> str: ...  # noqa: D102
    @property
    def on(self) -> bool: ...  # noqa: D102
    @property
    def judged_ms(self) -> int: ...  # noqa: D102
    @property
    def received_ms(self) -> int: ...  # noqa: D102
    @property
    def late(self) -> bool: ...  # noqa: D102


@dataclass(slots=True)
class _Held:
    """An alarm under judgement: its row, if it has one, and what became of it in this batch."""

    alarm_id: int | None
    state: State | None


class Engine:
    """A rule pack, compiled for the types that it concerns. Holds nothing that a restart would need."""

    def __init__(self, pack: RulePack) -> None:
        self.pack = pack
        self.rules: dict[str, Rule] = {rule.id: rule for rule in pack.rules}
        self._thresholds: dict[str, tuple[tuple[int, ThresholdRule], ...]] = {}
        self._events = [rule for rule in pack.rules if isinstance(rule, EventRule)]

    async def evaluate(
        self,
        connection: psycopg.AsyncConnection,
        readings: Sequence[Observed],
        events: Sequence[ObservedEvent],
        now: datetime,
        blocks: Sequence[ObservedBlock] = (),
    ) -> int:
        """Judges what has just been stored and writes alarms and messages. Returns how many alarms were raised."""
        involved = {reading.device.id for reading in readings if self._suspect(reading)}
        involved |= {event.device.id for event in events}
        everyone = [reading.device.id for reading in readings]
        for block in blocks:
            involved.update(block.device_ids[self.suspects(block)].tolist())
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
        verdicts: list[tuple[int, int, Iterator[tuple[Rule, Decision]]]] = [
            (reading.judged_ms, reading.device.id, self._judge_reading(reading, held)) for reading in looked_at
        ]
        verdicts += [(event.judged_ms, event.device.id, self._judge_event(event, held)) for event in events]
        raised = 0
        for _, device_id, decisions in sorted(verdicts, key=lambda verdict: verdict[0]):
            for rule, decision in decisions:
                raised += await self._apply(connection, held, device_id, rule, decision, now)
        return raised

    async def fire_deadlines(self, connection: psycopg.AsyncConnection, now: datetime) -> int:
        """Raises what has been pending until its deadline. Call inside a transaction. Returns how many."""
        held = await self._load(connection, "due_alarms", (now, list(self.rules)))
        raised = 0
        for (device_id, rule_id), alarm in list(held.items()):
            rule = self.rules[rule_id]
            if alarm.state is None:
                continue
            raised += await self._apply(connection, held, device_id, rule, judge_deadline(alarm.state, now), now)
        return raised

    def _suspect(self, reading: Observed) -> bool:
        values = reading.values
        for place, rule in self._concerning(reading.device.type):
            value = values[place]
            if value is not None and rule.beyond(value):
                return True
        return False

    def suspects(self, block: ObservedBlock) -> npt.NDArray[np.bool_]:
        """Which readings of a block are beyond a threshold."""
        found = np.zeros(len(block.device_ids), dtype=np.bool_)
        place = {name: column for column, name in enumerate(block.metrics)}
        for _, rule in self._concerning(block.device_type):
            column = place.get(rule.metric)
            if column is not None:
                found |= rule.beyond(block.values[:, column])
        return found

    def _concerning(self, device_type: str) -> tuple[tuple[int, ThresholdRule], ...]:
        found = self._thresholds.get(device_type)
        if found is None:
            found = tuple(
                (METRIC_INDEX[rule.metric], rule)
                for rule in self.pack.rules
                if isinstance(rule, ThresholdRule) and rule.concerns(device_type)
            )
            self._thresholds[device_type] = found
        return found

    def _judge_reading(self, reading: Observed, held: dict[tuple[int, str], _Held]) -> Iterator[tuple[Rule, Decision]]:
        device = reading.device
        ts, received_at = _moment(reading.judged_ms), _moment(reading.received_ms)
        for place, rule in self._concerning(device.type):
            value = reading.values[place]
            if value is not None:
                sample = Sample(ts, received_at, value, reading.late)
                yield rule, judge_threshold(rule, held[device.id, rule.id].state, sample, device.interval_s)

    def _judge_event(self, event: ObservedEvent, held: dict[tuple[int, str], _Held]) -> Iterator[tuple[Rule, Decision]]:
        device = event.device
        sample = Sample(_moment(event.judged_ms), _moment(event.received_ms), float(event.on), event.late)
        for rule in self._events:
            if rule.event == event.type and rule.concerns(device.type):
                yield rule, judge_event(rule, held[device.id, rule.id].state, sample)

    async def _load(
        self, connection: psycopg.AsyncConnection, block: str, parameters: tuple[object, ...]
    ) -> dict[tuple[int, str], _Held]:
        held: dict[tuple[int, str], _Held] = defaultdict(lambda: _Held(None, None))
        cursor = await connection.execute(sql(block), parameters)
        for row in await cursor.fetchall():
            held[row[1], row[2]] = _Held(row[0], state_of(row))
        return held

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
            state.closed_at, state.deadline, state.late, state.stale,
        )  # fmt: skip
        if alarm.alarm_id is None:
            fixed = (device_id, rule.id, self.pack.label, rule.priority, rule.latching)
            row = await (await connection.execute(sql("insert_alarm"), fixed + columns)).fetchone()
            alarm.alarm_id = row[0] if row else None
        else:
            await connection.execute(sql("update_alarm"), (*columns, alarm.alarm_id))
        alarm.state = state
        alarm_id = alarm.alarm_id or 0
        if state.closed_at is not None:
            held[device_id, rule.id] = _Held(None, None)  # the next reading beyond the level is a new alarm
        if decision.change in {"raised", "raised_late"}:
            if rule.tell:
                await outbox.tell_raised(connection, alarm_id, device_id, rule, state, now)
            return 1
        if decision.change == "cleared" and rule.tell:
            await outbox.tell_cleared(connection, alarm_id, device_id, rule, state, now)
        return 0


def state_of(row: Sequence[object]) -> State:
    """The State in a row of the alarm queries (id, device_id and rule stand before it)."""
    (_, _, _, condition, since, last_ts, last_value, peak, samples, raised_at, recovering, cleared, closed, deadline,
     acknowledged, late, stale) = row  # fmt: skip
    return State(
        condition, since, last_ts, last_value, peak, samples,  # type: ignore[arg-type]  # the table's own types
        raised_at, recovering, cleared, closed, deadline, acknowledged, late, stale,  # type: ignore[arg-type]
    )  # fmt: skip


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
