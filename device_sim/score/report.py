"""A score for people: a table that fits 80 columns, then what was missed, what was false, and what had to be reached.

Colour only where it says something; none at all where the output is no terminal (rich sees to that).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from device_sim.climate.weather import LOCAL
from device_sim.score.evidence import Run
from device_sim.score.kinds import KIND
from device_sim.score.result import FalseAlarm, KindScore, Missed, Score, Verdict

SHOWN: Final = 8
"""Missed and false ones that are listed; the JSON has all."""
_CAPTION: Final = "in: from danger to the first message that a carrier took; msgs: per due event"
_NOTHING: Final = "–"
_MINUTE_S: Final = 60.0
_HOUR_S: Final = 3600.0
_LONGEST_S: Final = 600.0
"""Up to here a delay is shown in seconds."""
_FEW_S: Final = 100.0


def show(score: Score, console: Console, zone: tzinfo = LOCAL) -> None:
    """Prints the score; times in `zone`."""
    console.print(picture(score, zone), soft_wrap=False)


def picture(score: Score, zone: tzinfo = LOCAL) -> RenderableType:
    """The score as something that rich prints."""
    parts: list[RenderableType] = []
    if any(kind.injected or kind.right or kind.false for kind in score.kinds.values()):
        parts += [_table(score), Text(_CAPTION, style="dim")]
    parts.append(_summary(score))
    if unanswered := [f"{name} {kind.no_rule}" for name, kind in score.kinds.items() if kind.no_rule]:
        parts.append(Text(f"no rule answers yet: {', '.join(unanswered)}", style="dim"))
    if unseen := [f"{name} {kind.unseen}" for name, kind in score.kinds.items() if kind.unseen]:
        parts.append(Text(f"no device could tell: {', '.join(unseen)}", style="dim"))
    clock = _Clock(score.run, zone)
    parts += _list([_missed(one, clock) for one in score.missed], "missed", "red")
    parts += _list([_false(one, clock) for one in score.false], "false", "yellow")
    parts += [_floor(verdict) for verdict in score.verdicts]
    return Group(*parts)


def _table(score: Score) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("kind", no_wrap=True)
    for title in ("due/all", "recall", "precision", "half in", "95 % in", "all in", "msgs"):
        table.add_column(title, justify="right", no_wrap=True)
    broken = {(verdict.kind, verdict.measure) for verdict in score.verdicts if not verdict.held}
    for name, kind in score.kinds.items():
        table.add_row(*_row(name, kind, {measure for of, measure in broken if of == name}))
    return table


def _row(name: str, kind: KindScore, broken: set[str]) -> Iterator[Text]:
    yield Text(f"{name} {KIND[name].zh}", style="" if kind.due or kind.false else "dim")
    yield Text(f"{kind.due}/{kind.injected}")
    yield _share(kind.recall, "bold red")
    yield _share(kind.precision, "bold red" if "precision" in broken else "yellow")
    for measure, value in (("p50", kind.delay_s.p50), ("p95", kind.delay_s.p95), ("max", kind.delay_s.max)):
        yield Text(_time(value), style="bold red" if f"delay_s_{measure}" in broken else "")
    each = kind.messages_per_event
    yield Text(_NOTHING if each is None else f"{each:.1f}", style="bold red" if "messages_per_event" in broken else "")


def _share(value: float | None, style: str) -> Text:
    if value is None:
        return Text(_NOTHING, style="dim")
    # 99.96 % is not all of them
    percent = 100.0 if value == 1.0 else min(value * 100.0, 99.9)
    return Text(f"{percent:.0f} %" if percent.is_integer() else f"{percent:.1f} %", style="" if value == 1.0 else style)


def _time(seconds: float | None) -> str:
    if seconds is None:
        return _NOTHING
    if seconds < _FEW_S:
        return f"{seconds:.1f} s"
    if seconds <= _LONGEST_S:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE_S:.0f} min" if seconds < 2 * _HOUR_S else f"{seconds / _HOUR_S:.1f} h"


def _summary(score: Score) -> Text:
    offline = _NOTHING if score.false_offline is None else f"{score.false_offline:.1f}"
    run = score.run
    return Text(
        f"{offline} false offline per 1000 device-days · {score.messages} messages · "
        f"{run.devices} devices for {_time(run.lasted.total_seconds())}"
    )


def _list(lines: Sequence[str], title: str, style: str) -> Iterator[Text]:
    for line in lines[:SHOWN]:
        yield Text(f"{title:<7} {line}", style=style)
    if len(lines) > SHOWN:
        yield Text(f"{title:<7} and {len(lines) - SHOWN} more", style=style)


def _missed(one: Missed, clock: _Clock) -> str:
    return f"{clock.at(one.at)}  {one.home or one.village}  {one.fault}: {one.why}"


def _false(one: FalseAlarm, clock: _Clock) -> str:
    where = one.home or one.device or one.village
    during = f", during {', '.join(one.during)}" if one.during else ""
    return f"{clock.at(one.at)}  {where}  {one.rule}: {'told' if one.told else 'not told'}{during}"


def _floor(verdict: Verdict) -> Text:
    name = verdict.measure if verdict.kind is None else f"{verdict.kind}.{verdict.measure}"
    sign = "≥" if verdict.measure in {"recall", "precision"} else "≤"
    value = _NOTHING if verdict.value is None else f"{verdict.value:.4g}"
    line = f"{name} {sign} {verdict.limit:g}: {value}{f', {verdict.why}' if verdict.why else ''}"
    return Text(f"{'reached' if verdict.held else 'FAILED':<7} {line}", style="green" if verdict.held else "bold red")


class _Clock:
    """Times of day, with the date where a run has more than one."""

    def __init__(self, run: Run, zone: tzinfo) -> None:
        self._zone = zone
        one_day = run.since.astimezone(zone).date() == run.until.astimezone(zone).date()
        self._form = "%H:%M:%S" if one_day else "%m-%d %H:%M:%S"

    def at(self, moment: datetime) -> str:
        return moment.astimezone(self._zone).strftime(self._form)
