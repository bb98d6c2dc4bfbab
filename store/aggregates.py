"""The metric columns of the rollups: which aggregates a metric has, and how each is made from the rows below it."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql as pg

from catalogue.metrics import METRICS, MetricKind


@dataclass(frozen=True, slots=True)
class Form:
    """One way to put many values into one. Column `<metric>_<suffix>` of the SQL type `type`.

    `of_readings` is SQL over `telemetry` (`{m}` is the metric), `of_quarters` over `telemetry_15m` (its columns by
    their suffix).
    """

    suffix: str
    type: str
    of_readings: str
    of_quarters: str


# `double precision`, and the counts beside it: a day's average is made from 96 others and must be the average of the
# readings. No count rather than a count of 0: most metrics are not what most devices measure, and a null takes no room.
AVG = Form("avg", "double precision", "avg({m})", "sum({avg} * {n}) / sum({n})")
MIN = Form("min", "real", "min({m})", "min({min})")
MAX = Form("max", "real", "max({m})", "max({max})")
N = Form("n", "integer", "nullif(count({m}), 0)", "sum({n})")

FORMS: dict[MetricKind, tuple[Form, ...]] = {
    "measure": (AVG, MIN, MAX, N),
    "state": (AVG, N),  # the average of 0 and 1 is the share of the time
    "counter": (MAX,),  # it only grows: its largest value is its last
}


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One column of the rollups."""

    metric: str
    form: Form

    @property
    def name(self) -> str:
        """The column's name."""
        return f"{self.metric}_{self.form.suffix}"

    @property
    def of_readings(self) -> pg.Composed:
        """Its value, from the readings of a quarter of an hour."""
        return pg.SQL(self.form.of_readings).format(m=pg.Identifier(self.metric))

    @property
    def of_quarters(self) -> pg.Composed:
        """Its value, from the quarters of a day."""
        columns = {form.suffix: pg.Identifier(f"{self.metric}_{form.suffix}") for form in (AVG, MIN, MAX, N)}
        return pg.SQL(self.form.of_quarters).format(**columns)


def aggregates() -> list[Aggregate]:
    """The columns of both rollups. The wide types come first, so that a new table has no gaps between its values."""
    every = [Aggregate(metric.name, form) for metric in METRICS for form in FORMS[metric.kind]]
    return sorted(every, key=lambda aggregate: aggregate.form is not AVG)
