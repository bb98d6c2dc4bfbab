"""Heat-network substations (D17): hot water of the network behind a heat exchanger warms a village's own loop."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator, Ints, Metrics
from device_sim.heaters.heater import Heaters, Start, Surroundings
from device_sim.heaters.loop import EMITTER_K, WaterLoop

_SUPPLY_C: Final = (70.0, 110.0)
"""Primary supply at +10 °C and at −19 °C outside, and between (A)."""
_SUPPLY_AT_C: Final = (10.0, -19.0)
_SUPPLY_LAG_S: Final = 1200.0
"""Twenty minutes until the pipe is filled with what the network sends now (A)."""
_COLD_SUPPLY_C: Final = 30.0
"""What stands in the pipe sinks to when the network delivers nothing (A)."""
_EXCHANGER_K: Final = 32.0
"""The exchanger passes the design load at this difference between supply and secondary flow (A)."""
_APPROACH_K: Final = 2.0
_TARGET_C: Final = (25.0, 80.0)
_SETTLE_S: Final = 300.0
_WATER_S: Final = 10.0 * 4.186
"""10 L of loop and radiators per kW (A)."""
_LOST: Final = 0.05
_SPREAD_K: Final = 15.0
"""Flow minus return at the design load (M)."""
_WATER_J_M3K: Final = 4.186e6
_PUMP_SHARE, _STANDBY_W = 0.006, 120.0
_LOW_BAR: Final = 0.5
_COLD_FLOW: Final = 0.75
"""Supply below this share of what the weather asks for is shown as cold (A)."""
_FREEZE_C: Final = 5.0


def network_supply_c(outdoor_c: float) -> float:
    """Temperature in °C that the heat network sends at this weather."""
    return float(np.interp(-outdoor_c, [-_SUPPLY_AT_C[0], -_SUPPLY_AT_C[1]], _SUPPLY_C))


class Substations(Heaters):
    """State of all substations, shape (units,); each serves the homes of a village."""

    TYPE: ClassVar[str] = "heat_substation"
    SHOWS: ClassVar[tuple[str, ...]] = ("pump_failed", "supply_cold", "low_water_pressure", "freeze_risk")

    def __init__(self, design_w: Floats, start: Start, dice: Generator) -> None:
        super().__init__(design_w, start, dice)
        units = len(design_w)
        load = max(min((17.0 - start.outdoor_c) / 37.0, 1.3), 0.0)
        flow_c = np.clip(start.room_c + EMITTER_K * load + dice.uniform(-2.0, 2.0, units), *_TARGET_C)
        self.loop = WaterLoop(design_w, flow_c, dice, water_s=_WATER_S, filled_bar=(1.5, 2.5))
        self._off_k = dice.uniform(-6.0, 2.0, units)
        """How far along the network it stands."""
        self.supply_c = network_supply_c(start.outdoor_c) + self._off_k
        self.heat_w = np.zeros(units)
        self.heat_gj = dice.uniform(100.0, 9000.0, units)
        self.energy_kwh = dice.uniform(1000.0, 60_000.0, units)
        self.flow_m3_h = np.zeros(units)
        self._pump = np.ones(units, dtype=np.bool_)
        self._room_c = start.room_c
        self._powered = np.ones(units, dtype=np.bool_)

    def step(self, s: Surroundings) -> Floats:
        """Advance by `s.dt_s`; the heat that reaches the homes in W, all homes of a substation together."""
        self._room_c, self._powered = s.room_c, s.powered
        loop = self.loop
        sent_c = network_supply_c(s.outdoor_c) + self._off_k
        aim_c, passes_w_k = sent_c, self.design_w / _EXCHANGER_K
        if "heat_cut" in s.faults:
            cut = s.strength("heat_cut", 0.0)
            aim_c, passes_w_k = sent_c + cut * (_COLD_SUPPLY_C - sent_c), (1.0 - cut) * passes_w_k
        self.supply_c = aim_c + (self.supply_c - aim_c) * math.exp(-s.dt_s / _SUPPLY_LAG_S)
        loop.press(s.dt_s, s.faults.get("water_leak"))
        dry = s.powered & (loop.bar() < _LOW_BAR)
        self._pump = s.powered & ~dry
        moving = np.where(self._pump, 1.0, 0.0)
        if "pump_failed" in s.faults:
            moving = moving * (1.0 - s.strength("pump_failed", 0.0))
        asked_w = self._asked_w(s)
        most_w = passes_w_k * np.maximum(self.supply_c - _APPROACH_K - loop.flow_c, 0.0)
        # without a secondary flow the exchanger only heats itself
        self.heat_w = np.minimum(asked_w, most_w) * moving
        given_w = loop.step(s.dt_s, s.room_c, self.heat_w, moving)
        self.flow_m3_h = self.design_w / _SPREAD_K / _WATER_J_M3K * 3600 * moving
        self.heat_gj += self.heat_w * (s.dt_s / 1e9)
        self.power_w = np.where(s.powered, _STANDBY_W + _PUMP_SHARE * self.design_w * self._pump, 0.0)
        self.energy_kwh += self.power_w * (s.dt_s / 3.6e6)
        self.fault = np.zeros(len(dry), dtype=np.int16)
        self.show("pump_failed", self._pump & (moving < 0.5))  # noqa: PLR2004 - half of the flow
        self.show("supply_cold", s.powered & (self.supply_c < _COLD_FLOW * sent_c))
        self.show("low_water_pressure", dry)
        self.show("freeze_risk", s.powered & (loop.flow_c < _FREEZE_C))
        return given_w * (1 - _LOST)

    def _asked_w(self, s: Surroundings) -> Floats:
        """What the valve would let through to bring the loop to its target; the valve only opens and closes."""
        loop = self.loop
        target_c = np.clip(s.room_c + s.demand_w / (loop.emitter_w_k * (1 - _LOST)), *_TARGET_C)
        asked_w = np.maximum(loop.asked_w(s.dt_s, s.room_c, target_c, _SETTLE_S), 0.0)
        return np.where(s.demand_w > 0, asked_w, 0.0)

    def bits(self) -> Mapping[str, Bools]:
        """The loop freezes."""
        return {"freeze": self._powered & (self.loop.flow_c < _FREEZE_C)}

    def metrics(self, rows: Ints) -> Metrics:
        """What the substations `rows` know; a heat meter's flow × spread is its heat."""
        flow_c, moved = self.loop.flow_c[rows], self.flow_m3_h[rows]
        w_k = np.maximum(moved / 3600 * _WATER_J_M3K, 1.0)
        drop_k = np.where(moved > 0, np.minimum(self.loop.given_w[rows] / w_k, flow_c - self._room_c[rows]), 0.0)
        return {
            "supply_c": self.supply_c[rows],
            "flow_c": flow_c,
            "return_c": flow_c - drop_k,
            "water_bar": self.loop.bar()[rows],
            "flow_m3h": moved,
            "heat_w": self.heat_w[rows],
            "heat_gj": self.heat_gj[rows],
            "pump": self._pump[rows].astype(np.float64),
            "power_w": self.power_w[rows],
            "energy_kwh": self.energy_kwh[rows],
        }
