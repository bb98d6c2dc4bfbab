"""Rules played over what many devices said, without a database: states, deadlines and acknowledgements. Pure.

The decisions are those of the alarm engine (alerts/judgement.py, alerts/condition.py). Time goes forward by `pass_time`
and stands still in between; it is the clock on which readings are received, as deadlines are.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from alerts.condition import Decision, State, acknowledge, judge_deadline, tell_late
from alerts.hindsight import late_episode, lived_again, span_of
from alerts.judgement import VILLAGES_ZONE, Judgement, Observed, ObservedBlock, ObservedEvent, Past
from alerts.rereading import Reread, again_wanted, late_wanted
from catalogue.rules import Rule
from catalogue.wire import CLOCK_AHEAD_S
from foundation.clock import from_ms

_AHEAD: Final = timedelta(seconds=CLOCK_AHEAD_S)
_RAISED: Final = frozenset({"raised", "raised_late"})


@dataclass(frozen=True, slots=True)
class Played:
    """A rule's decision on one device that changed something, and when it was made."""

    device_id: int
    rule: Rule
    decision: Decision
    at: datetime

    @property
    def raised(self) -> bool:
        """Whether it raised an alarm, perhaps once more."""
        return self.decision.change in _RAISED


Fill = Callable[[Judgement, Reread, datetime], None]
"""Reads into its series what had been received of it by a moment."""


class Player:
    """Holds what the table `alarm` holds of open alarms.

    Every alarm is acknowledged so long after it was raised; without `acknowledge_after` nobody answers. `past` is what
    rules ask that look back; without one they raise nothing.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        acknowledge_after: timedelta | None = None,
        past: Past | None = None,
        zone: str = VILLAGES_ZONE,
    ) -> None:
        self.past = past
        self._rules: dict[str, Rule] = {rule.id: rule for rule in rules}
        self._judgement = Judgement(self._rules.values(), zone)
        self._acknowledge_after = acknowledge_after
        self._states: dict[tuple[int, str], State] = {}
        self._closed: dict[tuple[int, str], list[tuple[datetime, datetime]]] = {}
        self._open_of: dict[int, int] = {}
        self._deadlines: list[tuple[datetime, int, str]] = []
        self._answers: list[tuple[datetime, int, str]] = []

    @property
    def metrics(self) -> frozenset[str]:
        """Every metric that a rule looks at."""
        return self._judgement.metrics

    @property
    def events(self) -> frozenset[str]:
        """Every type of alarm bit that a rule looks at."""
        return self._judgement.events

    @property
    def faults(self) -> bool:
        """Whether a rule looks at makers' fault codes: then each reading with one must be taken."""
        return self._judgement.faults

    @property
    def open_devices(self) -> npt.NDArray[np.int64]:
        """Ids of the devices of which a rule has an open state: each reading of theirs must be taken."""
        return np.fromiter(self._open_of, dtype=np.int64, count=len(self._open_of))

    def states(self) -> dict[tuple[int, str], State]:
        """The open states by device and rule, as they are now."""
        return dict(self._states)

    def is_open(self, device_id: int) -> bool:
        """Whether a rule has an open state of this device."""
        return device_id in self._open_of

    def suspects(self, block: ObservedBlock) -> npt.NDArray[np.bool_]:
        """Which readings of a block must be taken also where their device has no open state."""
        return self._judgement.suspects(block)

    def pass_time(self, until: datetime) -> Iterator[Played]:
        """Everything that was due before `until`: what comes at that very moment is judged by what it says."""
        deadlines, answers = self._deadlines, self._answers
        while True:
            answered = bool(answers) and answers[0][0] < until
            if deadlines and deadlines[0][0] < until and not (answered and answers[0] < deadlines[0]):
                due, device_id, rule_id = heapq.heappop(deadlines)
                state = self._states.get((device_id, rule_id))
                if state is not None and state.deadline == due:
                    rule = self._rules[rule_id]
                    yield from self._apply(device_id, rule, judge_deadline(rule, state, due), due)
            elif answered:
                due, device_id, rule_id = heapq.heappop(answers)
                state = self._states.get((device_id, rule_id))
                if state is not None and state.raised_at is not None and not state.acknowledged:
                    yield from self._apply(device_id, self._rules[rule_id], acknowledge(state, due), due)
            else:
                return

    def take(self, reading: Observed) -> Iterator[Played]:
        """Judges a reading by itself; nothing newer of its device may have come before."""
        at = from_ms(reading.received_ms)
        for rule, decision in self._judgement.of_reading(reading, self._state_of, self.past):
            yield from self._judged(reading.device.id, rule, decision, at, late=reading.late)

    def take_together(self, readings: Sequence[Observed], fill: Fill) -> Iterator[Played]:
        """Judges what one device sent at once, in order of measured time, as the engine judges a batch.

        What came out of order, or late, is judged with what had been stored by then: `fill` reads it.
        """
        judgement, at = self._judgement, from_ms(readings[0].received_ms)
        again = again_wanted(judgement, readings, self._state_of, at + _AHEAD)
        for one in again.wanted.values():
            fill(judgement, one, at)
        behind = again.came_behind()
        apart = {one.key for one in behind}
        for reading in readings:
            device_id = reading.device.id
            for rule, decision in judgement.of_reading(reading, self._state_of, self.past):
                if reading.late or (device_id, rule.id) not in apart:
                    yield from self._judged(device_id, rule, decision, at, late=reading.late)
        for one in behind:
            up_until = self._up_until(one.key, one.first, one.first)
            before = self._states.get(one.key)
            for decision in lived_again(one.rule, before, one.series, one.device.interval_s, up_until):
                yield from self._apply(one.device.id, one.rule, decision, at)
        for one in late_wanted(judgement, readings, self._state_of):
            fill(judgement, one, at)
            told = late_episode(one.rule, one.series, one.device.interval_s, one.first, one.last)
            if told is not None:
                decision = tell_late(self._states.get(one.key), told)
                yield from self._judged(one.device.id, one.rule, decision, at, late=True, since=told.since)

    def take_event(self, event: ObservedEvent) -> Iterator[Played]:
        """Judges an alarm bit."""
        at = from_ms(event.received_ms)
        for rule, decision in self._judgement.of_event(event, self._state_of, self.past):
            yield from self._judged(event.device.id, rule, decision, at, late=event.late)

    def _judged(
        self, device_id: int, rule: Rule, decision: Decision, at: datetime, *, late: bool, since: datetime | None = None
    ) -> Iterator[Played]:
        """What came late is told unless an alarm was raised then, in its time or by an earlier piece."""
        state = decision.state
        if late and decision.change == "raised_late" and state is not None:
            span = span_of(state, since)
            if self._up_until((device_id, rule.id), *span) is not None:
                return
        yield from self._apply(device_id, rule, decision, at)

    def _up_until(self, key: tuple[int, str], begins: datetime, ends: datetime) -> datetime | None:
        """Until when an alarm was up that had been raised and was so in this span; None if there is none."""
        alarms = list(self._closed.get(key, ()))
        state = self._states.get(key)
        if state is not None and state.raised_at is not None:
            alarms.append(_span(state, state.raised_at))
        return max((until for since, until in alarms if since <= ends and until >= begins), default=None)

    def _state_of(self, device_id: int, rule_id: str) -> State | None:
        return self._states.get((device_id, rule_id))

    def _apply(self, device_id: int, rule: Rule, decision: Decision, at: datetime) -> Iterator[Played]:
        key = device_id, rule.id
        before, state = self._states.get(key), decision.state
        if state is before:
            return
        if state is None or state.closed_at is not None:
            if before is not None:
                del self._states[key]
                self._count(device_id, -1)
            if state is not None and state.raised_at is not None:
                self._closed.setdefault(key, []).append(_span(state, state.raised_at))
        else:
            self._states[key] = state
            if before is None:
                self._count(device_id, 1)
            if state.deadline is not None and (before is None or before.deadline != state.deadline):
                heapq.heappush(self._deadlines, (state.deadline, device_id, rule.id))
        played = Played(device_id, rule, decision, at)
        if played.raised and self._acknowledge_after is not None:
            heapq.heappush(self._answers, (at + self._acknowledge_after, device_id, rule.id))
        yield played

    def _count(self, device_id: int, by: int) -> None:
        left = self._open_of.get(device_id, 0) + by
        if left:
            self._open_of[device_id] = left
        else:
            del self._open_of[device_id]


def _span(state: State, raised_at: datetime) -> tuple[datetime, datetime]:
    """Between which moments an alarm was up, as far as is known."""
    return min(state.since, raised_at), state.cleared_at or state.closed_at or state.last_ts
