"""Whether a home looks as if it burnt coal again: a hint with named evidence for who visits, never a proof. Pure.

Two things are looked for while every heater of the home gives nothing: a room that stays warm in the dark although its
walls say that it must cool, and carbon monoxide for longer than lighting a stove takes. Sun, a stove in the next room,
visitors or a fan heater at the socket look the same: so nobody is alarmed, and the words say "may".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from alerts.looks.cooling import after_hours

BLOCK_H: Final = 3
"""A day is looked at in blocks of so many hours: long enough for a heavy home to cool by degrees (our choice)."""
DARK: Final = frozenset({0, 1, 2, 6, 7})
"""Blocks in which the sun warms no room in winter: 18 to 9 o'clock."""
COLD_OUTDOOR_C: Final = 0.0
"""Above it a home may well go without heat for a night (our choice)."""
WARM_ROOM_C: Final = 12.0
"""Below it nobody keeps the room warm (our choice; rural set-points are 14–20 °C, SIMULATION.md)."""
FALL_SHARE: Final = 0.3
"""A room that fell by less of what its walls say was warmed by something (our choice: walls are known to ±40 %)."""
CO_PPM: Final = 75.0
"""CO from here while every heater is off (SAFETY.md, Carbon monoxide)."""
FULL_HOURS: Final = 6
FULL_QUARTERS: Final = 4
"""Evidence counts fully from so much on; lighting a stove to cook peaks for minutes, one quarter (our choice)."""
WARM_WEIGHT: Final = 0.7
CO_WEIGHT: Final = 0.6
"""What each counts at most; together they leave 0.12 of doubt (our choice)."""
WORTH_A_VISIT: Final = 0.3
"""Below it nothing is written down (our choice)."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some hours in which all heaters of the home gave nothing. In °C; `hours` lie between the two of the room."""

    number: int
    room_first_c: float
    room_last_c: float
    hours: float
    outdoor_c: float


@dataclass(frozen=True, slots=True)
class CoalAgain:
    """The score, 0 to 1, and what it rests on, by name."""

    score: float
    evidence: Mapping[str, Mapping[str, Any]]


def expected_fall_c(block: Block, tau_h: float) -> float:
    """By how much the room must have cooled in the block, without anything that heats."""
    return block.room_first_c - after_hours(block.room_first_c, block.outdoor_c, tau_h, block.hours)


def was_warmed(block: Block, tau_h: float) -> bool:
    """Whether something warmed the room that no device accounts for."""
    return (
        block.number in DARK
        and block.outdoor_c <= COLD_OUTDOOR_C
        and min(block.room_first_c, block.room_last_c) >= WARM_ROOM_C
        and block.room_first_c - block.room_last_c <= FALL_SHARE * expected_fall_c(block, tau_h)
    )


def judge_coal(blocks: Sequence[Block], tau_h: float, co_ppm: Sequence[float]) -> CoalAgain | None:
    """A home's day: its blocks without heat, and the peaks of the quarters with CO while every heater was off.

    None where it is not worth a visit.
    """
    warm = [block for block in blocks if was_warmed(block, tau_h)]
    evidence: dict[str, dict[str, Any]] = {}
    doubt = 1.0
    if warm:
        hours = BLOCK_H * len(warm)
        doubt *= 1 - WARM_WEIGHT * min(hours / FULL_HOURS, 1.0)
        evidence["warm_without_energy"] = {
            "hours": hours,
            "room_c": round(sum(block.room_last_c for block in warm) / len(warm), 1),
            "outdoor_c": round(sum(block.outdoor_c for block in warm) / len(warm), 1),
            "fell_c": round(sum(block.room_first_c - block.room_last_c for block in warm), 1),
            "expected_fall_c": round(sum(expected_fall_c(block, tau_h) for block in warm), 1),
        }
    if co_ppm:
        doubt *= 1 - CO_WEIGHT * min(len(co_ppm) / FULL_QUARTERS, 1.0)
        evidence["co_while_off"] = {"quarters": len(co_ppm), "peak_ppm": round(max(co_ppm))}
    score = round(1 - doubt, 2)
    return CoalAgain(score, evidence) if score >= WORTH_A_VISIT else None
