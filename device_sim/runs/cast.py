"""Who plays what in a live run: the fleet that is asked for and that the scenario wishes, and what goes wrong in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from device_sim.fleet.fleet import Fleet
from device_sim.fleet.plan import TECHNOLOGIES, plan
from device_sim.network.uplink import Through, way_for
from device_sim.runs.demo_story import SHORTEST_MIN, demo_injections
from device_sim.runs.live import Show
from device_sim.scenario.scenario import FleetWish, Scenario
from device_sim.scenario.shelf import stage
from foundation.errors import SettingsError

_INTERVAL_S: Final = 10
"""Seconds between two readings of a device, where nobody says otherwise."""
_HOMES_IN_VILLAGE: Final = 100
_STORY_MIN: Final = 10.0
"""An endless run plays its story in its first minutes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks for. None is left to the scenario, and then to us. `homes` in all villages together."""

    seed: int
    homes: int
    villages: int | None = None
    interval_s: int | None = None
    through: Through = "auto"


@dataclass(frozen=True, slots=True)
class Cast:
    """What is played, why this way to the broker was taken, the scenario if there is one, how long it lasts."""

    show: Show
    why: str
    scenario: Scenario | None = None

    @property
    def lasts_s(self) -> float | None:
        """Simulated seconds; None where nothing says."""
        return None if self.scenario is None else self.scenario.lasts_s


def cast_scenario(asked: Asked, where: str) -> Cast:
    """A shipped scenario by its name, or one in a file. Raises as device_sim.scenario.shelf; SettingsError."""
    reasons: list[str] = []

    def planned(wish: FleetWish) -> Fleet:
        fleet, why = fleet_for(asked, wish)
        reasons.append(why)
        return fleet

    staged = stage(where, planned, asked.seed)
    scenario = staged.scenario
    show = Show(
        staged.fleet, staged.injections, asked.seed, scenario.starts, scenario.weather, scenario.drifting_clocks
    )
    return Cast(show, reasons[-1], scenario)


def cast_story(asked: Asked, simulated_minutes: float | None, *, events: bool) -> Cast:
    """The demo's three events, or nothing at all. Raises SettingsError for a story without time."""
    fleet, why = fleet_for(asked, FleetWish())
    if not events:
        return Cast(Show(fleet, (), asked.seed), why)
    minutes = _STORY_MIN if simulated_minutes is None else simulated_minutes
    if minutes < SHORTEST_MIN:
        raise SettingsError(
            f"three events need {SHORTEST_MIN:g} simulated minutes, not {minutes:g}", do="play longer, or --no-events"
        )
    return Cast(Show(fleet, demo_injections(fleet, asked.seed, minutes), asked.seed), why)


def fleet_for(asked: Asked, wish: FleetWish) -> tuple[Fleet, str]:
    """The fleet, and in a line how it reaches the broker and why. Raises SettingsError where both cannot be had."""
    if wish.gateways and asked.through == "devices":
        raise SettingsError("the scenario needs village gateways", do="leave --through out")
    fleet = _planned(asked, wish, gateways=False)
    gateways, why = way_for(len(fleet.device_home), asked.through)
    if wish.gateways and not gateways:
        gateways, why = True, f"{len(fleet.device_home)} devices through village gateways: the scenario's wish"
    return (_planned(asked, wish, gateways=True) if gateways else fleet), why


def _planned(asked: Asked, wish: FleetWish, *, gateways: bool) -> Fleet:
    usual = max(wish.villages or 1, math.ceil(asked.homes / _HOMES_IN_VILLAGE))
    try:
        return plan(
            asked.seed,
            asked.homes,
            villages=asked.villages or usual,
            technologies=wish.technologies or TECHNOLOGIES,
            detectors=wish.detectors,
            interval_s=asked.interval_s or wish.interval_s or _INTERVAL_S,
            gateways=gateways,
        )
    except ValueError as wrong:
        raise SettingsError(str(wrong), do="change --homes or --villages") from None
