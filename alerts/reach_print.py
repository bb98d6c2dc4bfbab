"""The reach report on a terminal, and as plain values for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from alerts.reach import Figures, Reach

_WIDTH_IN_FILES: Final = 140
"""Columns where there is no terminal to ask."""
_COLUMNS: Final = (
    "sent", "delivered", "handed over", "failed", "waiting", "alarms told", "acknowledged", "median until then",
)  # fmt: skip


def as_data(reach: Reach) -> dict[str, Any]:
    """The report as plain values, for JSON."""
    return {**asdict(reach), "day": reach.day.isoformat(), "regions": [asdict(one) for one in reach.regions]}


def show(reach: Reach, zone: str, console: Console | None = None) -> None:
    """Prints it."""
    out = console or Console(highlight=False)
    if console is None and not out.is_terminal:
        out = Console(highlight=False, width=_WIDTH_IN_FILES)
    out.print(_page(reach, zone))


def _page(reach: Reach, zone: str) -> RenderableType:
    title = Text.assemble(("Reach", "bold"), f" on {reach.day:%Y-%m-%d} ({zone})")
    if not reach.regions:
        return Group(title, "nobody was sent anything")
    listed = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    listed.add_column("region", no_wrap=True)
    listed.add_column("way", no_wrap=True)
    for name in _COLUMNS:
        listed.add_column(name, justify="right")
    for region in reach.regions:
        _add(listed, Text.assemble(region.name, (f"  {region.code}", "dim")), region.figures, region.ways)
    if len(reach.regions) > 1:
        listed.add_section()
        _add(listed, Text("everything"), reach.figures, reach.ways)
    return Group(title, "", listed)


def _add(listed: Table, name: Text, figures: Figures, ways: dict[str, Figures]) -> None:
    """A line over all ways, and one for each where there are several."""
    only = next(iter(ways)) if len(ways) == 1 else "all"
    listed.add_row(name, only, *_cells(figures), style="bold")
    if len(ways) > 1:
        for way, some in ways.items():
            listed.add_row("", way, *_cells(some))


def _cells(figures: Figures) -> list[Text]:
    median = "" if figures.median_min is None else f"{figures.median_min:.1f} min"
    missing = figures.alarms - figures.acknowledged
    return [
        _number(figures.sent), _number(figures.delivered), _number(figures.handed_over),
        _number(figures.failed, "red"), _number(figures.waiting, "yellow"), _number(figures.alarms),
        _number(figures.acknowledged, "yellow" if missing else ""), Text(median),
    ]  # fmt: skip


def _number(value: int, style: str = "") -> Text:
    return Text(f"{value}", style=style) if value else Text("–", style="dim")
