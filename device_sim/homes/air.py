"""What is in the air of a home: V·dC/dt = S − λV(C − C_out) for carbon monoxide and methane, solved exactly.

λ is the air change per hour, S/V the rise. SIMULATION.md: a blocked vent brings 0.2 m³/h, 111 ppm/min in 30 m³ (V).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from device_sim.arrays import Floats

OUTDOOR_PPM: Final = 0.4
"""Carbon monoxide in clean winter air with some stoves around (A)."""
BEDROOM_M3: Final = 30.0
"""The room of a blocked vent's 111 ppm/min (V)."""
STOVE_ROOM_M3: Final = 40.0
"""The room of a coal stove (V)."""
LEL_SHARE: Final = 0.05
"""Methane burns from 5 % of the volume on: 100 %LEL (M)."""


def settled_ppm(rise_ppm_min: Floats, changes_per_h: Floats) -> Floats:
    """Where the concentration settles with a source of `rise_ppm_min` (S/V) and λ = `changes_per_h`."""
    return OUTDOOR_PPM + rise_ppm_min * 60.0 / changes_per_h


def settled_lel_pct(methane_m3_h: Floats, room_m3: Floats | float, changes_per_h: Floats | float) -> Floats:
    """Where methane settles in %LEL with a source in m³/h; a room holds at most pure methane (2000 %LEL)."""
    return np.minimum(methane_m3_h / (room_m3 * changes_per_h), 1.0) * (100.0 / LEL_SHARE)


def decay(changes_per_h: Floats, dt_s: float) -> Floats:
    """Share of the difference to the settled value that is left after `dt_s`."""
    return np.exp(-changes_per_h / 3600.0 * dt_s)


def rise_from(source_m3_h: float, room_m3: float) -> float:
    """Rise in ppm/min of a source in m³ CO per hour in a room of `room_m3`."""
    return source_m3_h / room_m3 * 1e6 / 60.0


class HomeAir:
    """The air of all homes, shape (homes,): carbon monoxide `ppm` and methane `lel_pct` (%LEL; above 100 is possible).

    `volume_m3` is the room into which the gases come, `changes_per_h` its air change λ; both > 0.
    """

    def __init__(self, volume_m3: Floats, changes_per_h: Floats) -> None:
        self.volume_m3 = volume_m3
        self.changes_per_h = changes_per_h
        self.ppm = np.full(len(volume_m3), OUTDOOR_PPM)
        self.lel_pct = np.zeros(len(volume_m3))
        self._rise_of_m3_h = 1e6 / 60.0 / volume_m3
        self._left = np.ones(len(volume_m3))
        self._left_after_s = 0.0

    def step(
        self,
        dt_s: float,
        co_m3_h: Floats,
        co_rise_ppm_min: Floats | None = None,
        ch4_m3_h: Floats | None = None,
        extra_changes_per_h: Floats | None = None,
    ) -> None:
        """Advance by `dt_s` with constant sources; None for what no home has.

        `co_m3_h` and `ch4_m3_h` are sources in m³/h, `co_rise_ppm_min` a rise besides, whatever the room's volume;
        `extra_changes_per_h` an open window.
        """
        changes, left = self.changes_per_h, self._left_for(dt_s)
        if extra_changes_per_h is not None:
            changes = changes + extra_changes_per_h
            left = decay(changes, dt_s)
        rise = co_m3_h * self._rise_of_m3_h
        if co_rise_ppm_min is not None:
            rise += co_rise_ppm_min
        settles = settled_ppm(rise, changes)
        self.ppm = settles + (self.ppm - settles) * left
        if ch4_m3_h is None:
            self.lel_pct = self.lel_pct * left
        else:
            settles = settled_lel_pct(ch4_m3_h, self.volume_m3, changes)
            self.lel_pct = settles + (self.lel_pct - settles) * left

    def _left_for(self, dt_s: float) -> Floats:
        """The decay of closed homes; kept, because steps are mostly of one length."""
        if dt_s != self._left_after_s:
            self._left, self._left_after_s = decay(self.changes_per_h, dt_s), dt_s
        return self._left
