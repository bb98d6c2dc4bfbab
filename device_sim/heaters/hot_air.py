"""Heat-pump hot-air units: outdoor air to room air, several indoor units behind one controller where the load needs it.

The same Carnot fraction as with water, condensing at the supply air. Numbers: SIMULATION.md, "Heat pumps".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator, Ints, Metrics
from device_sim.heaters.frost import Frost, frost_rate
from device_sim.heaters.heat_pump import ETA, capacity_share, cop
from device_sim.heaters.heater import Heaters, Start, Surroundings

_SIZED: Final = 1.5
"""Heat at −7 °C over the load at −19 °C (A): 76 % of it is left there, and rooms want it warm soon."""
_PTC_W: Final = 1000.0
_PTC_BELOW_C: Final = -12.0
"""Electric heater in each indoor unit, which helps in great cold (A)."""
_UNIT_W: Final = (3500.0, 7000.0)
"""Heat of one unit at −7 °C (A)."""
_STANDBY_W: Final = 7.0
_FANS_W: Final = 60.0
"""A unit's controller; its two fans (A)."""
_LEAST_SHARE: Final = 0.2
_FULL_LIFT_K: Final = 25.0
"""Supply above room at full heat and full air (A)."""
_SLOW_AIR: Final = 0.5
"""Share of the full air that the fan moves at no load (A)."""
SUPPLY_MOST_C: Final = 58.0
"""The controller throttles here; supply 15…60 °C (SIMULATION.md)."""
_SUPPLY_LAG_S: Final = 60.0
_DEFROST_SHARE: Final = -0.05
"""Heat drawn from the room while defrosting, over the heat at −7 °C (A): the indoor fan stands."""
_DEFROST_COMPRESSOR_SHARE: Final = 0.12
"""Electricity while defrosting over the heat at −7 °C (A)."""
_DEFROST_DIP_K: Final = -3.0
_COIL_K: Final = 7.0
_ICED_COIL_K: Final = 10.0
"""Coil below the outdoor air at full load; further with all of its capacity lost to ice (A)."""
_LEAK_COIL_K: Final = 15.0
"""Further with all refrigerant lost (A)."""
_COP_LOST: Final = 0.3
"""Share of the COP lost per share of the capacity lost (A)."""
_STILL_AIR: Final = 0.3
"""With less of its air the unit stops (A)."""
_LEAK_SEEN: Final = 0.3
"""From this loss on the controller notices (A)."""


class HotAirUnits(Heaters):
    """State of all homes' hot-air units, shape (units,); the several units of a home count as one."""

    TYPE = "hot_air_heat_pump"
    SHOWS = ("compressor_failed", "fan_failed", "refrigerant_leak", "defrost_failed")

    def __init__(self, design_w: Floats, start: Start, dice: Generator) -> None:
        super().__init__(design_w, start, dice)
        units = len(design_w)
        self.indoor_units = np.maximum(np.ceil(_SIZED * design_w / _UNIT_W[1]), 1.0)
        self.nominal_w = np.maximum(_SIZED * design_w, _UNIT_W[0] * self.indoor_units)
        self.eta = np.clip(dice.normal(ETA, 0.02, units), ETA - 0.06, ETA + 0.06)
        self.energy_kwh = dice.uniform(500.0, 9000.0, units)
        self.frost = Frost(units, dice)
        self.supply_c = start.room_c + 10.0
        self.load = np.zeros(units)
        self._outdoor_c = start.outdoor_c
        self._well(units)

    def _well(self, units: int) -> None:
        """What no fault touches."""
        self._sick = False
        self._leak = np.zeros(units)
        self._iced = np.zeros(units)
        self._air = np.ones(units)
        self.locked = np.zeros(units, dtype=np.bool_)

    def step(self, s: Surroundings) -> Floats:
        """Advance by `s.dt_s`; the heat that reaches the rooms in W."""
        self._outdoor_c = s.outdoor_c
        able, kept, worse = self._hurt(s)
        most_w = self.nominal_w * (capacity_share(s.outdoor_c) * kept)
        share = np.minimum(s.demand_w / most_w, 1.0)
        running = able & (share > _LEAST_SHARE / 4)
        self.load = np.where(running, np.maximum(share, _LEAST_SHARE), 0.0)
        # heat per kelvin of the air that the fans move
        air_w_k = self.nominal_w * (self._air / _FULL_LIFT_K) * (_SLOW_AIR + (1.0 - _SLOW_AIR) * self.load)
        heating_w = np.where(running, np.minimum(share * most_w, air_w_k * (SUPPLY_MOST_C - s.room_c)), 0.0)
        hot_c = s.room_c + heating_w / np.maximum(air_w_k, 1.0)
        grows = running & (self._iced == 0) if self._sick else running
        melting = self.frost.step(s.dt_s, frost_rate(s.outdoor_c, s.humidity_pct), grows)
        ratio = cop(np.full_like(share, s.outdoor_c), hot_c, self.eta)
        if self._sick:
            ratio *= worse
        heat_w = heating_w + melting * (_DEFROST_SHARE * self.nominal_w - heating_w)
        if s.outdoor_c < _PTC_BELOW_C:
            electric_w = np.clip(np.where(running, s.demand_w - most_w, 0.0), 0.0, _PTC_W * self.indoor_units)
        else:
            electric_w = np.zeros(len(share))
        drawn_w = (1.0 - melting) * heating_w / ratio + melting * (_DEFROST_COMPRESSOR_SHARE * self.nominal_w)
        settles_c = hot_c + melting * (s.room_c + _DEFROST_DIP_K - hot_c)
        self.supply_c += -np.expm1(-s.dt_s / _SUPPLY_LAG_S) * (settles_c - self.supply_c)
        working_w = np.where(running, drawn_w + electric_w + _FANS_W * self.indoor_units, 0.0)
        self.power_w = np.where(s.powered, working_w + _STANDBY_W * self.indoor_units, 0.0)
        self.energy_kwh += self.power_w * (s.dt_s / 3.6e6)
        return np.where(running, heat_w + electric_w, 0.0)

    def _hurt(self, s: Surroundings) -> tuple[Bools, Floats | float, Floats | float]:
        """Who can run, the share of the capacity and of the COP that is left; what the controllers show."""
        if not s.faults:
            if self._sick:
                self._well(len(self.load))
                self.fault = np.zeros(len(self.load), dtype=np.int16)
            return s.powered, 1.0, 1.0
        self._sick = True
        self._leak = s.strength("refrigerant_leak", 0.0)
        self._iced = s.strength("defrost_failed", 0.0)
        self._air = 1.0 - s.strength("fan_failed", 0.0)
        asked = s.powered & (s.demand_w > 0)
        failed = s.has("compressor_failed")
        # locked out at the first start that fails, until it is repaired
        self.locked = failed & (self.locked | asked)
        still = self._air < _STILL_AIR
        self.fault = np.zeros(len(self.load), dtype=np.int16)
        self.show("compressor_failed", s.powered & self.locked)
        self.show("fan_failed", asked & still)
        self.show("refrigerant_leak", asked & (self._leak >= _LEAK_SEEN))
        self.show("defrost_failed", asked & (self._iced > 0))
        kept = (1.0 - self._leak) * (1.0 - self._iced)
        worse = 1.0 - _COP_LOST * np.minimum(self._leak + self._iced, 1.0)
        return s.powered & ~failed & ~still, kept, worse

    def bits(self) -> Mapping[str, Bools]:
        """A compressor that does not start."""
        return {"lockout": self.fault == self.SHOWS.index("compressor_failed") + 1}

    def metrics(self, rows: Ints) -> Metrics:
        """What the controllers of the units `rows` know."""
        load, leak, iced = self.load[rows], self._leak[rows], self._iced[rows]
        defrost = (self.frost.share[rows] > 0) & (load > 0)
        coil_c = self._outdoor_c - (_COIL_K + _LEAK_COIL_K * leak + _ICED_COIL_K * iced) * np.minimum(load * 2.0, 1.0)
        return {
            "supply_c": self.supply_c[rows],
            "coil_c": np.where(defrost, 6.0, coil_c),
            "outdoor_c": np.full_like(load, self._outdoor_c),
            "compressor_hz": np.where(defrost, 60.0, 90.0 * load),
            "power_w": self.power_w[rows],
            "energy_kwh": self.energy_kwh[rows],
            "defrost": defrost.astype(np.float64),
        }
