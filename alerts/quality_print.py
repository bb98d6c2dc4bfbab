"""The quality report on a terminal, and as plain values for programs. No phone number is shown in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final
from zoneinfo import ZoneInfo

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from alerts.quality import Recipient, Report, Source, Verdict

_STYLE: Final[dict[Verdict, str]] = {"good": "green", "watch": "yellow", "bad": "bold red", "too_few": "dim"}
_WORD: Final[dict[Verdict, str]] = {"good": "good", "watch": "watch", "bad": "BAD", "too_few": "too few"}
_SHOWN_RECIPIENTS: Final = 10
_WIDTH_IN_FILES: Final = 140
"""Columns where there is no terminal to ask."""


def as_data(report: Report) -> dict[str, Any]:
    """The report as plain values, for JSON: times in ISO 8601, shares between 0 and 1."""
    data = asdict(report)
    for source in (*data["top"], *data["chattering"]):
        del source["times"]
    return {
        "since": report.since.isoformat(),
        "until": report.until.isoformat(),
        "verdict": report.verdict,
        **{name: data[name] for name in data if name not in {"since", "until"}},
    }


def show(report: Report, zone: str, console: Console | None = None) -> None:
    """Prints it."""
    out = console or Console(highlight=False)
    if console is None and not out.is_terminal:
        out = Console(highlight=False, width=_WIDTH_IN_FILES)
    out.print(_page(report, zone))


def _page(report: Report, zone: str) -> RenderableType:
    since, until = (moment.astimezone(ZoneInfo(zone)) for moment in (report.since, report.until))
    title = Text.assemble(
        ("Alarm quality", "bold"), f" {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M}: {report.alarms} alarms,"
        f" {report.messages} messages, ", _mark(report.verdict),
    )  # fmt: skip
    parts: list[RenderableType] = [title, "", _measures(report)]
    if report.recipients:
        parts += ["", _recipients(report.recipients)]
    if report.top:
        parts += ["", _sources("Most frequent sources", report.top, report.alarms)]
    if report.chattering:
        parts += ["", _sources("Chattering", report.chattering, report.alarms)]
    if report.priorities:
        parts += ["", _priorities(report)]
    if report.withheld:
        parts += ["", _withheld(report)]
    return Group(*parts)


def _measures(report: Report) -> Table:
    listed = _table("", "measure", "found", "target", "verdict", "what to do")
    for one in report.measures:
        listed.add_row(one.name, one.shown, one.target, _mark(one.verdict), one.do)
    return listed


def _recipients(recipients: Sequence[Recipient]) -> Table:
    more = f" (the first {_SHOWN_RECIPIENTS} of {len(recipients)})" if len(recipients) > _SHOWN_RECIPIENTS else ""
    columns = ("who", "phone", "region", "alarms", "messages", "per hour", "worst hour", "floods", "verdict")
    listed = _table(f"Recipients{more}", *columns)
    for one in recipients[:_SHOWN_RECIPIENTS]:
        listed.add_row(
            one.name, one.phone, one.region, str(one.alarms), str(one.messages), f"{one.mean_per_hour:.2f}",
            str(one.worst_hour), f"{one.floods} ({one.flood_share:.2%})", _mark(one.verdict),
        )  # fmt: skip
    return listed


def _sources(title: str, sources: Sequence[Source], alarms: int) -> Table:
    listed = _table(title, "rule", "device", "village", "alarms", "of all")
    for one in sources:
        listed.add_row(one.rule, one.device, one.village, str(one.alarms), f"{one.alarms / alarms:.0%}")
    return listed


def _priorities(report: Report) -> Table:
    listed = _table("Priorities", "priority", "alarms", "told", "acknowledged", "median until then")
    order = ("critical", "high", "medium", "low")
    for one in sorted(report.priorities, key=lambda one: order.index(one.priority)):
        median = "" if one.median_s is None else f"{one.median_s / 60:.1f} min"
        listed.add_row(one.priority, str(one.alarms), str(one.told), str(one.acknowledged), median)
    return listed


def _withheld(report: Report) -> Table:
    listed = _table("Held back", "because of", "messages", "what became of them")
    for one in report.withheld:
        listed.add_row(one.reason, str(one.messages), one.outcome or "still held back")
    return listed


def _mark(verdict: Verdict) -> Text:
    return Text(_WORD[verdict], style=_STYLE[verdict])


def _table(title: str, *columns: str) -> Table:
    listed = Table(
        title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for place, name in enumerate(columns):
        listed.add_column(name, header_style="dim", overflow="fold", no_wrap=place == 0)
    return listed
