"""When a home that is not heard any more will freeze, by its walls and the weather. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from alerts.looks.cooling import hours_until
from alerts.looks.verdict import Verdict
from catalogue.rules import ForecastRule

OUTDOOR_VALID: Final = timedelta(hours=3)
"""An outdoor temperature that is older says too little of now (source: our choice)."""
ROOM_VALID: Final = timedelta(hours=6)
"""So long before its heater fell silent a home's room may have been measured last (source: our choice)."""

_FAR_H: Final = 9999.0
"""Stands for never, which no column of numbers need hold."""


@dataclass(frozen=True, slots=True)
class SilentHome:
    """A home none of whose heaters is heard.

    `heard_at`: the last that was heard of a heater, from which on we count it as cooling. `room_c` was measured at
    `room_at`, by anything in the home; None where nothing has. `tau_h` in hours.
    """

    heard_at: datetime
    room_c: float | None
    room_at: datetime | None
    tau_h: float


def judge_forecast(rule: ForecastRule, home: SilentHome, outdoor_c: float | None, now: datetime) -> Verdict:
    """Counts from the last that was known: the heater was heard, or the room was measured after that."""
    if outdoor_c is None:
        return Verdict("keep", "outdoor_unknown")
    measured = home.room_c is not None and home.room_at is not None and home.room_at >= home.heard_at - ROOM_VALID
    room_c = home.room_c if measured and home.room_c is not None else rule.assume_c
    begins = max(home.heard_at, home.room_at) if measured and home.room_at is not None else home.heard_at
    left = hours_until(room_c, outdoor_c, rule.level_c, home.tau_h) - max((now - begins).total_seconds(), 0.0) / 3600
    left = max(left, 0.0)
    if now - home.heard_at < timedelta(seconds=rule.silent_for_s):
        return Verdict("keep", "silent_too_briefly", min(left, _FAR_H))
    if left <= rule.hours_left:
        return Verdict("raise", "freezes_soon" if measured else "freezes_soon_room_assumed", left, home.heard_at)
    return Verdict("clear" if left > rule.clear_hours_left else "keep", "freezes_later", min(left, _FAR_H))


class Outdoors:
    """Outdoor temperatures by region. `measured` are (region, °C)."""

    def __init__(self, parents: Mapping[int, int | None], measured: Iterable[tuple[int, float]]) -> None:
        self._parents = parents
        self._below: dict[int, list[float]] = {}
        for where, value in measured:
            region: int | None = where
            while region is not None:
                self._below.setdefault(region, []).append(value)
                region = parents.get(region)
        self._medians: dict[int, float] = {}

    def near(self, region: int | None) -> float | None:
        """The median of the region, or of the nearest one above it below which anything is measured.

        Of several sensors the median: one in the sun must not warm a village.
        """
        while region is not None:
            if region in self._below:
                if region not in self._medians:
                    self._medians[region] = median(self._below[region])
                return self._medians[region]
            region = self._parents.get(region)
        return None
