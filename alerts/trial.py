"""A recording through a rule pack, without a database: what would have been raised and when. Pure.

The decisions are those of the alarm engine. Nobody acknowledges; silence, which is judged in the database, is left out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.condition import Decision, Reason, State, judge_deadline
from alerts.judgement import Judgement
from alerts.recording import RecordedBit, RecordedReading
from catalogue.metrics import METRICS
from catalogue.rules import Priority, Rule, RulePack
from foundation.clock import from_ms


@dataclass(slots=True)
class Raised:
    """An alarm of the trial. `cleared_at`: when the value was normal again; None where the recording ends before."""

    rule: str
    priority: Priority
    raised_at: datetime
    reason: Reason
    cleared_at: datetime | None = None

    def as_json(self) -> dict[str, str | None]:
        """For programs; times in UTC."""
        return {
            "rule": self.rule,
            "priority": self.priority,
            "raised_at": self.raised_at.isoformat(),
            "cleared_at": None if self.cleared_at is None else self.cleared_at.isoformat(),
            "reason": self.reason,
        }


def try_rules(pack: RulePack, readings: Sequence[RecordedReading]) -> list[Raised]:
    """What the pack raises on one device's readings, in order of time; the alarms in the order in which they came.

    A deadline that falls behind the last reading is left open: nobody knows what the device would have said by then.
    """
    trial = _Trial(pack)
    for reading in readings:
        trial.pass_deadlines(from_ms(reading.judged_ms))
        trial.take(reading)
    return trial.raised


class _Trial:
    def __init__(self, pack: RulePack) -> None:
        self.raised: list[Raised] = []
        self._rules: dict[str, Rule] = {rule.id: rule for rule in pack.rules}
        self._judgement = Judgement(pack.rules)
        self._states: dict[str, State] = {}
        self._open: dict[str, Raised] = {}
        self._bits: dict[str, bool] = {}
        self._past = _Past()

    def pass_deadlines(self, now: datetime) -> None:
        """Everything that was due before `now`: what comes at this very moment is judged by what it says."""
        due = [
            (state.deadline, rule_id)
            for rule_id, state in self._states.items()
            if state.deadline is not None and state.deadline < now
        ]
        for deadline, rule_id in sorted(due):
            self._apply(self._rules[rule_id], judge_deadline(self._rules[rule_id], self._states[rule_id], deadline))

    def take(self, reading: RecordedReading) -> None:
        """Judges a reading, and those of its alarm bits that have changed."""
        self._past.remember(reading)
        self._apply_all(self._judgement.of_reading(reading, self._state_of, self._past))
        for name, on in reading.bits.items():
            if self._bits.get(name, False) is not on:
                self._bits[name] = on
                bit = RecordedBit(reading.device, reading.judged_ms, name, on)
                self._past.remember_bit(bit)
                self._apply_all(self._judgement.of_event(bit, self._state_of, self._past))

    def _state_of(self, _: int, rule_id: str) -> State | None:
        return self._states.get(rule_id)

    def _apply_all(self, decided: Iterable[tuple[Rule, Decision]]) -> None:
        for rule, decision in decided:
            self._apply(rule, decision)

    def _apply(self, rule: Rule, decision: Decision) -> None:
        state = decision.state
        if state is None or state.closed_at is not None:
            self._states.pop(rule.id, None)
        else:
            self._states[rule.id] = state
        if decision.change == "raised" and state is not None and state.raised_at is not None:
            self._open[rule.id] = raised = Raised(rule.id, rule.priority, state.raised_at, decision.reason)
            self.raised.append(raised)
        elif decision.change == "cleared" and state is not None and rule.id in self._open:
            self._open.pop(rule.id).cleared_at = state.cleared_at


class _Past:
    """What was recorded before, each metric and bit in order of time."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[list[int], list[float]]] = {}
        self._bits: dict[str, list[int]] = {}

    def remember(self, reading: RecordedReading) -> None:
        for metric, value in zip(METRICS, reading.values, strict=True):
            if value is not None:
                times, values = self._values.setdefault(metric.name, ([], []))
                times.append(reading.judged_ms)
                values.append(value)

    def remember_bit(self, bit: RecordedBit) -> None:
        if bit.on:
            self._bits.setdefault(bit.type, []).append(bit.judged_ms)

    def extremes(self, _: int, metric: str, after_ms: int, until_ms: int) -> tuple[float, float] | None:
        times, values = self._values.get(metric, ([], []))
        among = values[bisect_right(times, after_ms) : bisect_right(times, until_ms)]
        return (min(among), max(among)) if among else None

    def times_on(self, _: int, event: str, after_ms: int, until_ms: int) -> int:
        times = self._bits.get(event, [])
        return bisect_right(times, until_ms) - bisect_right(times, after_ms)
