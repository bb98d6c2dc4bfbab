"""What a score must reach: at least this recall and precision, at most this delay and these messages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from device_sim.scenario.scenario import Expected
from device_sim.score.kinds import KIND
from device_sim.score.result import KindScore, Score, Verdict
from foundation.errors import SettingsError

Side = Literal["at least", "at most"]

_OF_A_KIND: Final[Mapping[str, tuple[Side, Callable[[KindScore], float | None]]]] = {
    "recall": ("at least", lambda kind: kind.recall),
    "precision": ("at least", lambda kind: kind.precision),
    "delay_s_p50": ("at most", lambda kind: kind.delay_s.p50),
    "delay_s_p95": ("at most", lambda kind: kind.delay_s.p95),
    "delay_s_max": ("at most", lambda kind: kind.delay_s.max),
    "messages_per_event": ("at most", lambda kind: kind.messages_per_event),
}
_OF_THE_RUN: Final[Mapping[str, Callable[[Score], float | None]]] = {
    "false_offline_per_1000_device_days": lambda score: score.false_offline,
    "messages": lambda score: float(score.messages),
}
"""At most, all of them."""
_SHARES: Final = frozenset({"recall", "precision"})


@dataclass(frozen=True, slots=True)
class Floor:
    """One figure that must be reached: of a `kind`, or of the whole run (None). `limit` in the measure's own unit."""

    kind: str | None
    measure: str
    limit: float

    @property
    def side(self) -> Side:
        """Whether the limit is the least or the most."""
        return "at most" if self.kind is None else _OF_A_KIND[self.measure][0]


def parse_floor(text: str) -> Floor:
    """`co.recall=1.0` or `messages=10`. Raises SettingsError that says what was expected, in one line."""
    name, equals, number = (part.strip() for part in text.partition("="))
    kind, dot, measure = name.partition(".")
    known = ", ".join(_OF_A_KIND)
    what = f"floor {text!r}"
    if not equals:
        raise SettingsError(f"{what} has no value", do="write it like co.recall=1.0")
    if not dot:
        if name not in _OF_THE_RUN:
            raise SettingsError(f"{what} names no kind", do=f"write co.recall=1.0, or one of {', '.join(_OF_THE_RUN)}")
        kind, measure = "", name
    elif kind not in KIND:
        raise SettingsError(f"{what}: there is no kind {kind!r}", do=f"use one of {', '.join(KIND)}")
    elif measure not in _OF_A_KIND:
        raise SettingsError(f"{what}: there is no measure {measure!r}", do=f"use one of {known}")
    try:
        limit = float(number)
    except ValueError:
        limit = math.nan
    most = 1.0 if measure in _SHARES else math.inf
    if not 0.0 <= limit <= most or math.isinf(limit):
        expected = "a share from 0 to 1" if measure in _SHARES else "a number from 0 on"
        raise SettingsError(f"{what}: {number!r} is not {expected}", do=f"write {name}={'1.0' if most == 1 else '30'}")
    return Floor(kind or None, measure, limit)


def floors_of(expected: Expected) -> tuple[Floor, ...]:
    """What a scenario expects, as floors."""
    floors = [
        Floor(kind, measure, limit)
        for kind, wanted in expected.kinds.items()
        for measure in _OF_A_KIND
        if (limit := getattr(wanted, measure, None)) is not None
    ]
    if expected.false_offline_per_1000_device_days is not None:
        floors.append(Floor(None, "false_offline_per_1000_device_days", expected.false_offline_per_1000_device_days))
    if expected.messages is not None:
        floors.append(Floor(None, "messages", float(expected.messages)))
    return tuple(floors)


def judged(score: Score, floors: Iterable[Floor]) -> Score:
    """The score with a verdict on each floor."""
    return replace(score, verdicts=tuple(_verdict(score, floor) for floor in floors))


def _verdict(score: Score, floor: Floor) -> Verdict:
    def said(value: float | None, why: str) -> Verdict:
        return Verdict(floor.kind, floor.measure, floor.limit, value, not why, why)

    if floor.kind is None:
        value = _OF_THE_RUN[floor.measure](score)
        if value is None:
            return said(None, "the run has no device-days")
        return said(value, "" if value <= floor.limit else "too many")
    kind = score.kinds.get(floor.kind)
    if floor.measure == "precision":
        # nothing raised, nothing false: what a run of decoys is to show
        value = None if kind is None else kind.precision
        return said(value, "" if value is None or value >= floor.limit else "too low")
    if not KIND[floor.kind].answered:
        return said(None, "no rule of the default pack answers it yet")
    if kind is None or kind.due == 0:
        return said(None, "no such event was due, so the run has shown nothing")
    value = _OF_A_KIND[floor.measure][1](kind)
    if value is None:
        return said(None, "nothing was found")
    if floor.side == "at least":
        return said(value, "" if value >= floor.limit else "too low")
    return said(value, "" if value <= floor.limit else "too high")
