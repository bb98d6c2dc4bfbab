"""The rule on devices that are not heard any more."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from catalogue.rules.rule import Rule, Seconds


class SilenceRule(Rule):
    """Nothing heard for max(`intervals` × the device's interval, `at_least_s`) seconds."""

    kind: Literal["silence"]
    intervals: Seconds
    at_least_s: Seconds

    @model_validator(mode="after")
    def _needs_the_database(self) -> Self:
        if self.life_safety:
            raise ValueError("silence is judged in the database: it cannot be life_safety")
        return self
