"""A rule pack: a versioned set of rules."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Final, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from catalogue.rules.events import CountRule, EventRule, FaultRule
from catalogue.rules.levels import ExposureRule, RateRule, ThresholdRule
from catalogue.rules.looks import ForecastRule, ShareRule, StuckRule
from catalogue.rules.silence import SilenceRule

AnyRule = Annotated[
    ThresholdRule
    | ExposureRule
    | RateRule
    | EventRule
    | CountRule
    | FaultRule
    | SilenceRule
    | StuckRule
    | ShareRule
    | ForecastRule,
    Field(discriminator="kind"),
]
KINDS: Final[frozenset[str]] = frozenset(
    kind for one in get_args(get_args(AnyRule)[0]) for kind in get_args(one.model_fields["kind"].annotation)
)
"""What `kind` may be."""
READING_KINDS: Final = (ThresholdRule, ExposureRule, RateRule, EventRule, CountRule, FaultRule)
"""The kinds that are judged when something comes; the others are the alerts process's: silence, and over hours."""


class RulePack(BaseModel):
    """A versioned set of rules; an alarm names the pack and version that raised it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pack: str
    version: int
    rules: tuple[AnyRule, ...]

    @property
    def label(self) -> str:
        """Pack and version as alarms carry them: `default@1`."""
        return f"{self.pack}@{self.version}"

    @cached_property
    def by_id(self) -> dict[str, AnyRule]:
        """The rules by their ids."""
        return {rule.id: rule for rule in self.rules}

    @property
    def life_safety(self) -> tuple[ThresholdRule | ExposureRule | EventRule, ...]:
        """The rules that are told even while the database is away."""
        return tuple(
            rule
            for rule in self.rules
            if rule.life_safety and isinstance(rule, ThresholdRule | ExposureRule | EventRule)
        )

    @model_validator(mode="after")
    def _unique(self) -> RulePack:
        ids = [rule.id for rule in self.rules]
        twice = sorted({rule_id for rule_id in ids if ids.count(rule_id) > 1})
        if twice:
            raise ValueError(f"rule {', '.join(twice)} stands twice")
        return self

    @model_validator(mode="after")
    def _forecast_hears_of_silence(self) -> RulePack:
        forecasts = [rule.id for rule in self.rules if isinstance(rule, ForecastRule)]
        if forecasts and not any(isinstance(rule, SilenceRule) for rule in self.rules):
            raise ValueError(f"{forecasts[0]} needs a rule of kind silence, which says who is not heard")
        return self
