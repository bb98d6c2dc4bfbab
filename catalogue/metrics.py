"""Metrics: the rows of data/metrics.yaml, which are also the columns of the hypertable, in this order."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from catalogue.rows import Record, Row, Text, load_rows

MetricKind = Literal["measure", "state", "counter"]


class Meaning(Record):
    """What one value of a coded number means."""

    en: Text
    zh: Text


class Metric(Row):
    """A measured quantity. `low`…`high` is what a working sensor can put out, dangers included.

    `values` is there where the numbers are codes; a device may send one that is not among them.
    """

    unit: str
    low: float
    high: float
    decimals: int
    kind: MetricKind
    en: Text
    zh: Text
    values: dict[int, Meaning] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sound(self) -> Metric:
        if self.low >= self.high:
            raise ValueError("low must lie below high")
        outside = [value for value in self.values if not self.low <= value <= self.high]
        if outside:
            raise ValueError(f"values: {outside[0]} lies outside {self.low:g}…{self.high:g}, where it is nulled")
        if self.values and self.kind != "measure":
            raise ValueError("values are for a measure: a state is 0 or 1, a counter counts")
        return self


METRICS: tuple[Metric, ...] = load_rows("metrics.yaml", Metric)
METRIC: dict[str, Metric] = {metric.name: metric for metric in METRICS}
METRIC_NAMES: tuple[str, ...] = tuple(METRIC)
METRIC_INDEX: dict[str, int] = {name: place for place, name in enumerate(METRIC_NAMES)}
