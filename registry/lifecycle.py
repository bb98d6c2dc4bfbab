"""A device's life: planned → installed → accepted → in service → stored for summer → … → retired. Rows of data.

The database keeps impossible steps out as well (`device_transition`, migration 0006; a test holds the two together).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Literal, cast

from foundation.errors import SettingsError

State = Literal["planned", "installed", "accepted", "in_service", "stored", "retired"]
Reason = Literal["first", "same", "step", "skips", "no_way", "retired_is_final"]


@dataclass(frozen=True, slots=True)
class StateRow:
    """One state and what it means; `watched` is whether its silence is judged, `heard` whether readings are stored."""

    name: State
    zh: str
    en: str
    watched: bool = False
    heard: bool = True


STATES: Final = (
    StateRow("planned", "计划", "in the plan, not there yet"),
    StateRow("installed", "已安装", "in its place, not yet accepted"),
    StateRow("accepted", "已验收", "accepted, not yet handed over to duty"),
    StateRow("in_service", "在用", "heats or watches; its silence is an alarm", watched=True),
    StateRow("stored", "停用", "stored or switched off for the summer; its silence is expected"),
    StateRow("retired", "报废", "gone for good: cannot log in, its readings are rejected", heard=False),
)
STATE: Final[dict[str, StateRow]] = {row.name: row for row in STATES}

STEPS: Final[frozenset[tuple[State, State]]] = frozenset(
    {
        ("planned", "installed"),
        ("planned", "retired"),  # it will not come
        ("installed", "planned"),  # taken out again, acceptance was refused
        ("installed", "accepted"),
        ("installed", "retired"),
        ("accepted", "in_service"),
        ("accepted", "stored"),  # accepted in spring, its first season is to come
        ("accepted", "retired"),
        ("in_service", "stored"),
        ("in_service", "retired"),
        ("stored", "in_service"),
        ("stored", "retired"),
    }
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a step is allowed, the named reason, and the states that would have to lie between."""

    allowed: bool
    reason: Reason
    between: tuple[State, ...] = ()


def judge_step(before: str | None, after: str) -> Verdict:
    """Whether a device may go from `before` (None: it is new) to `after`. Pure.

    A device may come into the registry in any state: most registers begin long after the devices do.
    """
    if before is None:
        return Verdict(allowed=True, reason="first")
    if before == after:
        return Verdict(allowed=True, reason="same")
    if (before, after) in STEPS:
        return Verdict(allowed=True, reason="step")
    if before == "retired":
        return Verdict(allowed=False, reason="retired_is_final")
    way = _way(before, after)
    return Verdict(allowed=False, reason="skips" if way else "no_way", between=way)


def refuse_unknown(state: str) -> None:
    """Raises SettingsError for a word that is no state."""
    if state not in STATE:
        raise SettingsError(f"there is no state {state!r}", do=f"use one of {', '.join(STATE)}")


def in_words(before: str | None, after: str, verdict: Verdict) -> str:
    """Why a step is not allowed."""
    match verdict.reason:
        case "skips":
            return f"{before} → {after} leaves out {', '.join(verdict.between)}"
        case "retired_is_final":
            return "it is retired, and that is final"
        case _:
            return f"there is no way from {before} to {after}"


def next_states(state: str) -> list[State]:
    """Where a device may go from here, in the order of its life."""
    return [row.name for row in STATES if (state, row.name) in STEPS]


def _way(before: str, after: str) -> tuple[State, ...]:
    """The states between, along the shortest way; none where there is no way."""
    found: deque[tuple[str, ...]] = deque([(before,)])
    seen = {before}
    while found:
        way = found.popleft()
        for state in next_states(way[-1]):
            if state == after:
                return cast("tuple[State, ...]", way[1:])
            if state not in seen:
                seen.add(state)
                found.append((*way, state))
    return ()
