"""A gas burner over its water, as wall boilers and village plants have it: control, safety chain, what breaks in it.

Numbers: SIMULATION.md, "Gas boiler"; SAFETY.md, "Gas wall-hung boiler".
A stuck pump with the gas valve stuck open (the overheat fault) leaves only the boiler's own water to heat.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator
from device_sim.heaters.burner import Burners, Timing
from device_sim.heaters.heater import Start, Surroundings
from device_sim.heaters.loop import WaterLoop

LIMIT_C: Final = 110.0
"""Limit thermostat (M): the last line, cuts the gas and locks out."""
HIGH_C: Final = 90.0
"""The controller itself stops firing here in normal work (M)."""
LOW_BAR: Final = 0.5
"""Below this the burner is blocked (SAFETY.md, 2)."""
FREEZE_C: Final = 5.0
"""Below this water temperature frost protection fires (S)."""
_BAND_K: Final = 5.0
_TOO_WARM_K, _COOL_AGAIN_K = 0.4, -0.2
"""A room thermostat stops the burner at this distance from the set-point, and calls again at that one (A)."""
_THAWED_C: Final = 30.0
_BLOCKED_UNTIL_BAR: Final = 0.6
_STUCK_GIVES: Final = 0.1
"""Share of the heat that still leaves a loop whose pump is stuck (A)."""
_RESET_BELOW_C: Final = 80.0
_GAS_J_M3: Final = 35.6e6
"""Lower heating value of natural gas (M)."""
_GAS_GONE: Final = 0.5
"""Share of the gas pressure lost from which a flame cannot burn (A)."""
_BAD_SPARK_RESTARTS_H: Final = 6.0
"""A burner that cannot light shows it at its next start: flames that such an electrode lets go, per hour (A)."""
_AT_ONCE_H: Final = 36_000.0


@dataclass(frozen=True, slots=True)
class Make:
    """What tells a wall boiler from a plant.

    `least` modulation · `efficiency` from…to · `target_c` of the water from…to · `water_s`, `filled_bar` as WaterLoop
    has them · `settle_s` how fast the burner brings the water to its target · `stuck_lag_s` time constant of the
    boiler's own water without a pump · `lost` share of the heat that the pipes lose on the way · `thermostat`: one room
    decides · `gas_switch`: it sees low gas pressure.
    """

    timing: Timing
    least: float
    efficiency: tuple[float, float]
    target_c: tuple[float, float]
    water_s: float
    filled_bar: tuple[float, float]
    settle_s: float
    stuck_lag_s: float
    lost: float
    thermostat: bool
    gas_switch: bool


class GasFire:
    """Burner and water of all units of one make, shape (units,)."""

    def __init__(self, design_w: Floats, rated_w: Floats, make: Make, start: Start, dice: Generator) -> None:
        units = len(design_w)
        self.make = make
        self.rated_w = rated_w
        self.efficiency = dice.uniform(*make.efficiency, units)
        # the load that the weather asks for, ± 4 K
        load = min(max((18.0 - start.outdoor_c) / 37.0, 0.0), 1.3)
        flow_c = np.clip(start.room_c + 42.0 * load + dice.uniform(-4.0, 4.0, units), *make.target_c)
        self.loop = WaterLoop(design_w, flow_c, dice, water_s=make.water_s, filled_bar=make.filled_bar)
        self.burners = Burners(units, make.timing, dice)
        self.target_c = flow_c.copy()
        self.modulation = np.zeros(units)
        self.gas_m3 = dice.uniform(100.0, 4000.0, units) * rated_w / 20_000.0
        self.stuck = np.zeros(units, dtype=np.bool_)
        self.blocked = np.zeros(units, dtype=np.bool_)
        self.freezing = np.zeros(units, dtype=np.bool_)
        self.fired = np.zeros(units)
        """Share of the last step with a flame."""
        self._guard = np.zeros(units, dtype=np.bool_)
        self._calls = np.ones(units, dtype=np.bool_)

    def step(self, s: Surroundings) -> Floats:
        """Advance by `s.dt_s`; the heat that reaches the rooms in W."""
        on, loop, burners, make = s.powered, self.loop, self.burners, self.make
        overheat_c = s.faults.get("overheat")
        self.stuck = np.zeros(len(on), dtype=np.bool_)
        if overheat_c is not None:
            self.stuck = on & ~np.isnan(overheat_c) & ~burners.locked
        loop.press(s.dt_s, s.faults.get("water_leak"))
        bar = loop.bar()
        self.blocked = on & ((bar < LOW_BAR) | (self.blocked & (bar < _BLOCKED_UNTIL_BAR)))
        self._guard = on & ((loop.flow_c < FREEZE_C) | (self._guard & (loop.flow_c < _THAWED_C)))
        emitter_w_k = loop.emitter_w_k * (1 - make.lost)
        self.target_c = np.clip(s.room_c + s.demand_w / emitter_w_k, *make.target_c)
        self._sequence(s, on)
        asked_w = loop.asked_w(s.dt_s, s.room_c, self.target_c, make.settle_s)
        most = 1.0 - np.clip(s.strength("gas_cut", 0.0), 0.0, 1.0 - make.least) if "gas_cut" in s.faults else 1.0
        self.modulation = np.clip(asked_w / self.rated_w, make.least, most)
        flow_before_c = loop.flow_c
        given_w = loop.step(s.dt_s, s.room_c, self.modulation * self.rated_w * self.fired)
        if overheat_c is not None:
            given_w = self._boil(s, flow_before_c, overheat_c, given_w)
        self.gas_m3 += self.modulation * self.rated_w * self.fired / self.efficiency * (s.dt_s / _GAS_J_M3)
        self.freezing = on & (loop.flow_c < FREEZE_C)
        return given_w * (1 - make.lost)

    def _sequence(self, s: Surroundings, on: Bools) -> None:
        """Whether the burner is wanted, and one step of it."""
        burners, flow_c = self.burners, self.loop.flow_c
        calls = s.demand_w > 0
        if self.make.thermostat:
            warmer_k = s.room_c - s.set_c
            self._calls = (warmer_k < _COOL_AGAIN_K) | (self._calls & (warmer_k < _TOO_WARM_K))
            calls &= self._calls
        asked = on & ~self.blocked & (calls | self._guard)
        cool = flow_c < self.target_c - _BAND_K
        warm = flow_c < np.minimum(self.target_c + _BAND_K, HIGH_C)
        wants = asked & (cool | (warm & burners.blowing))
        burners.force(self.stuck)
        unlit = restarts_h = lost_h = None
        if "ignition_failed" in s.faults:
            fails = s.strength("ignition_failed", 0.0)
            unlit = np.maximum(fails, self.make.timing.unlit)
            restarts_h = self.make.timing.restarts_h + _BAD_SPARK_RESTARTS_H * fails
        if "flame_lost" in s.faults:
            lost_h = s.strength("flame_lost", 0.0)
        if "gas_cut" in s.faults:
            gone = s.strength("gas_cut", 0.0) >= _GAS_GONE
            unlit = np.where(gone, 1.0, self.make.timing.unlit if unlit is None else unlit)
            lost_h = np.where(gone, _AT_ONCE_H, 0.0 if lost_h is None else lost_h)
            if self.make.gas_switch:
                burners.lock(on & gone, "low_gas_pressure")
        self.fired = burners.step(s.dt_s, on, wants | self.stuck, unlit, restarts_h, lost_h)
        self._reset(s, on)

    def _boil(self, s: Surroundings, before_c: Floats, overheat_c: Floats, given_w: Floats) -> Floats:
        """The water of the stuck ones climbs towards the fault's temperature; the limit thermostat stops it."""
        loop, stuck = self.loop, self.stuck
        self.modulation = np.where(stuck, 1.0, self.modulation)
        climbed_c = overheat_c + (before_c - overheat_c) * math.exp(-s.dt_s / self.make.stuck_lag_s)
        tripped = stuck & (climbed_c >= LIMIT_C)
        # in a long step it trips on the way
        loop.flow_c = np.where(stuck, np.minimum(climbed_c, LIMIT_C), loop.flow_c)
        self.burners.lock(tripped, "overheat")
        return np.where(stuck, _STUCK_GIVES * loop.emitter_w_k * (loop.flow_c - s.room_c), given_w)

    def _reset(self, s: Surroundings, on: Bools) -> None:
        healthy = on & (self.loop.flow_c < _RESET_BELOW_C)
        for fault in ("overheat", "ignition_failed", "flame_lost", "gas_cut"):
            if fault in s.faults:
                healthy &= ~s.has(fault)
        self.burners.reset(s.dt_s, healthy)
