"""A scenario for whoever chooses one: its name and length in a line, its timeline on a page, or all of it as JSON."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from typing import Any, Final

from device_sim.faults.fault_rows import FAULT
from device_sim.scenario.scenario import Choice, Entry, Scenario
from device_sim.scenario.times import written
from device_sim.score.floors import floors_of

_WIDTH: Final = 100
_NAME_WIDTH: Final = 16


def title(scenario: Scenario) -> str:
    """Name, length and what is rehearsed, in a line."""
    return f"{scenario.name:<{_NAME_WIDTH}} {written(scenario.lasts_s):>8}  {textwrap.shorten(scenario.en, _WIDTH)}"


def playbill(scenario: Scenario) -> list[str]:
    """The lines of a page: what is rehearsed, the timeline, what must come of it."""
    starts = "whenever it is played" if scenario.starts is None else f"{scenario.starts:%Y-%m-%d %H:%M} local time"
    lines = [
        f"{scenario.name}: {written(scenario.lasts_s)} from {starts}",
        *textwrap.wrap(scenario.en, _WIDTH),
        *textwrap.wrap(scenario.zh, _WIDTH // 2),
        "",
        *(_entry(entry, scenario.lasts_s) for entry in scenario.timeline),
    ]
    floors = floors_of(scenario.expected)
    if floors:
        lines.append("")
    for floor in floors:
        name = floor.measure if floor.kind is None else f"{floor.kind}.{floor.measure}"
        lines.append(f"expected  {name} {floor.side} {floor.limit:g}")
    return lines


def scenario_json(scenario: Scenario) -> dict[str, Any]:
    """The same for programs; times in seconds since the start."""
    return {
        "name": scenario.name,
        "en": scenario.en,
        "zh": scenario.zh,
        "lasts_s": scenario.lasts_s,
        "starts": None if scenario.starts is None else scenario.starts.isoformat(),
        "weather": asdict(scenario.weather),
        "fleet": asdict(scenario.fleet),
        "drifting_clocks": scenario.drifting_clocks,
        "timeline": [
            {
                "at_s": entry.at_s,
                "ends_s": min(entry.ends_s, scenario.lasts_s),
                "fault": entry.fault,
                "kind": FAULT[entry.fault].kind,
                "strength": entry.strength,
                "unit": FAULT[entry.fault].unit,
                "where": _where(entry),
                "unseen": entry.unseen,
            }
            for entry in scenario.timeline
        ],
        "expected": [
            {"kind": floor.kind, "measure": floor.measure, "side": floor.side, "limit": floor.limit}
            for floor in floors_of(scenario.expected)
        ],
    }


def _entry(entry: Entry, lasts_s: float) -> str:
    fault = FAULT[entry.fault]
    until = "the end" if entry.ends_s >= lasts_s else written(entry.ends_s)
    strength = "" if fault.unit == "-" else f" {entry.strength:g} {fault.unit}"
    named = "" if entry.id is None else f", called {entry.id}"
    unseen = ", which no device can tell" if entry.unseen else ""
    return f"{written(entry.at_s):>8} to {until:<8}  {entry.fault}{strength}: {_where(entry)}{named}{unseen}"


def _where(entry: Entry) -> str:
    where = entry.where
    if where is None:
        return "everywhere"
    if not isinstance(where, Choice):
        return f"{where.what} {where.name}"
    what = where.of if where.count != 1 else where.of.removesuffix("s")
    if where.same_as is not None:
        return f"the same {what} as {where.same_as}"
    many = (
        "all" if where.everything else f"{where.share:.0%} of" if where.share is not None else str(where.count or "all")
    )
    conditions = [*where.heating, *where.building_class, *(f"with {name}" for name in where.having)]
    conditions += [f"without {name}" for name in where.lacking]
    conditions += ["occupied"] if where.occupied else ["empty"] if where.occupied is False else []
    conditions += ["vulnerable"] if where.vulnerable else []
    conditions += [f"in {where.village}"] if where.village else []
    return f"{many} {what}" + (f" ({', '.join(conditions)})" if conditions else "")
