"""Rule packs: what raises and what clears an alarm, rows of `packs/*.yaml`, each number with its source."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, overload

import numpy as np
import numpy.typing as npt
import yaml
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints, ValidationError, model_validator

from catalogue.device_types import DEVICE_TYPE
from catalogue.event_types import EVENT_TYPE
from catalogue.metrics import METRIC
from foundation.errors import CatalogueError

Priority = Literal["critical", "high", "medium", "low"]
Seconds = Annotated[FiniteFloat, Field(ge=0)]
Suppressor = Literal["shelving", "maintenance", "out_of_service", "vacant", "flapping"]
RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,47}$")]


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: RuleId
    priority: Priority
    latching: bool
    tell: bool
    tell_late: bool
    life_safety: bool = False
    en: str
    zh: str = Field(max_length=35)
    do: str = Field(max_length=35)
    source: str = Field(min_length=1)
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()
    suppressed_by: tuple[Suppressor, ...] = ("shelving", "maintenance", "out_of_service", "flapping")

    def concerns(self, device_type: str) -> bool:
        """Whether the rule looks at devices of this type."""
        return (not self.types or device_type in self.types) and device_type not in self.except_types

    @model_validator(mode="after")
    def _told_whatever_happens(self) -> _Rule:
        if self.life_safety and not (self.tell and self.priority == "critical" and self.latching):
            raise ValueError("life_safety is for rules that are critical, latching and told")
        if self.life_safety and "suppressed_by" in self.model_fields_set:
            raise ValueError("nothing suppresses a life_safety rule: leave suppressed_by out")
        return self

    @model_validator(mode="after")
    def _known_types(self) -> _Rule:
        unknown = sorted({*self.types, *self.except_types} - DEVICE_TYPE.keys())
        if unknown:
            raise ValueError(f"unknown device type {', '.join(unknown)}")
        return self


class ThresholdRule(_Rule):
    """A metric beyond a level. Times in seconds; `raise_at` and `clear_at` in the metric's unit."""

    kind: Literal["threshold"]
    metric: str
    direction: Literal["above", "below"] = "above"
    raise_at: FiniteFloat
    hold_s: Seconds = 0
    confirm_s: Seconds = 0
    clear_at: FiniteFloat
    clear_s: Seconds = 0

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

    @model_validator(mode="after")
    def _sound(self) -> ThresholdRule:
        if self.metric not in METRIC:
            raise ValueError(f"unknown metric {self.metric!r}")
        if self.beyond(self.clear_at) if self.direction == "below" else self.clear_at > self.raise_at:
            raise ValueError("clear_at must lie on the safe side of raise_at")
        metric = METRIC[self.metric]
        if not metric.low <= self.raise_at <= metric.high:
            raise ValueError(f"raise_at lies outside {metric.low:g}…{metric.high:g}, where {self.metric} is nulled")
        if self.hold_s and self.confirm_s:
            raise ValueError("hold_s and confirm_s exclude each other")
        return self


class EventRule(_Rule):
    """The device's own alarm bit."""

    kind: Literal["event"]
    event: str

    @model_validator(mode="after")
    def _known_event(self) -> EventRule:
        if self.event not in EVENT_TYPE:
            raise ValueError(f"unknown event {self.event!r}")
        return self


class SilenceRule(_Rule):
    """Nothing heard for max(`intervals` × the device's interval, `at_least_s`) seconds."""

    kind: Literal["silence"]
    intervals: Seconds
    at_least_s: Seconds

    @model_validator(mode="after")
    def _needs_the_database(self) -> SilenceRule:
        if self.life_safety:
            raise ValueError("silence is judged in the database: it cannot be life_safety")
        return self


Rule = Annotated[ThresholdRule | EventRule | SilenceRule, Field(discriminator="kind")]


class RulePack(BaseModel):
    """A versioned set of rules; an alarm names the pack and version that raised it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pack: str
    version: int
    rules: tuple[Rule, ...]

    @property
    def label(self) -> str:
        """Pack and version as alarms carry them: `default@1`."""
        return f"{self.pack}@{self.version}"

    @property
    def life_safety(self) -> tuple[ThresholdRule | EventRule, ...]:
        """The rules that are told even while the database is away."""
        return tuple(rule for rule in self.rules if rule.life_safety and not isinstance(rule, SilenceRule))

    @model_validator(mode="after")
    def _unique(self) -> RulePack:
        ids = [rule.id for rule in self.rules]
        twice = sorted({rule_id for rule_id in ids if ids.count(rule_id) > 1})
        if twice:
            raise ValueError(f"rule {', '.join(twice)} stands twice")
        return self


def parse_pack(text: str, file: str) -> RulePack:
    """The pack in `text`. Raises CatalogueError that names the file, the rule and the field."""
    try:
        raw = yaml.load(text, Loader=yaml.CSafeLoader)
        return RulePack.model_validate(raw)
    except yaml.YAMLError as wrong:
        raise CatalogueError(f"{file}: {' '.join(str(wrong).split())}", do="mend the YAML") from None
    except ValidationError as wrong:
        first = wrong.errors()[0]
        place = first["loc"]
        field = ".".join(str(part) for part in place[2:] if part not in {"threshold", "event", "silence"})
        rule = ""
        if len(place) > 1 and place[0] == "rules" and isinstance(place[1], int):
            row = raw["rules"][place[1]]
            rule = f", rule {row.get('id', place[1] + 1) if isinstance(row, dict) else place[1] + 1}"
        raise CatalogueError(
            f"{file}{rule}{', ' + field if field else ''}: {first['msg']}", do="mend the pack"
        ) from None


def read_pack(file: Path) -> RulePack:
    """The pack in `file`. Raises CatalogueError that names the file, the rule and the field."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failed:
        reason = failed.strerror if isinstance(failed, OSError) else str(failed)
        raise CatalogueError(f"cannot read {file}: {reason}", do="give a YAML file in UTF-8") from None
    return parse_pack(text, file.name)


@lru_cache(maxsize=1)
def default_pack() -> RulePack:
    """The rules that a deployment starts with."""
    file = "packs/default.yaml"
    return parse_pack(files("catalogue").joinpath(file).read_text(encoding="utf-8"), file)
