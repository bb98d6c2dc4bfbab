"""CO and gas detectors: the cells' lag, the alarm that integrates CO as EN 50291 asks, and what breaks in them.

Numbers: SIMULATION.md "CO" (T90 60 s, 0–1000 ppm), SAFETY.md EN 50291-1 (2) and GB 15322.2 (2/M).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
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
HURRY_LEL: Final = 5.0
"""The same for methane in %LEL: where the alarm band of GB 15322.2 begins (SAFETY.md)."""
HURRY_S: Final = 5.0
GAS_LAG_S: Final = 20.0 / math.log(10)
"""Time constant of the methane sensor, T90 = 20 s (A): GB 15322.2 wants the alarm within 30 s."""
GAS_ALARM_LEL: Final = 10.0
"""%LEL at which it alarms; GB 15322.2: 5–25 (2/M)."""
GAS_CLEAR_LEL: Final = 5.0
"""%LEL below which the gas alarm goes off again (A)."""
EXPIRED_LAG_S: Final = 20 * 86_400.0
"""Time constant with which a cell at the end of its life goes blind (A)."""
EXPIRED_LEFT: Final = 0.3
"""Share of the gas that a blind cell still sees (A)."""
_SLOW_BELOW_PPM: Final = 45.0
"""A cell in 50 ppm only comes near to 50: what is meant for 50 must hold from a little below (A)."""
_FORGET_S: Final = 300.0
"""How fast the integrated dose fades in clean air (A)."""
_FORGOTTEN: Final = 1e-4
_BATTERY_PCT_S: Final = 100.0 / (3 * 365 * 86_400.0)
"""A battery lasts three years (A)."""
_BATTERY_LOW_PCT: Final = 8.0
"""Then the household puts a new one in (A)."""
_DAY_S: Final = 86_400.0

# EN 50291-1: 30 ppm never before 120 min, 50 ppm 60–90 min, 100 ppm 10–40 min, 300 ppm within 3 min. One line of
# log(time) over log(ppm) through the middle of each window; beyond 300 ppm it goes on falling.
_LOG_PPM = np.log([50.0, 100.0, 300.0, 1000.0])
_LOG_S = np.log([75 * 60.0, 25 * 60.0, 60.0, 5.0])


def seconds_to_alarm(ppm: Floats) -> Floats:
    """How long a steady concentration takes to trip the alarm; infinite up to 30 ppm."""
    known = np.exp(np.interp(np.log(np.maximum(ppm, 1.0)), _LOG_PPM, _LOG_S))
    slow = (ppm > CLEAR_PPM) & (ppm < _SLOW_BELOW_PPM)
    return np.where(ppm <= CLEAR_PPM, np.inf, np.where(slow, 150 * 60.0, known))


class Detectors:
    """State of all detectors, shape (detectors,)."""

    def __init__(self, units: int, dice: Generator) -> None:
        self.cell_ppm = np.full(units, 0.4)
        self.cell_lel = np.zeros(units)
        self.zero_ppm = dice.normal(0.0, 0.8, units)
        self.drift_ppm = np.zeros(units)
        self.sensitivity = np.ones(units)
        self.dose = np.zeros(units)
        self.co_alarm = np.zeros(units, dtype=np.bool_)
        self.gas_alarm = np.zeros(units, dtype=np.bool_)
        self.expired = np.zeros(units, dtype=np.bool_)
        self.stuck_ppm = np.full(units, np.nan)
        self.battery_pct = dice.uniform(55.0, 100.0, units)

    def step(self, dt_s: float, co_ppm: Floats, ch4_lel: Floats, powered: Bools, faults: Mapping[str, Floats]) -> None:
        """Advance by `dt_s` in rooms at `co_ppm` and `ch4_lel`. Unpowered ones forget what they have integrated.

        `faults`: strength by name, NaN where the detector is healthy. A fault that ends was mended: the zero is set
        and the cell is a new one again.
        """
        self._break(dt_s, faults)
        self.cell_ppm += -math.expm1(-dt_s / LAG_S) * (co_ppm - self.cell_ppm)
        self.cell_lel += -math.expm1(-dt_s / GAS_LAG_S) * (ch4_lel - self.cell_lel)
        self.battery_pct -= dt_s * _BATTERY_PCT_S
        self.battery_pct = np.where(self.battery_pct < _BATTERY_LOW_PCT, 100.0, self.battery_pct)
        awake = powered & np.isnan(self.stuck_ppm)
        seen = np.minimum(self.sensitivity * self.cell_ppm + self.drift_ppm, SPAN_PPM)
        self._integrate(dt_s, seen, awake)
        gas = self.sensitivity * self.cell_lel
        self.gas_alarm = awake & ((gas >= GAS_ALARM_LEL) | (self.gas_alarm & (gas > GAS_CLEAR_LEL)))

    def _integrate(self, dt_s: float, seen: Floats, awake: Bools) -> None:
        """The dose of carbon monoxide; almost all detectors are in clean air, only the others cost anything."""
        smelling = np.flatnonzero((seen > CLEAR_PPM) | (self.dose > 0))
        if len(smelling):
            here = seen[smelling]
            gains = dt_s / seconds_to_alarm(here)
            fades = np.where(here <= CLEAR_PPM, math.exp(-dt_s / _FORGET_S), 1.0)
            dose = np.minimum((self.dose[smelling] + gains) * fades, 1.0)
            self.dose[smelling] = np.where(awake[smelling] & (dose > _FORGOTTEN), dose, 0.0)
        self.co_alarm = awake & ((self.dose >= 1.0) | (self.co_alarm & (seen > CLEAR_PPM)))

    def _break(self, dt_s: float, faults: Mapping[str, Floats]) -> None:
        healthy = np.full(len(self.dose), np.nan)
        self.stuck_ppm = faults.get("detector_stuck", healthy)
        drift = faults.get("detector_drift", healthy)
        self.drift_ppm = np.where(np.isnan(drift), 0.0, self.drift_ppm + np.nan_to_num(drift) * dt_s / _DAY_S)
        self.expired = ~np.isnan(faults.get("detector_expired", healthy))
        falls = -math.expm1(-dt_s / EXPIRED_LAG_S)
        self.sensitivity = np.where(self.expired, self.sensitivity + falls * (EXPIRED_LEFT - self.sensitivity), 1.0)

    def bits(self) -> Mapping[str, Bools]:
        """The alarms that they give now by event type, shape (detectors,)."""
        return {"co_alarm": self.co_alarm, "gas_alarm": self.gas_alarm}

    def metrics(self, rows: Ints) -> Metrics:
        """What the detectors `rows` show."""
        stuck = self.stuck_ppm[rows]
        seen = self.sensitivity[rows] * self.cell_ppm[rows] + self.zero_ppm[rows] + self.drift_ppm[rows]
        expired = self.expired[rows].astype(np.float64)
        return {
            "co_ppm": np.clip(np.where(np.isnan(stuck), seen, stuck), 0.0, SPAN_PPM),
            "ch4_lel": np.minimum(np.where(np.isnan(stuck), self.sensitivity[rows] * self.cell_lel[rows], 0.0), 100.0),
            "alarm": (self.co_alarm | self.gas_alarm)[rows].astype(np.float64),
            "self_test": 1.0 - expired,
            "end_of_life": expired,
            "battery_pct": self.battery_pct[rows],
        }
