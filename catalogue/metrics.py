"""Metrics: the rows of data/metrics.yaml, which are also the columns of the hypertable, in this order."""

from __future__ import annotations

from typing import Literal

from catalogue.rows import Row, load_rows

MetricKind = Literal["measure", "state", "counter"]


class Metric(Row):
    """A measured quantity. `low`…`high` is what a working sensor can put out, dangers included."""

    unit: str
    low: float
    high: float
    decimals: int
    kind: MetricKind
    en: str
    zh: str


METRICS: tuple[Metric, ...] = load_rows("metrics.yaml", Metric)
METRIC: dict[str, Metric] = {metric.name: metric for metric in METRICS}
METRIC_NAMES: tuple[str, ...] = tuple(METRIC)
METRIC_INDEX: dict[str, int] = {name: place for place, name in enumerate(METRIC_NAMES)}
