"""Limits: how far a metric may go on a device, with the source of the number."""

from __future__ import annotations

from pydantic import FiniteFloat, model_validator

from catalogue.metrics import METRIC
from catalogue.rows import Record, Text


class Limit(Record):
    """The span in which a metric may stay, in the metric's unit; at least one side is given.

    Not what a sensor can put out (that is `Metric.low`…`high`) and not when an alarm is raised (that is a rule, which
    may be stricter or wait a while).
    """

    at_least: FiniteFloat | None = None
    at_most: FiniteFloat | None = None
    source: Text

    @model_validator(mode="after")
    def _has_a_side(self) -> Limit:
        if self.at_least is None and self.at_most is None:
            raise ValueError("give at_least, at_most or both")
        if self.at_least is not None and self.at_most is not None and self.at_least >= self.at_most:
            raise ValueError("at_least must lie below at_most")
        return self


def misplaced(limits: dict[str, Limit], measured: tuple[str, ...]) -> str:
    """Why these limits cannot belong to a device that measures `measured`; "" when they can."""
    for name, limit in limits.items():
        if name not in measured:
            return f"{name} is not among its metrics"
        metric = METRIC[name]
        for level in (limit.at_least, limit.at_most):
            if level is not None and not metric.low <= level <= metric.high:
                return f"{name} {level:g} lies outside {metric.low:g}…{metric.high:g}, where it is nulled"
    return ""
