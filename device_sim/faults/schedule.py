"""What goes wrong when: scheduled events as data, and the short story that a demo plays."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, Literal

from device_sim.fleet.fleet import Fleet, Home

EventKind = Literal["co_leak", "overheat", "power_cut"]

CO_OVER_PPM: Final = 300.0
"""A reading from here on counts as dangerous in the truth file (SAFETY.md)."""
OVERHEAT_C: Final = 95.0
"""Working water of a wall boiler ends here (GB 25034-2020, S)."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that goes wrong from `at_s` for `duration_s`, both in seconds of simulated time from the start.

    `home` is a home's code, None when the whole `village` (a code) is hit. `strength`: rise in ppm/min for a co_leak,
    the flow temperature in °C that an overheat climbs towards; a power_cut has none.
    """

    kind: EventKind
    at_s: float
    duration_s: float
    village: str
    home: str | None = None
    strength: float = 0.0

    def __post_init__(self) -> None:
        if self.at_s < 0 or self.duration_s <= 0:
            raise ValueError(f"{self.kind}: starts at {self.at_s} s for {self.duration_s} s; neither may be negative")
        if (self.home is None) != (self.kind == "power_cut"):
            raise ValueError(f"{self.kind}: a power cut hits a village, everything else one home")

    @property
    def ends_s(self) -> float:
        """When it is over, in seconds from the start."""
        return self.at_s + self.duration_s


SHORTEST_MIN: Final = 2.0
"""A shorter demo cannot hold a silence of three intervals and its recovery."""
_TOLD_S: Final = 180.0
"""The length for which the story is written; longer ones stretch it."""
_STRONG_PPM_MIN: Final = 2400.0
"""300 ppm at the detector after some 23 s (C: ramp behind a lag of 26 s). 20 × a blocked vent (V)."""
_WEAK_PPM_MIN: Final = 150.0
"""A blocked vent in a small kitchen (C): what a long demo can afford to wait for."""
_CLIMBS_TO_C: Final = 105.5
"""Below the limit thermostat: 95 °C after about 60 s, 102 °C some 40 s later (C), so that both rules can be seen."""


def demo_events(fleet: Fleet, seed: int, minutes: float) -> tuple[Event, ...]:
    """A CO leak, an overheating boiler and a village without power, all inside `minutes` (≥ 2), ordered by start.

    Leak and overheat hit occupied homes of a gas village, the power cut another one. What a fleet cannot play is
    left out: no overheat without a gas boiler, no power cut with a single village. Raises ValueError below 2 min.
    """
    if minutes < SHORTEST_MIN:
        raise ValueError(f"a demo takes at least {SHORTEST_MIN:g} minutes, not {minutes:g}")
    total_s = minutes * 60.0
    dice = random.Random(seed)  # noqa: S311 - a reproducible story, no secret
    boilers = _homes_with(fleet, "gas_wall_boiler")
    detectors = _homes_with(fleet, "co_detector")
    gas_villages = {home.village for home in boilers}
    events: list[Event] = []
    boiling = dice.choice(boilers) if boilers else None
    sniffing = [home for home in detectors if home != boiling]
    leaking = dice.choice([home for home in sniffing if home.village in gas_villages] or sniffing or [None])
    if leaking is not None:
        strength = max(_STRONG_PPM_MIN * min(_TOLD_S / total_s, 1.0), _WEAK_PPM_MIN)
        lasts_s = min(0.6 * total_s, 1800.0)
        events.append(Event("co_leak", min(0.08 * total_s, 300.0), lasts_s, leaking.village, leaking.code, strength))
    if boiling is not None:
        # a short demo has to get over 102 °C sooner
        climbs_to_c = _CLIMBS_TO_C + max(_TOLD_S - total_s, 0.0) / 40.0
        lasts_s = min(0.9 * total_s, 1200.0)
        events.append(
            Event("overheat", min(0.06 * total_s, 600.0), lasts_s, boiling.village, boiling.code, climbs_to_c)
        )
    hit = {event.village for event in events}
    dark = [village.code for village in fleet.villages if village.code not in hit]
    if dark:
        # three silent intervals of 10 s to be noticed, and 25 s and more after the return to be told
        lasts_s = min(max(54.0, total_s / 3), 1800.0)
        events.append(Event("power_cut", min(0.305 * total_s, 1200.0), lasts_s, dice.choice(dark)))
    return tuple(sorted(events, key=lambda event: event.at_s))


def _homes_with(fleet: Fleet, device_type: str) -> list[Home]:
    """Occupied homes that have a device of this type."""
    having = {device.home for device in fleet.devices if device.type == device_type}
    return [home for home in fleet.homes if home.code in having and not home.vacant]
