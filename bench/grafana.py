"""The boards' queries as Grafana sends them: variables by its front end, macros by its PostgreSQL data source. Pure.

Read from the committed JSON, which is what Grafana reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any, Final

from foundation.errors import ServiceFailed

POINTS: Final = 1_000
"""How many points a panel on a usual screen asks for; the interval follows from it."""
STEPS: Final = {
    1: "1s", 2: "2s", 5: "5s", 10: "10s", 15: "15s", 20: "20s", 30: "30s", 60: "1m", 120: "2m", 300: "5m", 600: "10m",
    900: "15m", 1200: "20m", 1800: "30m", 3600: "1h", 7200: "2h", 10800: "3h", 21600: "6h", 43200: "12h", 86400: "1d",
}  # fmt: skip
"""Grafana's intervals, by their seconds."""
_MACRO: Final = re.compile(r"\$__(\w+)\(([^)]*)\)")
_SPAN: Final = re.compile(r"now-(\d+)([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class PanelQuery:
    """One query of a panel. `span` is what its board shows when it is opened."""

    board: str
    panel: str
    sql: str
    span: timedelta


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person looks at: the time, and each variable as it stands in the SQL, with its quotes."""

    end: datetime
    variables: Mapping[str, str]


def panel_queries() -> Iterator[PanelQuery]:
    """Every query of every panel of every board."""
    folder = files("dashboards").joinpath("json")
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        board: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        for outer in board["panels"]:
            for panel in outer.get("panels") or [outer]:
                for target in panel.get("targets", ()):
                    yield PanelQuery(board["title"], panel["title"], target["rawSql"], span_of(board["time"]["from"]))


def span_of(since: str) -> timedelta:
    """How long ago `now-24h` is. Raises ServiceFailed for a span of another form."""
    found = _SPAN.fullmatch(since)
    if found is None:
        raise ServiceFailed(f"a board begins at {since!r}, which bench cannot read", do="teach bench/grafana.py")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def step_for(span: timedelta) -> int:
    """Seconds of $__interval: the first of Grafana's that needs no more than POINTS."""
    return next((step for step in STEPS if span.total_seconds() / step <= POINTS), max(STEPS))


def expanded(query: PanelQuery, shown: Shown) -> str:
    """The SQL that reaches the database. Raises ServiceFailed for a variable or macro that is not known here."""
    step = step_for(query.span)
    text = query.sql
    for name, value in shown.variables.items():
        text = text.replace(f"${{{name}:sqlstring}}", value)
    text = text.replace("$__interval", STEPS[step])
    start, end = (f"'{at.isoformat().replace('+00:00', 'Z')}'" for at in (shown.end - query.span, shown.end))

    def macro(found: re.Match[str]) -> str:
        name, arguments = found[1], [part.strip().strip("'") for part in found[2].split(",")]
        seconds = next((seconds for seconds, spelt in STEPS.items() if spelt == arguments[-1]), step)
        bucket = f"time_bucket('{seconds:.3f}s',{arguments[0]})"
        known = {
            "timeFilter": f"{arguments[0]} BETWEEN {start} AND {end}",
            "timeFrom": start,
            "timeTo": end,
            "timeGroup": bucket,
            "timeGroupAlias": f'{bucket} AS "time"',
        }
        return known.get(name, found[0])

    text = _MACRO.sub(macro, text)
    if "$" in text:
        unknown = text[text.index("$") :][:40]
        raise ServiceFailed(f"panel {query.panel!r}: nothing is known of {unknown!r}", do="teach bench/grafana.py")
    return text
