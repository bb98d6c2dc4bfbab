"""The short story that a demo plays: a carbon monoxide leak, an overheating boiler, a village without power."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Final

import numpy as np

from device_sim.faults.injection import Injection
from device_sim.fleet.fleet import Fleet

SHORTEST_MIN: Final = 2.0
"""A shorter demo cannot hold a silence of three intervals and its recovery."""
_TOLD_S: Final = 180.0
"""The length for which the story is written; longer ones stretch it."""
_STRONG_PPM_MIN: Final = 2400.0
"""300 ppm at the detector after some 23 s (C: ramp behind a lag of 26 s). 20 × a blocked vent (V)."""
_WEAK_PPM_MIN: Final = 150.0
"""A blocked vent in a small kitchen (C): what a long demo can afford to wait for."""
_BACK_WITHIN_S: Final = 3.0
"""The village's devices connect again at once: a demo has no minute for a storm."""
_CLIMBS_TO_C: Final = 105.5
"""Below the limit thermostat: 95 °C after about 60 s, 102 °C some 40 s later (C), so that both rules can be seen."""


def demo_injections(fleet: Fleet, seed: int, minutes: float) -> tuple[Injection, ...]:
    """The three, all inside `minutes` (≥ 2), ordered by start.

    Leak and overheat hit occupied homes of a gas village, the power cut another one. What a fleet cannot play is
    left out: no overheat without a gas boiler, no power cut with a single village. Raises ValueError below 2 min.
    """
    if minutes < SHORTEST_MIN:
        raise ValueError(f"a demo takes at least {SHORTEST_MIN:g} minutes, not {minutes:g}")
    total_s = minutes * 60.0
    dice = random.Random(seed)  # noqa: S311 - a reproducible story, no secret
    village = fleet.home_village
    boilers, detectors = _homes_with(fleet, "gas_wall_boiler"), _homes_with(fleet, "co_detector")
    gas_villages = {int(village[home]) for home in boilers}
    story: list[Injection] = []
    boiling = dice.choice(boilers) if boilers else None
    sniffing = [home for home in detectors if home != boiling]
    leaking = dice.choice([home for home in sniffing if village[home] in gas_villages] or sniffing or [None])
    if leaking is not None:
        strength = max(_STRONG_PPM_MIN * min(_TOLD_S / total_s, 1.0), _WEAK_PPM_MIN)
        story.append(
            _at_home(fleet, "co_leak", min(0.08 * total_s, 300.0), min(0.6 * total_s, 1800.0), strength, leaking)
        )
    if boiling is not None:
        # a short demo has to get over 102 °C sooner
        climbs_to_c = _CLIMBS_TO_C + max(_TOLD_S - total_s, 0.0) / 40.0
        lasts_s = min(0.9 * total_s, 1200.0)
        story.append(_at_home(fleet, "overheat", min(0.06 * total_s, 600.0), lasts_s, climbs_to_c, boiling))
    hit = {int(village[home]) for home in (leaking, boiling) if home is not None}
    dark = [row for row in range(len(fleet.villages)) if row not in hit]
    if dark:
        # three silent intervals of 10 s to be noticed, and 25 s and more after the return to be told
        lasts_s = min(max(54.0, total_s / 3), 1800.0)
        story.append(_power_cut(fleet, min(0.305 * total_s, 1200.0), lasts_s, dice.choice(dark)))
    story.sort(key=lambda injection: injection.at_s)
    return tuple(replace(injection, number=number) for number, injection in enumerate(story))


def _at_home(fleet: Fleet, fault: str, at_s: float, lasts_s: float, strength: float, home: int) -> Injection:
    village = fleet.villages[fleet.home_village[home]].code
    return Injection(fault, at_s, at_s + lasts_s, strength, (home,), tuple(fleet.devices_of(home)), village)


def _power_cut(fleet: Fleet, at_s: float, lasts_s: float, village: int) -> Injection:
    homes = np.flatnonzero(fleet.home_village == village)
    devices = np.flatnonzero(fleet.home_village[fleet.device_home] == village)
    code = fleet.villages[village].code
    return Injection(
        "power_cut",
        at_s,
        at_s + lasts_s,
        1.0,
        tuple(homes.tolist()),
        tuple(devices.tolist()),
        code,
        back_within_s=_BACK_WITHIN_S,
    )


def _homes_with(fleet: Fleet, device_type: str) -> list[int]:
    """Occupied homes that have a device of this type."""
    homes = np.unique(fleet.device_home[fleet.rows_of(device_type)])
    return [int(home) for home in homes[~fleet.home_vacant[homes]]]
