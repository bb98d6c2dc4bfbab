"""A recording through a rule pack, without a database: what would have been raised and when. Pure.

The decisions are those of the alarm engine. Nobody acknowledges; silence, which is judged in the database, is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.condition import Reason
from alerts.playing import Played, Player
from alerts.recorded_past import RecordedPast
from alerts.recording import RecordedBit, RecordedReading
from catalogue.rules import Priority, RulePack
from foundation.clock import from_ms
from foundation.settings import settings


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
        trial.take(reading)
    return trial.raised


class _Trial:
    def __init__(self, pack: RulePack) -> None:
        self.raised: list[Raised] = []
        self._past = RecordedPast()
        self._player = Player(pack.rules, past=self._past, zone=settings().timezone)
        self._open: dict[str, Raised] = {}
        self._bits: dict[str, bool] = {}

    def take(self, reading: RecordedReading) -> None:
        """Judges what was due until then, a reading, and those of its alarm bits that have changed."""
        self._note(self._player.pass_time(from_ms(reading.received_ms)))
        self._past.remember(reading)
        self._note(self._player.take(reading))
        for name, on in reading.bits.items():
            if self._bits.get(name, False) is not on:
                self._bits[name] = on
                bit = RecordedBit(reading.device, reading.judged_ms, name, on)
                self._past.remember_bit(bit)
                self._note(self._player.take_event(bit))

    def _note(self, played: Iterable[Played]) -> None:
        for one in played:
            rule, state = one.rule, one.decision.state
            if one.raised and state is not None and state.raised_at is not None:
                self._open[rule.id] = raised = Raised(rule.id, rule.priority, state.raised_at, one.decision.reason)
                self.raised.append(raised)
            elif one.decision.change == "cleared" and state is not None and rule.id in self._open:
                self._open.pop(rule.id).cleared_at = state.cleared_at
