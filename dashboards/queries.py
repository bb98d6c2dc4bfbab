"""The boards' SQL: named blocks in `sql/*.sql`, with the catalogue's parts filled in.

A block starts with `-- name: <name>`. `@fleet`, `@picked` and the like are other blocks or texts made from the
catalogue; `$…` belongs to Grafana and is left alone.
"""

from __future__ import annotations

import re
from typing import Final

from catalogue.device_types import DEVICE_TYPES
from catalogue.metrics import METRICS, Metric
from dashboards.units import label
from store.named_sql import blocks

_PLACE = re.compile(r"@(\w+)")
_COMMENT = re.compile(r"^ *--.*\n", re.MULTILINE)


EVERYBODY: Final = "d.uid <> 'drill-canary'"
"""`whose=EVERYBODY`: a list that shows drills too, below what is real, and marks them. Numbers never do.

The canary (store/canary.py) comes every few minutes and is in no list."""


def query(name: str, **places: str) -> str:
    """The SQL of block `name`, its `@places` filled from `places`, the catalogue, or the block of that name."""
    known = {"type_zh": _type_names(), "latest_values": _latest_values(), **places}

    def fill(place: re.Match[str]) -> str:
        return known[place[1]] if place[1] in known else query(place[1], **places)

    return _PLACE.sub(fill, _COMMENT.sub("", blocks("dashboards")[name]).strip())


def averages(metrics: tuple[Metric, ...], function: str = "avg") -> str:
    """`avg(t.flow_c) as flow_c, …`: one column a metric."""
    return ", ".join(f"{function}(t.{metric.name}) as {metric.name}" for metric in metrics)


def labelled(metrics: tuple[Metric, ...], row: str = "g") -> str:
    """`('供水温度 flow temperature', g.flow_c), …`: the rows of a VALUES list that turns columns into series."""
    return ", ".join(f"({_text(label(metric))}, {row}.{metric.name})" for metric in metrics)


def _latest_values() -> str:
    rows = (
        f"({place}, {_text(label(metric))}, l.{metric.name}, {metric.decimals}, {_text(metric.unit)})"
        for place, metric in enumerate(METRICS)
    )
    return ",\n    ".join(rows)


def _type_names() -> str:
    """The Chinese name of the type of device `d`; of a drill's twin marked as such."""
    whens = " ".join(f"when {_text(row.name)} then {_text(row.zh)}" for row in DEVICE_TYPES)
    return f"case when d.drill_id is null then '' else '演练·' end || case d.type {whens} else d.type end"


def _text(value: str) -> str:
    quoted = value.replace("'", "''")
    return f"'{quoted}'"
