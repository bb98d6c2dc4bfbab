"""The demo on a terminal: what comes in, what is wrong, what people were told."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from catalogue.device_types import DEVICE_TYPE
from catalogue.metrics import METRIC
from catalogue.rules import LevelRule, Rule, pack_in_force
from demo.verdict import Books
from foundation.sealing import masked
from foundation.settings import settings

_PRIORITY_STYLE = {"critical": "bold white on red", "high": "bold red", "medium": "yellow", "low": "dim"}
CO_SHOWN_RED = 30
"""ppm from which EN 50291 counts exposure (SAFETY.md)."""
_RATE_OVER = timedelta(seconds=10)


@dataclass(frozen=True)
class Row:
    """One open alarm, as the query `newest_alarms` gives it."""

    priority: str
    rule: str
    condition: str
    acknowledged: bool
    village: str
    address: str
    uid: str
    value: float | None
    raised_at: datetime


@dataclass(frozen=True)
class Sms:
    """One message that a carrier has taken."""

    at: datetime
    name: str
    phone: str
    text: str
    state: str


@dataclass(frozen=True)
class Village:
    """One village: who reports, how warm it is, what is wrong."""

    name: str
    heaters: str
    reporting: int
    devices: int
    indoor_c: float | None
    coldest_c: float | None
    co_ppm: float | None
    power_w: float | None
    alarms: int
    silent: bool


@dataclass
class Snapshot:
    """Everything that is shown at one moment."""

    at: datetime
    books: Books
    connected: int
    devices: int
    open_alarms: int = 0
    incidents: int = 0
    told: int = 0
    waiting: int = 0
    reporting: int = 0
    villages: list[Village] = field(default_factory=list)
    alarms: list[Row] = field(default_factory=list)
    messages: list[Sms] = field(default_factory=list)

    @property
    def busy(self) -> int:
        """How much there is to see."""
        return self.open_alarms + 10 * self.incidents + self.told


class Rate:
    """Messages per second over the last ten seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[datetime, int]] = deque()

    def at(self, moment: datetime, count: int) -> float:
        """Takes note of a count and returns the present rate."""
        self._seen.append((moment, count))
        while len(self._seen) > 1 and moment - self._seen[0][0] > _RATE_OVER:
            self._seen.popleft()
        first_at, first = self._seen[0]
        seconds = (moment - first_at).total_seconds()
        return (count - first) / seconds if seconds > 0 else 0.0


def screen(now: Snapshot, rate: float, left: str, links: dict[str, str]) -> RenderableType:
    """The whole view."""
    return Group(
        Panel(_numbers(now, rate), title="[bold]暖哨 Nuanshao[/] · demo", subtitle=left, border_style="cyan"),
        Panel(_villages(now), title="villages 嘎查村", border_style="cyan"),
        Panel(_alarms(now), title="open alarms 未关闭报警", border_style="red" if now.open_alarms else "green"),
        Panel(_messages(now), title="messages to village committees 发给村委会的短信", border_style="blue"),
        Text("  ".join(f"{name} {url}" for name, url in links.items()), style="dim"),
    )


def line(now: Snapshot, rate: float) -> str:
    """The same in one line, where there is no terminal."""
    books = now.books
    return (
        f"{now.reporting}/{now.devices} devices reporting, {rate:.0f} msg/s, published {books.published},"
        f" stored {books.stored}, duplicate {books.duplicate}, rejected {books.rejected},"
        f" open alarms {now.open_alarms}, incidents {now.incidents}, messages told {now.told}"
    )


def _numbers(now: Snapshot, rate: float) -> Table:
    table = Table.grid(expand=True, padding=(0, 2))
    cells = [
        ("messages/s", f"{rate:.0f}", "cyan"),
        ("devices", f"{now.reporting}/{now.devices}", "cyan"),
        ("published", f"{now.books.published:,}", ""),
        ("stored", f"{now.books.stored:,}", "green"),
        ("duplicate", f"{now.books.duplicate:,}", "dim"),
        ("rejected", f"{now.books.rejected:,}", "yellow" if now.books.rejected else "dim"),
        ("open alarms", f"{now.open_alarms}", "bold red" if now.open_alarms else "green"),
        ("incidents", f"{now.incidents}", "bold red" if now.incidents else "green"),
        ("messages", f"{now.told}", "blue"),
    ]
    for _ in cells:
        table.add_column(justify="center")
    table.add_row(*(Text(value, style=style) for _, value, style in cells))
    table.add_row(*(Text(name, style="dim") for name, _, _ in cells))
    return table


def _villages(now: Snapshot) -> Table:
    table = Table(box=None, expand=True, pad_edge=False)
    for name, ratio, justify in (
        ("village", 3, "left"), ("heating", 3, "left"), ("reporting", 2, "right"), ("indoor", 2, "right"),
        ("coldest", 2, "right"), ("CO max", 2, "right"), ("power", 2, "right"), ("", 1, "left"), ("state", 4, "left"),
    ):  # fmt: skip
        table.add_column(name, ratio=ratio, justify=justify, header_style="dim", no_wrap=True)  # type: ignore[arg-type]
    for one in now.villages:
        state = Text("all is well", style="green")
        if one.alarms:
            state = Text(f"{one.alarms} open alarms", style="bold red")
        if one.silent:
            state = Text("no power or network", style="bold white on red")
        kind = DEVICE_TYPE.get(one.heaters)
        table.add_row(
            one.name,
            kind.zh if kind else one.heaters,
            Text(f"{one.reporting}/{one.devices}", style="" if one.reporting == one.devices else "bold red"),
            _number(one.indoor_c, "{:.1f} °C"),
            _number(one.coldest_c, "{:.1f} °C"),
            Text(_number(one.co_ppm, "{:.0f} ppm"), style="bold red" if (one.co_ppm or 0) >= CO_SHOWN_RED else ""),
            _number(None if one.power_w is None else one.power_w / 1000, "{:.0f} kW"),
            "",
            state,
        )
    return table


def _number(value: float | None, shape: str) -> str:
    return "" if value is None else shape.format(value)


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(ZoneInfo(settings().timezone)):%H:%M:%S}"


def _alarms(now: Snapshot) -> RenderableType:
    if not now.alarms:
        return Text("none: all is well", style="green")
    table = Table(box=None, expand=True, pad_edge=False)
    for name, ratio in (("", 1), ("where", 3), ("what", 4), ("now", 1), ("since", 1), ("state", 2)):
        table.add_column(name, ratio=ratio, header_style="dim", no_wrap=True)
    rules = pack_in_force().by_id
    for row in now.alarms:
        rule = rules.get(row.rule)
        state = "acknowledged" if row.acknowledged else row.condition
        table.add_row(
            Text(f" {row.priority} ", style=_PRIORITY_STYLE[row.priority]),
            f"{row.village} {row.address or row.uid}",
            (rule.zh if rule else row.rule).replace("℃", "°C"),  # a sign of uncertain width
            _value(rule, row.value),
            _clock(row.raised_at),
            state,
        )
    return table


def _value(rule: Rule | None, value: float | None) -> str:
    if not isinstance(rule, LevelRule) or value is None:
        return ""
    metric = METRIC[rule.metric]
    return f"{value:.{metric.decimals}f} {metric.unit}"


def _messages(now: Snapshot) -> RenderableType:
    if not now.messages:
        return Text("none yet", style="dim")
    table = Table(box=None, expand=True, pad_edge=False, show_header=False)
    for width in (8, 18):
        table.add_column(width=width, no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    table.add_column(width=3)
    for sms in now.messages:
        mark = {
            "delivered": "[green]✓✓[/]",
            "handed_over": "[green]✓[/]",
            "accepted": "[green]✓[/]",
            "failed": "[red]✗[/]",
        }.get(sms.state, "")
        table.add_row(f"[dim]{_clock(sms.at)}[/]", f"{sms.name} {masked(sms.phone)}", sms.text, mark)
    return table
