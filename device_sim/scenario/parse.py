"""The text of a scenario becomes a Scenario; every mistake in it is found in one go. The format: docs/scenarios.md."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, get_args

from device_sim.faults.fault_rows import KINDS
from device_sim.fleet.fleet import HEATINGS
from device_sim.fleet.plan import Detectors
from device_sim.scenario.entries import read_timeline
from device_sim.scenario.mistakes import Mistakes
from device_sim.scenario.nodes import Fields, compose
from device_sim.scenario.scenario import Expected, FleetWish, Floor, Scenario, WeatherWish
from device_sim.scenario.times import MOMENT_FORM, moment

FIELDS: Final = ("name", "en", "zh", "lasts", "starts", "weather", "fleet", "clocks", "timeline", "expect")
FLEET_FIELDS: Final = ("technologies", "villages", "interval_s", "detectors", "gateways")
WEATHER_FIELDS: Final = ("offset_k", "seed")
FLOOR_FIELDS: Final = ("recall", "precision", "delay_s_p95", "messages_per_event")
_FALSE_OFFLINE: Final = "false_offline_per_1000_device_days"
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{1,31}")
_LONGEST_S: Final = 400 * 86_400.0
"""A heating year; the weather covers three."""
_MOST: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Draft:
    """What could be read of a file and what is wrong with it; `scenario` is None where nothing could."""

    scenario: Scenario | None
    mistakes: Mistakes


def parse_scenario(text: str, file: str) -> Scenario:
    """The scenario in `text`; `file` is only named in errors. Raises ScenarioError with a line for each mistake."""
    draft = parse_draft(text, file)
    draft.mistakes.raise_any()
    if draft.scenario is None:
        raise AssertionError("a file without mistakes is a scenario")
    return draft.scenario


def parse_draft(text: str, file: str) -> Draft:
    """As `parse_scenario`, for whoever has more to check before raising."""
    mistakes = Mistakes(file)
    root = compose(text, mistakes)
    if root is None:
        return Draft(None, mistakes)
    fields = Fields(root, "the scenario", FIELDS, mistakes)
    name = fields.text("name", needed=True) or ""
    if name and not _NAME.fullmatch(name):
        fields.wrong("name", f"name is '{name}'; expected 2–32 of a–z, 0–9 and -, beginning with a letter")
    lasts_s = fields.span("lasts", needed=True)
    if lasts_s is not None and not 0 < lasts_s <= _LONGEST_S:
        fields.wrong("lasts", "lasts is out of range; expected more than 0 and at most 400d")
        lasts_s = None
    scenario = Scenario(
        name=name,
        en=fields.text("en", needed=True) or "",
        zh=fields.text("zh", needed=True) or "",
        file=file,
        lasts_s=_LONGEST_S if lasts_s is None else lasts_s,
        starts=None,
        weather=_weather(fields),
        fleet=_fleet(fields),
        drifting_clocks=fields.one_of("clocks", ("exact", "drifting")) == "drifting",
        expected=_expected(fields),
        timeline=read_timeline(fields.items("timeline"), lasts_s, mistakes),
    )
    return Draft(_starting(scenario, fields), mistakes)


def _starting(scenario: Scenario, fields: Fields) -> Scenario:
    text = fields.text("starts")
    if text is None:
        return scenario
    starts = moment(text)
    if starts is None:
        fields.wrong("starts", f"starts is '{text}', which is no time; expected {MOMENT_FORM}")
    return replace(scenario, starts=starts)


def _weather(fields: Fields) -> WeatherWish:
    inner = fields.inner("weather", WEATHER_FIELDS)
    if inner is None:
        return WeatherWish()
    return WeatherWish(inner.number("offset_k", -30.0, 30.0, "K") or 0.0, inner.whole("seed", 0, 2**31))


def _fleet(fields: Fields) -> FleetWish:
    inner = fields.inner("fleet", FLEET_FIELDS)
    if inner is None:
        return FleetWish()
    detectors: dict[str, Detectors] = {word: word for word in get_args(Detectors)}
    return FleetWish(
        technologies=inner.some_of("technologies", HEATINGS, what="technology"),
        villages=inner.whole("villages", 1, 1000),
        interval_s=inner.whole("interval_s", 1, 86_400),
        detectors=detectors.get(inner.one_of("detectors", tuple(detectors)) or "", "usual"),
        gateways=inner.flag("gateways") or False,
    )


def _expected(fields: Fields) -> Expected:
    inner = fields.inner("expect", (*KINDS, _FALSE_OFFLINE, "messages"))
    if inner is None:
        return Expected()
    kinds = {}
    for kind in KINDS:
        floor = inner.inner(kind, FLOOR_FIELDS)
        if floor is not None:
            kinds[kind] = Floor(
                floor.number("recall", 0, 1),
                floor.number("precision", 0, 1),
                floor.number("delay_s_p95", 0, _MOST),
                floor.number("messages_per_event", 0, _MOST),
            )
    return Expected(kinds, inner.number(_FALSE_OFFLINE, 0, _MOST), inner.whole("messages", 0, _MOST))
