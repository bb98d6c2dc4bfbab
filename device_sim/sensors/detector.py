"""CO detectors: the electrochemical cell's lag and the detector's own alarm, which integrates as EN 50291 asks.

Numbers: SIMULATION.md "CO" (T90 60 s, 0–1000 ppm) and SAFETY.md, EN 50291-1 (2).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator, Ints, Metrics

LAG_S: Final = 60.0 / math.log(10)
"""Time constant of a first-order cell with T90 = 60 s."""
SPAN_PPM: Final = 1000.0
"""End of the cell's range; more reads as this."""
CLEAR_PPM: Final = 30.0
"""Below this the alarm bit goes off again (M)."""
HURRY_PPM: Final = 50.0
"""From here on a detector reports at HURRY_S, as real ones do (M)."""
HURRY_S: Final = 5.0
_FORGET_S: Final = 300.0
"""How fast the integrated dose fades in clean air (A)."""

# EN 50291-1: 30 ppm never before 120 min, 50 ppm 60–90 min, 100 ppm 10–40 min, 300 ppm within 3 min. One line of
# log(time) over log(ppm) through the middle of each window; beyond 300 ppm it goes on falling.
_LOG_PPM = np.log([50.0, 100.0, 300.0, 1000.0])
_LOG_S = np.log([75 * 60.0, 25 * 60.0, 60.0, 5.0])


def seconds_to_alarm(ppm: Floats) -> Floats:
    """How long a steady concentration takes to trip the alarm; infinite up to 30 ppm."""
    known = np.exp(np.interp(np.log(np.maximum(ppm, 1.0)), _LOG_PPM, _LOG_S))
    slow = (ppm > CLEAR_PPM) & (ppm < HURRY_PPM)
    return np.where(ppm <= CLEAR_PPM, np.inf, np.where(slow, 150 * 60.0, known))


class Detectors:
    """State of all detectors, shape (detectors,)."""

    def __init__(self, units: int, dice: Generator) -> None:
        self.cell_ppm = np.full(units, 0.4)
        self.zero_ppm = dice.normal(0.0, 0.8, units)
        self.dose = np.zeros(units)
        self.alarm = np.zeros(units, dtype=np.bool_)
        self.battery_pct = dice.uniform(55.0, 100.0, units)

    def step(self, dt_s: float, room_ppm: Floats, powered: Bools) -> Bools:
        """Advance by `dt_s` in rooms at `room_ppm`; returns which alarm bits changed. Unpowered ones forget."""
        self.cell_ppm += -math.expm1(-dt_s / LAG_S) * (room_ppm - self.cell_ppm)
        seen = np.minimum(self.cell_ppm, SPAN_PPM)
        gains = dt_s / seconds_to_alarm(seen)
        fades = np.where(seen <= CLEAR_PPM, math.exp(-dt_s / _FORGET_S), 1.0)
        self.dose = np.where(powered, np.minimum((self.dose + gains) * fades, 1.0), 0.0)
        before = self.alarm
        self.alarm = powered & ((self.dose >= 1.0) | (before & (seen > CLEAR_PPM)))
        return np.asarray(self.alarm != before)

    def metrics(self, rows: Ints) -> Metrics:
        """What the detectors `rows` show."""
        quiet = np.zeros(len(rows))
        return {
            "co_ppm": np.clip(self.cell_ppm[rows] + self.zero_ppm[rows], 0.0, SPAN_PPM),
            "ch4_lel": quiet,
            "alarm": self.alarm[rows].astype(np.float64),
            "self_test": quiet + 1.0,
            "end_of_life": quiet,
            "battery_pct": self.battery_pct[rows],
        }
