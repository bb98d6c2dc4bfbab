"""What came of a run, in figures: the same for a person's table and for the JSON of a report. No figure is ever NaN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from device_sim.score.evidence import Run

_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds from due to found, by nearest rank; None when nothing was found."""

    p50: float | None
    p95: float | None
    max: float | None


@dataclass(frozen=True, slots=True)
class KindScore:
    """One kind.

    Counts of events: `injected` in all, of them `due`, `unseen` and with `no_rule` yet; of alarms: `right` and `false`.
    Shares are None where nothing was due, or nothing raised.
    """

    injected: int
    unseen: int
    due: int
    no_rule: int
    alarmed: float | None
    told: float | None
    recall: float | None
    right: int
    false: int
    precision: float | None
    delay_s: Delays
    messages_per_event: float | None
    messages_per_event_per_recipient: float | None

    def as_json(self) -> dict[str, Any]:
        """For a report."""
        return {
            "recall": _short(self.recall),
            "precision": _short(self.precision),
            "delay_s": {name: _short(getattr(self.delay_s, name)) for name in ("p50", "p95", "max")},
            "messages_per_event": _short(self.messages_per_event),
            "messages_per_event_per_recipient": _short(self.messages_per_event_per_recipient),
            "alarmed": _short(self.alarmed),
            "told": _short(self.told),
            "injected": self.injected,
            "due": self.due,
            "unseen": self.unseen,
            "no_rule_yet": self.no_rule,
            "right_alarms": self.right,
            "false_alarms": self.false,
        }


@dataclass(frozen=True, slots=True)
class Missed:
    """A due event that was not found. `home` is None for a village; `at` is when it was due."""

    kind: str
    fault: str
    number: int
    home: str | None
    village: str
    at: datetime
    why: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """An alarm or incident about nothing that was injected. `during`: decoys that it may have been about."""

    kind: str
    rule: str
    device: str | None
    home: str | None
    village: str | None
    at: datetime
    told: bool
    during: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A figure of the score against what it had to be. `value` is None where the run has not shown any."""

    kind: str | None
    measure: str
    limit: float
    value: float | None
    held: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """What came of a run.

    `false_offline`: false silence alarms per 1000 device-days. `messages`: all that carriers took, good news included.
    """

    kinds: Mapping[str, KindScore]
    false_offline: float | None
    run: Run
    messages: int
    missed: tuple[Missed, ...]
    false: tuple[FalseAlarm, ...]
    verdicts: tuple[Verdict, ...] = ()

    @property
    def good(self) -> bool:
        """Whether everything that had to be reached was."""
        return all(verdict.held for verdict in self.verdicts)

    def as_json(self) -> dict[str, Any]:
        """The report."""
        return {
            "kinds": {name: kind.as_json() for name, kind in self.kinds.items()},
            "false_offline_per_1000_device_days": _short(self.false_offline),
            "run": {
                "from": _iso(self.run.since),
                "until": _iso(self.run.until),
                "devices": self.run.devices,
                "device_days": _short(self.run.device_days),
                "messages": self.messages,
                "quiet": [[_iso(begin), _iso(end)] for begin, end in self.run.quiet],
            },
            "missed": [
                {
                    "kind": one.kind,
                    "fault": one.fault,
                    "number": one.number,
                    "home": one.home,
                    "village": one.village,
                    "at": _iso(one.at),
                    "why": one.why,
                    "rules": list(one.rules),
                }
                for one in self.missed
            ],
            "false": [
                {
                    "kind": one.kind,
                    "rule": one.rule,
                    "device": one.device,
                    "home": one.home,
                    "village": one.village,
                    "at": _iso(one.at),
                    "told": one.told,
                    "during": list(one.during),
                }
                for one in self.false
            ],
            "floors": [
                {
                    "kind": verdict.kind,
                    "measure": verdict.measure,
                    "limit": verdict.limit,
                    "value": _short(verdict.value),
                    "held": verdict.held,
                    "why": verdict.why,
                }
                for verdict in self.verdicts
            ],
        }


def _short(value: float | None) -> float | None:
    return None if value is None else round(float(value), _DIGITS)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
