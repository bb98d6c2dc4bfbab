"""How a home without heat cools: one heavy node, exponentially towards the weather (SIMULATION.md, House). Pure."""

from __future__ import annotations

import math


def hours_until(room_c: float, outdoor_c: float, level_c: float, tau_h: float) -> float:
    """Hours until a room falls to the level; 0 where it is there, infinite where the weather is no colder.

    `tau_h` is the home's time constant (catalogue/building_classes.py). A heavy home (28 h) at −19 °C falls from 18 to
    5 °C in 12 h and to 0 °C in 19 h (SAFETY.md).
    """
    if room_c <= level_c:
        return 0.0
    if outdoor_c >= level_c:
        return math.inf
    return tau_h * math.log((room_c - outdoor_c) / (level_c - outdoor_c))


def after_hours(room_c: float, outdoor_c: float, tau_h: float, hours: float) -> float:
    """The room's temperature so many hours later."""
    return outdoor_c + (room_c - outdoor_c) * math.exp(-hours / tau_h)
