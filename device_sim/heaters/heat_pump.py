"""Air-source heat pumps (water): Carnot-fraction COP, capacity falling in the cold, frost and defrost.

Numbers: SIMULATION.md, "Heat pumps". No generic library model: those fail below −15 °C.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator, Ints, Metrics

ETA: Final = 0.40
"""Fraction of Carnot, ± 0.06 between units (C: fits the EN 14825 Keymark medians)."""
MAX_COP: Final = 6.0
STANDBY_W: Final = 14.0
"""Median standby (V)."""
_SIZED: Final = 1.35
"""Heat at −7 °C over the home's design load (A): 76 % of it is left at −19 °C, which just covers the load."""
_AUXILIARY_W: Final = 110.0
"""Fan and pump while running (A)."""
_LEAST_SHARE: Final = 0.2
_WATER_LAG_S: Final = 120.0
_COOLING_LAG_S: Final = 3 * 3600.0
"""Standing water in warm pipes without power (A)."""
_WATER_J_LK: Final = 4186.0
_FREEZE_GUARD_C: Final = 8.0
"""Below this return temperature the pump heats whatever the room says (M)."""
_DEFROST_W: Final = -2_500.0
"""Heat drawn back from the water while defrosting: flow falls by 5–10 K (C)."""
_FASTEST_FROST_S: Final = 45 * 60.0
_ICE_PLUGGED: Final = 1.0


def cop(outdoor_c: Floats, flow_c: Floats, eta: Floats | float = ETA) -> Floats:
    """Heat per electricity at air temperature `outdoor_c` and flow temperature `flow_c`: η·Th/(Th − Tc), at most 6."""
    hot_k = flow_c + 273.15
    lift_k = np.maximum(flow_c - outdoor_c, 5.0)
    return np.minimum(eta * hot_k / lift_k, MAX_COP)


def capacity_share(outdoor_c: float) -> float:
    """Most heat it can give over that at −7 °C: constant above, −2 % per kelvin below (C)."""
    return min(max(1 - 0.02 * (-7.0 - outdoor_c), 0.3), 1.0)


def target_c(outdoor_c: float) -> float:
    """Heating curve of the water in °C (A): 30 at +20 °C outside, 50 at −17 °C and below."""
    return min(max(30.0 + 0.55 * (20.0 - outdoor_c), 30.0), 50.0)


def frost_rate(outdoor_c: float, humidity_pct: float) -> float:
    """Share of a coil iced over per second: every 45 min at worst, most between −12 and −1 °C and humid (V)."""
    return humidity_pct / 100 * float(np.exp(-(((outdoor_c + 5.0) / 7.5) ** 2))) / _FASTEST_FROST_S


def saturation_bar(temperature_c: Floats) -> Floats:
    """Refrigerant pressure at saturation, R410A, absolute (M: through 8.0 bar at 0 °C and 27.4 bar at 45 °C)."""
    return np.exp(10.784 - 2377.6 / (temperature_c + 273.15))


class HeatPumps:
    """State of all heat pumps, shape (units,); `design_w` is the load at −19 °C that each was chosen for."""

    def __init__(self, design_w: Floats, outdoor_c: float, dice: Generator) -> None:
        units = len(design_w)
        self.nominal_w = np.maximum(np.ceil(_SIZED * design_w / 2000.0) * 2000.0, 6000.0)
        self.eta = np.clip(dice.normal(ETA, 0.02, units), ETA - 0.06, ETA + 0.06)
        self.flow_lpm = dice.uniform(18.0, 26.0, units)
        self.water_bar = dice.uniform(1.1, 1.7, units)
        self.energy_kwh = dice.uniform(500.0, 9000.0, units)
        self.frost = dice.uniform(0.0, 1.0, units)
        self.defrost_left_s = np.zeros(units)
        self.return_c = np.full(units, target_c(outdoor_c) - 5.0)
        self.heat_w = np.zeros(units)
        self.power_w = np.full(units, STANDBY_W)
        self.load = np.zeros(units)
        self._dice = dice
        self._outdoor_c = outdoor_c

    def step(self, dt_s: float, outdoor_c: float, humidity_pct: float, demand_w: Floats, powered: Bools) -> Floats:
        """Advance by `dt_s`; returns the heat that reaches the rooms in W."""
        self._outdoor_c = outdoor_c
        most_w = self.nominal_w * capacity_share(outdoor_c)
        demand_w = np.where(self.return_c < _FREEZE_GUARD_C, np.maximum(demand_w, 0.5 * most_w), demand_w)
        share = np.clip(demand_w / most_w, 0.0, 1.0)
        # below its least speed it cycles; the mean of the cycles is what the house feels
        running = powered & (share > _LEAST_SHARE / 4)
        defrosting = self._ice(dt_s, outdoor_c, humidity_pct, running)
        self.load = np.where(running, np.maximum(share, _LEAST_SHARE), 0.0)
        self.heat_w = np.where(defrosting, _DEFROST_W, np.where(running, share * most_w, 0.0))
        wanted_c = target_c(outdoor_c) - share * most_w / self._water_w_k
        settle = -np.expm1(-dt_s / np.where(powered, _WATER_LAG_S, _COOLING_LAG_S))
        room_side = np.where(powered, np.where(running, wanted_c, wanted_c - 4.0), 15.0)
        self.return_c += settle * (room_side - self.return_c)
        ratio = cop(np.full_like(share, outdoor_c), self.flow_c, self.eta)
        compressor_w = np.where(defrosting, 1200.0, np.maximum(self.heat_w, 0.0) / ratio)
        self.power_w = np.where(powered, STANDBY_W + np.where(running, compressor_w + _AUXILIARY_W, 0.0), 0.0)
        self.energy_kwh += self.power_w * dt_s / 3.6e6
        return self.heat_w

    @property
    def flow_c(self) -> Floats:
        """Water to the radiators in °C: below the return while defrosting."""
        return self.return_c + self.heat_w / self._water_w_k

    @property
    def _water_w_k(self) -> Floats:
        return self.flow_lpm / 60 * _WATER_J_LK

    def _ice(self, dt_s: float, outdoor_c: float, humidity_pct: float, running: Bools) -> Bools:
        self.frost += np.where(running, frost_rate(outdoor_c, humidity_pct) * dt_s, 0.0)
        begins = running & (self.frost >= _ICE_PLUGGED) & (self.defrost_left_s <= 0)
        # always drawn, so that the sequence of random numbers does not depend on the state
        lasts_s = self._dice.uniform(180.0, 600.0, len(self.frost))
        self.defrost_left_s = np.where(begins, lasts_s, np.maximum(self.defrost_left_s - dt_s, 0.0))
        self.frost = np.where(begins, 0.0, self.frost)
        return running & (self.defrost_left_s > 0)

    def metrics(self, rows: Ints) -> Metrics:
        """What the controllers of the units `rows` know."""
        flow_c, load = self.flow_c[rows], self.load[rows]
        on, defrost = load > 0, self.defrost_left_s[rows] > 0
        coil_c = np.where(defrost, 6.0, self._outdoor_c - 7.0 * load)
        discharge_c = np.where(on & ~defrost, flow_c + 14.0 + 0.36 * (flow_c - coil_c), flow_c - 2.0)
        resting_bar = saturation_bar(np.full_like(flow_c, self._outdoor_c))
        return {
            "flow_c": flow_c,
            "return_c": self.return_c[rows],
            "target_c": np.full_like(flow_c, target_c(self._outdoor_c)),
            "outdoor_c": np.full_like(flow_c, self._outdoor_c),
            "discharge_c": discharge_c,
            "coil_c": coil_c,
            "compressor_hz": np.where(defrost, 60.0, 90.0 * load),
            "fan_rpm": np.where(on & ~defrost, 450.0 + 400.0 * load, 0.0),
            "high_bar": np.where(on & ~defrost, saturation_bar(flow_c + 3.0), resting_bar),
            "low_bar": np.where(on & ~defrost, saturation_bar(coil_c - 2.0), resting_bar),
            "flow_lpm": np.where(on, self.flow_lpm[rows], 0.0),
            "water_bar": self.water_bar[rows],
            "power_w": self.power_w[rows],
            "heat_w": self.heat_w[rows],
            "energy_kwh": self.energy_kwh[rows],
            "defrost": defrost.astype(np.float64),
            "backup_heater": np.zeros_like(flow_c),
        }
