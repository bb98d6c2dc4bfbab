"""Gas wall boilers (D5): 18–24 kW, 30–100 %, in the room that they heat, with its flue.

Numbers: SIMULATION.md, "Gas boiler"; the burner and its safety chain are in gas_fire.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator, Ints, Metrics
from device_sim.heaters.burner import LOCKS, Timing
from device_sim.heaters.gas_fire import LIMIT_C, GasFire, Make
from device_sim.heaters.heater import Heaters, Start, Surroundings
from device_sim.heaters.loop import EMITTER_K

_MAKE: Final = Make(
    timing=Timing(prepurge_s=10.0, ignite_s=4.0, postpurge_s=15.0, unlit=0.04, restarts_h=0.5),
    least=0.30,
    efficiency=(0.88, 0.92),
    target_c=(40.0, 75.0),
    # boiler, pipes and the part of the radiators that follows within minutes: 25 L behind 7.6 kW (A)
    water_s=25_000.0 * 4.186 / 7_600.0,
    filled_bar=(1.05, 1.45),
    settle_s=120.0,
    # the boiler's own water while the pump stands (A): 2 kg at about 240 W/K
    stuck_lag_s=36.0,
    lost=0.0,
    thermostat=True,
    gas_switch=False,
)
_RATED_W: Final = (18_000.0, 20_000.0, 24_000.0)
_SPARE: Final = 1.3
"""Largest load over the design load, for a home that three usual sizes cannot heat (A)."""
_RETURN_SHARE: Final = 7_600.0 / EMITTER_K / 1046.0
"""What the radiators take of the water's warmth above the room: 15 L/min (1046 W/K) behind 7.6 kW (M)."""
_FLUE_BLOCKED_K: Final = 45.0
"""Exhaust hotter than normal behind a blocked flue (A)."""
_SWITCH_SHARE: Final = 0.5
"""Boilers whose air-pressure switch notices a flue that is blocked in part (A)."""


class GasBoilers(Heaters):
    """State of all gas wall boilers, shape (units,).

    A flue that is blocked in part lets the fumes into the room while the boiler fires. In half of the boilers the
    air-pressure switch says so. None of them stops: one that does brings no carbon monoxide, and is no fault to find.
    """

    TYPE: ClassVar[str] = "gas_wall_boiler"
    SHOWS: ClassVar[tuple[str, ...]] = (*LOCKS, "low_water_pressure", "flue_blocked", "freeze_risk")

    def __init__(self, design_w: Floats, start: Start, dice: Generator) -> None:
        super().__init__(design_w, start, dice)
        units = len(design_w)
        usual_w = dice.choice(np.array(_RATED_W), units)
        rated_w = np.maximum(usual_w, np.ceil(_SPARE * design_w / 2000.0) * 2000.0)
        self.fire = GasFire(design_w, rated_w, _MAKE, start, dice)
        self.power_w = np.full(units, 6.0)
        self._has_switch = dice.random(units) < _SWITCH_SHARE
        self._blocked_m3_h: Floats | None = None
        self._room_c = start.room_c
        self._powered = np.ones(units, dtype=np.bool_)

    def step(self, s: Surroundings) -> Floats:
        """Advance by `s.dt_s`; the heat that reaches the rooms in W."""
        self._room_c, self._powered = s.room_c, s.powered
        given_w = self.fire.step(s)
        burners = self.fire.burners
        self._blocked_m3_h = s.strength("blocked_flue", 0.0) if "blocked_flue" in s.faults else None
        self.power_w = np.where(s.powered, 6.0 + 45.0 * burners.blowing + 40.0 * burners.running, 0.0)
        self.fault = np.where(s.powered, burners.cause, np.int16(0))
        self.show("low_water_pressure", self.fire.blocked)
        if self._blocked_m3_h is not None:
            self.show("flue_blocked", burners.running & self._has_switch & (self._blocked_m3_h > 0))
        self.show("freeze_risk", self.fire.freezing)
        return given_w

    def co_m3_h(self) -> Floats | None:
        """Through a blocked flue while it fires."""
        return None if self._blocked_m3_h is None else self._blocked_m3_h * self.fire.fired

    def bits(self) -> Mapping[str, Bools]:
        """Locked out, too hot, freezing: what the controller itself calls an alarm."""
        burners = self.fire.burners
        boiled = (burners.cause == LOCKS.index("overheat") + 1) | (self.fire.loop.flow_c >= LIMIT_C)
        return {
            "lockout": burners.locked & self._powered,
            "overheat": boiled & self._powered,
            "freeze": self.fire.freezing,
        }

    def metrics(self, rows: Ints) -> Metrics:
        """What the controllers of the units `rows` know."""
        fire, burners, loop = self.fire, self.fire.burners, self.fire.loop
        flow_c, room_c, modulation = loop.flow_c[rows], self._room_c[rows], fire.modulation[rows]
        flame, blowing = burners.running[rows], burners.blowing[rows]
        taken = np.where(fire.stuck[rows], 0.25, _RETURN_SHARE)
        hotter_k = 0.0 if self._blocked_m3_h is None else np.where(self._blocked_m3_h[rows] > 0, _FLUE_BLOCKED_K, 0.0)
        return {
            "flame": flame.astype(np.float64),
            "modulation_pct": np.where(flame, modulation, 0.0) * 100,
            "flow_c": flow_c,
            "return_c": flow_c - taken * (flow_c - room_c),
            "target_c": fire.target_c[rows],
            "water_bar": loop.bar()[rows],
            "exhaust_c": np.where(flame, flow_c + 20.0 + 35.0 * modulation + hotter_k, 0.5 * (flow_c + room_c)),
            "fan_rpm": np.where(flame, 1600.0 + 2600.0 * modulation, np.where(blowing, 2400.0, 0.0)),
            "flame_ua": np.where(flame, 3.5 + 3.0 * modulation, 0.0),
            "gas_m3": fire.gas_m3[rows],
            "burner_starts": burners.starts[rows],
            "lockout": burners.locked[rows].astype(np.float64),
            "power_w": self.power_w[rows],
        }
