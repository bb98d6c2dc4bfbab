"""Gas boilers of a village plant (D6): hundreds of kW for all its homes, in a plant room with a gas detector."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator, Ints, Metrics
from device_sim.heaters.burner import LOCKS, Timing
from device_sim.heaters.gas_fire import LIMIT_C, GasFire, Make
from device_sim.heaters.heater import Heaters, Start, Surroundings
from device_sim.homes.air import settled_lel_pct

_MAKE: Final = Make(
    # EN 676 asks for 30 s of air before a forced-draught burner is lit (M)
    timing=Timing(prepurge_s=30.0, ignite_s=5.0, postpurge_s=30.0, unlit=0.02, restarts_h=0.1),
    least=0.15,
    efficiency=(0.90, 0.94),
    target_c=(25.0, 80.0),
    # 10 L of network, boiler and radiators per kW (A)
    water_s=10.0 * 4.186,
    filled_bar=(1.6, 2.4),
    settle_s=300.0,
    stuck_lag_s=180.0,
    lost=0.06,
    thermostat=False,
    gas_switch=True,
)
_SIZE_W: Final = 350_000.0
"""Plants come in steps of this (A); the smallest hot-water boiler of the usual series has 0.35 MW (M)."""
_SPARE: Final = 1.3
_RETURN_SHARE: Final = 15.0 / 42.0
"""The network is laid out for 15 K between flow and return at the design load (A)."""
_PUMPS_SHARE: Final = 0.008
"""Electricity of the pumps over the design load (A)."""
_FAN_SHARE: Final = 0.002
_STANDBY_W: Final = 150.0
_O2_AIR_PCT: Final = 20.9
_ROOM_M3: Final = 150.0
_ROOM_CHANGES_H: Final = 1.0
"""Plant room with its vents half closed against the frost (A)."""
_SHOWS_LEL: Final = 5.0
_ALARM_LEL: Final = 10.0
"""%LEL from which the plant's gas detector warns and alarms (SAFETY.md, Gas)."""


class GasPlants(Heaters):
    """State of all gas plants, shape (units,); each serves the homes of a village."""

    TYPE: ClassVar[str] = "gas_boiler_plant"
    SHOWS: ClassVar[tuple[str, ...]] = (*LOCKS, "gas_leak", "low_water_pressure", "freeze_risk")

    def __init__(self, design_w: Floats, start: Start, dice: Generator) -> None:
        super().__init__(design_w, start, dice)
        units = len(design_w)
        rated_w = np.maximum(np.ceil(_SPARE * design_w / _SIZE_W), 1.0) * _SIZE_W
        self.fire = GasFire(design_w, rated_w, _MAKE, start, dice)
        self.power_w = np.full(units, _STANDBY_W)
        self.ch4_lel = np.zeros(units)
        self._o2_pct = dice.uniform(3.0, 4.5, units)
        self._co_ppm = dice.uniform(15.0, 60.0, units)
        self._powered = np.ones(units, dtype=np.bool_)
        self._room_c = start.room_c

    def step(self, s: Surroundings) -> Floats:
        """Advance by `s.dt_s`; the heat that reaches the homes in W, all homes of a plant together."""
        self._room_c, self._powered = s.room_c, s.powered
        given_w = self.fire.step(s)
        burners = self.fire.burners
        fan = _FAN_SHARE * self.fire.rated_w * burners.blowing
        self.power_w = np.where(s.powered, _STANDBY_W + _PUMPS_SHARE * self.design_w + fan, 0.0)
        settles = settled_lel_pct(s.strength("gas_leak", 0.0), _ROOM_M3, _ROOM_CHANGES_H)
        self.ch4_lel = settles + (self.ch4_lel - settles) * math.exp(-_ROOM_CHANGES_H / 3600 * s.dt_s)
        self.fault = np.where(s.powered, burners.cause, np.int16(0))
        self.show("gas_leak", s.powered & (self.ch4_lel >= _SHOWS_LEL))
        self.show("low_water_pressure", self.fire.blocked)
        self.show("freeze_risk", self.fire.freezing)
        return given_w

    def bits(self) -> Mapping[str, Bools]:
        """Locked out, too hot, freezing, gas in the plant room."""
        burners = self.fire.burners
        boiled = (burners.cause == LOCKS.index("overheat") + 1) | (self.fire.loop.flow_c >= LIMIT_C)
        return {
            "lockout": burners.locked & self._powered,
            "overheat": boiled & self._powered,
            "freeze": self.fire.freezing,
            "gas_alarm": self._powered & (self.ch4_lel >= _ALARM_LEL),
        }

    def metrics(self, rows: Ints) -> Metrics:
        """What the plants `rows` know."""
        fire, burners, loop = self.fire, self.fire.burners, self.fire.loop
        flow_c, modulation = loop.flow_c[rows], fire.modulation[rows]
        flame, blowing = burners.running[rows], burners.blowing[rows]
        return {
            "flame": flame.astype(np.float64),
            "modulation_pct": np.where(flame, modulation, 0.0) * 100,
            "flow_c": flow_c,
            "return_c": flow_c - np.where(fire.stuck[rows], 0.6, _RETURN_SHARE) * (flow_c - self._room_c[rows]),
            "water_bar": loop.bar()[rows],
            "exhaust_c": np.where(flame, flow_c + 15.0 + 60.0 * modulation, 0.6 * flow_c + 8.0),
            "fan_rpm": np.where(flame, 1200.0 + 1700.0 * modulation, np.where(blowing, 2900.0, 0.0)),
            "flame_ua": np.where(flame, 8.0 + 6.0 * modulation, 0.0),
            "gas_m3": fire.gas_m3[rows],
            "burner_starts": burners.starts[rows],
            "lockout": burners.locked[rows].astype(np.float64),
            "power_w": self.power_w[rows],
            # more air at low fire
            "o2_pct": np.where(flame, self._o2_pct[rows] + 3.0 * (1 - modulation), _O2_AIR_PCT),
            "flue_co_ppm": np.where(flame, self._co_ppm[rows] * (1.2 - 0.4 * modulation), 0.0),
            "ch4_lel": np.minimum(self.ch4_lel[rows], 100.0),
        }
