"""Rules on a measured quantity and a level: beyond it now, beyond it on average for a time, or moving too fast."""

from __future__ import annotations

from typing import Literal, Self, overload

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from catalogue.metrics import METRIC
from catalogue.rules.rule import Rule, Seconds


class Given(BaseModel):
    """What another metric of the same reading must be, both ends included, for the rule to look at it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_least: FiniteFloat = -np.inf
    at_most: FiniteFloat = np.inf

    def holds(self, value: float | None) -> bool:
        """Whether it is so. What was not measured is not so."""
        return value is not None and self.at_least <= value <= self.at_most

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give at_least, at_most or both")
        return self


class LevelRule(Rule):
    """A quantity beyond a level. Times in seconds; `raise_at` and `clear_at` in the metric's unit.

    The quantity is `metric`, or `metric` minus the metric `minus`. A reading in which a metric of `given` is not as
    said, or was not measured, is not looked at: it ends what is pending, and neither raises nor clears.
    With `nameplate` the levels are for devices of which the catalogue has no limit; where it has one, of the model or
    else of the type, that is `raise_at`, and `clear_at` lies as far from it as here.
    """

    metric: str
    minus: str = ""
    given: dict[str, Given] = Field(default_factory=dict)
    direction: Literal["above", "below"] = "above"
    raise_at: FiniteFloat
    clear_at: FiniteFloat
    off_delay_s: Seconds = 0
    nameplate: bool = False

    @overload
    def beyond(self, value: float) -> bool: ...
    @overload
    def beyond(self, value: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]: ...
    def beyond(self, value: float | npt.NDArray[np.float64]) -> bool | npt.NDArray[np.bool_]:
        """Whether the value, or each of several, is where the alarm is raised. NaN never is."""
        return value >= self.raise_at if self.direction == "above" else value < self.raise_at

    def back(self, value: float) -> bool:
        """Whether the value is back where the alarm may clear."""
        return value < self.clear_at if self.direction == "above" else value >= self.clear_at

    @property
    def holds_s(self) -> float:
        """How long it must be beyond the level."""
        return 0

    @property
    def waits_s(self) -> float:
        """How long it may be pending on one reading beyond the level: until it has held, or is confirmed."""
        return self.holds_s

    @property
    def needs(self) -> tuple[str, ...]:
        """The metrics that it looks at, its own first."""
        return (self.metric, *((self.minus,) if self.minus else ()), *self.given)

    @model_validator(mode="after")
    def _known_metrics(self) -> Self:
        for name in self.needs:
            if name not in METRIC:
                raise ValueError(f"unknown metric {name!r}")
        if self.nameplate and self.minus:
            raise ValueError("nameplate is for one metric")
        if self.life_safety and (self.nameplate or self.minus or self.given):
            raise ValueError("life_safety looks at one metric alone: no nameplate, minus or given")
        if len(set(self.needs)) != len(self.needs):
            raise ValueError(f"{self.metric} stands twice in it")
        return self

    @model_validator(mode="after")
    def _sound_levels(self) -> Self:
        if self.beyond(self.clear_at) if self.direction == "below" else self.clear_at > self.raise_at:
            raise ValueError("clear_at must lie on the safe side of raise_at")
        metric = METRIC[self.metric]
        if not self.minus and not metric.low <= self.raise_at <= metric.high:
            raise ValueError(f"raise_at lies outside {metric.low:g}…{metric.high:g}, where {self.metric} is nulled")
        return self


class ThresholdRule(LevelRule):
    """Beyond the level without a break for `on_delay_s`, or twice within `confirm_s` where it samples so often.

    `confirm_at` is where a second reading confirms the first; without it that is `raise_at`. It lies a little on the
    safe side, so that a value at the level with noise on it is confirmed by its next reading.
    """

    kind: Literal["threshold"]
    on_delay_s: Seconds = 0
    confirm_s: Seconds = 0
    confirm_at: FiniteFloat | None = None

    @property
    def holds_s(self) -> float:
        """How long it must be beyond the level."""
        return self.on_delay_s

    @property
    def waits_s(self) -> float:
        """How long it may be pending on one reading beyond the level."""
        return self.on_delay_s or self.confirm_s

    def confirms(self, value: float) -> bool:
        """Whether a second reading of this value confirms the first."""
        return self.beyond(value) if self.confirm_at is None else value >= self.confirm_at

    @model_validator(mode="after")
    def _one_delay(self) -> Self:
        if self.on_delay_s and self.confirm_s:
            raise ValueError("on_delay_s and confirm_s exclude each other")
        return self

    @model_validator(mode="after")
    def _confirms_near_the_level(self) -> Self:
        if self.confirm_at is None:
            return self
        if not self.confirm_s or self.nameplate or self.direction == "below":
            raise ValueError("confirm_at is for confirm_s above a level of its own: no nameplate, not below")
        if not self.clear_at <= self.confirm_at <= self.raise_at:
            raise ValueError("confirm_at must lie between clear_at and raise_at")
        return self


class ExposureRule(LevelRule):
    """Time-weighted: the mean since the first reading beyond the level has kept beyond `mean_at` for `on_delay_s`.

    A reading that dips below the level does not end the exposure, as one noisy sample or an opened door does not undo
    what was breathed; the time below drains it. It ends when the mean has sunk below `mean_at`, and is raised by a
    reading beyond the level only: an alarm about what is over helps nobody. A level's `mean_at` lies a little on its
    safe side, so that a value at the level with noise on it counts as at the level.
    """

    kind: Literal["exposure"]
    direction: Literal["above"] = "above"
    mean_at: FiniteFloat
    on_delay_s: Seconds = Field(gt=0)

    @property
    def holds_s(self) -> float:
        """How long the mean must keep up."""
        return self.on_delay_s

    @model_validator(mode="after")
    def _mean_below_the_level(self) -> Self:
        if not self.clear_at <= self.mean_at <= self.raise_at:
            raise ValueError("mean_at must lie between clear_at and raise_at")
        return self


class RateRule(LevelRule):
    """Beyond the level, and changed towards it by `by` or more within `within_s`, as the stored readings say."""

    kind: Literal["rate"]
    by: FiniteFloat = Field(gt=0)
    within_s: Seconds = Field(gt=0, le=86_400)

    @model_validator(mode="after")
    def _needs_the_database(self) -> Self:
        if self.life_safety:
            raise ValueError("what was measured before is in the database: a rate cannot be life_safety")
        if self.minus:
            raise ValueError("a rate is that of one metric")
        return self
