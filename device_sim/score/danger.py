"""When a measured danger begins: criteria on what a device shows, looked at reading by reading. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, FiniteFloat, model_validator

from catalogue.rows import Record


class Criterion(Record):
    """Danger begins when `metric` has been `at` or beyond for `hold_s` seconds, or when the device's own `bit` is on.

    As in the rule packs: above is ≥ `at`, below is < `at`, in the metric's unit. `types`: only of these device types.
    """

    metric: str | None = None
    bit: str | None = None
    at: FiniteFloat | None = None
    direction: Literal["above", "below"] = "above"
    hold_s: FiniteFloat = Field(default=0.0, ge=0)
    types: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_of_both(self) -> Criterion:
        if (self.metric is None) == (self.bit is None) or (self.metric is None) != (self.at is None):
            raise ValueError("a criterion is a metric with `at`, or a bit")
        return self

    def beyond(self, value: float) -> bool:
        """Whether the value is where danger begins."""
        if self.at is None:
            return False
        return value >= self.at if self.direction == "above" else value < self.at

    def concerns(self, device_type: str) -> bool:
        """Whether it looks at devices of this type."""
        return not self.types or device_type in self.types


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look brought: since when (ms) it counts as dangerous, if it does; whether it shows danger now."""

    dangerous_ms: int | None
    shows: bool


class Watch:
    """One device while an event is on. Readings should come in the order in which they were measured.

    One that is older than the newest can only fulfil a criterion that holds at once. What is no number is not there.
    """

    def __init__(self, criteria: Sequence[Criterion]) -> None:
        self._criteria = tuple(criteria)
        self._since_ms: list[int | None] = [None] * len(self._criteria)
        self._newest_ms = -1

    def reading(self, ts_ms: int, metrics: Mapping[str, float]) -> Seen:
        """A reading measured at `ts_ms`."""
        in_order = ts_ms > self._newest_ms
        self._newest_ms = max(self._newest_ms, ts_ms)
        found: list[int] = []
        for place, criterion in enumerate(self._criteria):
            value = metrics.get(criterion.metric, math.nan) if criterion.metric is not None else math.nan
            if not math.isfinite(value):
                continue
            if criterion.beyond(value):
                found += self._fulfilled(place, criterion, ts_ms, in_order=in_order)
            elif in_order:
                self._since_ms[place] = None
        return Seen(min(found, default=None), self.shows)

    def bit(self, name: str, ts_ms: int, *, on: bool) -> Seen:
        """The device's own bit went on or off at `ts_ms`."""
        found = []
        for place, criterion in enumerate(self._criteria):
            if criterion.bit == name:
                self._since_ms[place] = ts_ms if on else None
                found += [ts_ms] if on else []
        return Seen(min(found, default=None), self.shows)

    @property
    def shows(self) -> bool:
        """Whether the newest values stand where a danger begins, held long enough or not."""
        return any(since is not None for since in self._since_ms)

    def _fulfilled(self, place: int, criterion: Criterion, ts_ms: int, *, in_order: bool) -> list[int]:
        if criterion.hold_s == 0:
            if in_order:
                self._since_ms[place] = ts_ms
            return [ts_ms]
        if not in_order:
            return []
        since_ms = self._since_ms[place]
        if since_ms is None:
            since_ms = self._since_ms[place] = ts_ms
        due_ms = since_ms + round(criterion.hold_s * 1000)
        return [due_ms] if ts_ms >= due_ms else []
