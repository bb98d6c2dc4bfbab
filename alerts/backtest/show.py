"""A back-test as tables for people."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alerts.backtest.run import Backtest
from alerts.backtest.tally import Count

MOST_VILLAGES: Final = 20
"""Those where the packs differ most; all are in the JSON."""
_NONE: Final = "·"
_PRIORITY_STYLE: Final = {"critical": "bold red", "high": "yellow", "medium": "", "low": "dim"}


def show(done: Backtest, console: Console) -> None:
    """Rules, villages, and what the figures leave out."""
    chosen = done.options
    where = f" in region {chosen.region}" if chosen.region else ""
    console.print(
        f"[bold]{chosen.begin:%Y-%m-%d %H:%M} to {chosen.end:%Y-%m-%d %H:%M}[/bold]{where}:"
        f" {done.readings:,} readings and {done.events:,} alarm bits of {len(done.county.devices):,} devices"
    )
    console.print(f"now: {chosen.present.label}, new: {chosen.new.label}")
    console.print(_rules(done))
    console.print(_villages(done))
    after = chosen.acknowledge_after
    answers = "nobody acknowledges" if after is None else f"everything is acknowledged after {after}"
    console.print(
        f"{done.seconds:.1f} s, {done.readings_per_s:,} readings/s through both packs"
        f" ({done.cpu_us_per_reading:.1f} µs of CPU each, {done.judged:,} judged singly); {answers}."
    )
    for limit in done.limits:
        console.print(f"• {limit}", style="dim", highlight=False)


def _rules(done: Backtest) -> Table:
    table = _table("what each pack raises and tells", ("priority", "rule"))
    present = {rule.id: (rule, count) for rule, count in done.present.by_rule()}
    new = {rule.id: (rule, count) for rule, count in done.new.by_rule()}
    order = {name: number for number, name in enumerate(_PRIORITY_STYLE)}
    rules = {**{rule_id: rule for rule_id, (rule, _) in present.items()}, **{r: rule for r, (rule, _) in new.items()}}
    for rule_id, rule in sorted(rules.items(), key=lambda item: order[item[1].priority]):
        before = present[rule_id][1] if rule_id in present else None
        after = new[rule_id][1] if rule_id in new else None
        if any(count is not None and count.alarms for count in (before, after)):
            table.add_row(Text(rule.priority, style=_PRIORITY_STYLE[rule.priority]), rule_id, *_cells(before, after))
    table.add_section()
    table.add_row("", "all", *_cells(done.present.total(), done.new.total()), style="bold")
    return table


def _villages(done: Backtest) -> Table:
    rows = done.villages
    title = (
        "villages" if len(rows) <= MOST_VILLAGES else f"the {MOST_VILLAGES} villages of {len(rows)} that differ most"
    )
    table = _table(title, ("village", "name"))
    for row in rows[:MOST_VILLAGES]:
        table.add_row(row.village.code, row.village.name, *_cells(row.present, row.new))
    return table


def _table(title: str, names: tuple[str, str]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in names:
        table.add_column(f"\n{name}", no_wrap=True)
    for what in ("alarms", "messages"):
        table.add_column(f"{what}\nnow", justify="right", no_wrap=True)
        table.add_column("\nnew", justify="right", no_wrap=True)
        table.add_column("\n±", justify="right", no_wrap=True)
    return table


def _cells(before: Count | None, after: Count | None) -> list[Text | str]:
    """None: the pack has no such rule."""
    cells: list[Text | str] = []
    for name in ("alarms", "messages"):
        old, new = (None if count is None else int(getattr(count, name)) for count in (before, after))
        difference = (new or 0) - (old or 0)
        style = "green" if difference < 0 else "red"
        cells += [
            "–" if old is None else f"{old:,}",
            "–" if new is None else f"{new:,}",
            Text(f"{difference:+,}", style=style) if difference else _NONE,
        ]
    return cells
