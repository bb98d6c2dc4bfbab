"""Rules played over what many devices said, without a database: states, deadlines and acknowledgements. Pure.

The decisions are those of the alarm engine (alerts/judgement.py, alerts/condition.py). Time goes forward by `pass_time`
and stands still in between; it is the clock on which readings are received, as deadlines are.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from alerts.condition import Decision, State, acknowledge, judge_deadline
from alerts.judgement import Judgement, Observed, ObservedBlock, ObservedEvent, Past
from catalogue.rules import Rule
from foundation.clock import from_ms

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


class Player:
    """Holds what the table `alarm` holds of open alarms.

    Every alarm is acknowledged so long after it was raised; without `acknowledge_after` nobody answers. `past` is what
    rules ask that look back; without one they raise nothing.
    """

    def __init__(
        self, rules: Iterable[Rule], acknowledge_after: timedelta | None = None, past: Past | None = None
    ) -> None:
        self.past = past
        self._rules: dict[str, Rule] = {rule.id: rule for rule in rules}
        self._judgement = Judgement(self._rules.values())
        self._acknowledge_after = acknowledge_after
        self._states: dict[tuple[int, str], State] = {}
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
        """Judges a reading."""
        at = from_ms(reading.received_ms)
        for rule, decision in self._judgement.of_reading(reading, self._state_of, self.past):
            yield from self._apply(reading.device.id, rule, decision, at)

    def take_event(self, event: ObservedEvent) -> Iterator[Played]:
        """Judges an alarm bit."""
        at = from_ms(event.received_ms)
        for rule, decision in self._judgement.of_event(event, self._state_of, self.past):
            yield from self._apply(event.device.id, rule, decision, at)

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
