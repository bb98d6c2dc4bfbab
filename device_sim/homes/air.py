"""Carbon monoxide in a room: V·dC/dt = S − λV(C − C_out), solved exactly. Unit ppm everywhere.

λ is the air change per hour, S/V the rise. SIMULATION.md: a blocked vent brings 0.2 m³/h, 111 ppm/min in 30 m³ (V).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from device_sim.arrays import Floats

OUTDOOR_PPM: Final = 0.4
"""Clean winter air with some stoves around (A)."""


def settled_ppm(rise_ppm_min: Floats, changes_per_h: Floats) -> Floats:
    """Where the concentration settles with a source of `rise_ppm_min` (S/V) and λ = `changes_per_h`."""
    return OUTDOOR_PPM + rise_ppm_min * 60.0 / changes_per_h


def decay(changes_per_h: Floats, dt_s: float) -> Floats:
    """Share of the difference to the settled value that is left after `dt_s`."""
    return np.exp(-changes_per_h / 3600.0 * dt_s)


def rise_from(source_m3_h: float, room_m3: float) -> float:
    """Rise in ppm/min of a source in m³ CO per hour in a room of `room_m3`."""
    return source_m3_h / room_m3 * 1e6 / 60.0


class Rooms:
    """Concentration `ppm` in the room of each detector, shape (detectors,)."""

    def __init__(self, changes_per_h: Floats) -> None:
        self.changes_per_h = changes_per_h
        self.ppm = np.full(len(changes_per_h), OUTDOOR_PPM)

    def step(self, dt_s: float, rise_ppm_min: Floats) -> None:
        """Advance by `dt_s` with a constant source."""
        settles = settled_ppm(rise_ppm_min, self.changes_per_h)
        self.ppm = settles + (self.ppm - settles) * decay(self.changes_per_h, dt_s)
