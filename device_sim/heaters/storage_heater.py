"""Storage electric heaters: a brick core charged in the valley hours, giving its heat through the day.

m·c·dTc/dt = P_in − UA(Tc − Troom) − q_dis, per SIMULATION.md "Storage heater". One device is the bank of 25 kWh cores
that the home needs behind one controller: an 80 m² home takes 122 kWh a day (C), hence five or more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator, Ints, Metrics
from device_sim.heaters.heater import Heaters, Start, Surroundings
from device_sim.heaters.valley import VALLEY, Valley

CORE_J_K: Final = 180.0 * 920.0
"""Heat capacity of a core: 180 kg of magnesite brick at 920 J/kgK."""
CORE_KWH: Final = 25.0
_USABLE: Final = 1.2
"""Heat given a day over what the cores hold: they also give while they charge (C)."""
CHARGE_W: Final = 3200.0
FULL_C: Final = 650.0
EMPTY_C: Final = 100.0
"""550 K between them hold 25 kWh a core."""
HOT_C: Final = 700.0
"""A core above it is reported as overheated (SAFETY.md: 600–700 °C, M)."""
_LOSS_W_K: Final = 0.35
"""Through the insulation, into the room (A): 220 W when full."""
_FAN_W_K: Final = 6.0
"""Most heat that the fan can move per kelvin between core and room (A)."""
_STANDBY_W: Final = 9.0
"""Controller and fan; it warms the room too (A)."""
_CASE_SHARE: Final = 0.065
"""Case above room over core above room (A): 58 °C at a full core; SAFETY.md has 85–95 °C as the most (M)."""
_OUTLET_W_K: Final = 50.0
"""Heat per kelvin of the mixed outlet air of a core (A)."""
_OUTLET_SHARE: Final = 0.02
_OUTLET_STILL_SHARE: Final = 0.06
"""Outlet above room over core above room, with the fan and where it stands (A)."""
_OUTLET_C: Final = 55.0
"""The controller slows the fan here, 5 K below what is safe (SAFETY.md: 60 °C, M)."""
_HALF: Final = 0.5


class StorageHeaters(Heaters):
    """State of all storage heaters, shape (units,); they charge while `valley` is open."""

    TYPE = "storage_electric_heater"
    SHOWS = ("core_hot", "fan_failed", "charge_failed")

    def __init__(self, design_w: Floats, start: Start, dice: Generator, valley: Valley = VALLEY) -> None:
        super().__init__(design_w, start, dice)
        units = len(design_w)
        self.valley = valley
        self.cores = np.maximum(np.ceil(design_w * 24.0 / 1000.0 / CORE_KWH / _USABLE), 1.0)
        level = np.clip(valley.level(start.hour) + dice.normal(0.0, 0.05, units), 0.1, 1.0)
        self.core_c = EMPTY_C + level * (FULL_C - EMPTY_C)
        self.charge_w = np.zeros(units)
        self.discharge_w = np.zeros(units)
        self.energy_kwh = dice.uniform(2_000.0, 30_000.0, units)
        self._room_c = start.room_c
        self._air = np.ones(units)
        self._well = True

    def step(self, s: Surroundings) -> Floats:
        """Advance by `s.dt_s`; the heat that reaches the rooms in W. Without power the fan stands still."""
        self._room_c = s.room_c
        above = np.maximum(self.core_c - s.room_c, 0.0)
        loss_w = self.cores * (_LOSS_W_K * above)
        outlet_w = _OUTLET_W_K * np.maximum(_OUTLET_C - s.room_c - _OUTLET_SHARE * above, 0.0)
        most_w = self.cores * np.minimum(min(_FAN_W_K, CORE_J_K / s.dt_s) * above, outlet_w)
        if "fan_failed" in s.faults or not self._well:
            self._air = 1.0 - s.strength("fan_failed", 0.0)
            most_w *= self._air
        wanted_w = np.maximum(s.demand_w - loss_w, 0.0)
        self.discharge_w = np.where(s.powered, np.minimum(wanted_w, most_w), 0.0)
        self.charge_w = self._charge_w(s, loss_w + self.discharge_w)
        self.core_c += (self.charge_w - loss_w - self.discharge_w) * s.dt_s / (self.cores * CORE_J_K)
        standby_w = _STANDBY_W * s.powered
        self.power_w = self.charge_w + standby_w
        self.energy_kwh += self.power_w * (s.dt_s / 3.6e6)
        self._show(s, wanted_w)
        return loss_w + self.discharge_w + standby_w

    def _charge_w(self, s: Surroundings, given_w: Floats) -> Floats:
        """The thermostat cuts off at full, also in the middle of a long step; a stuck contactor only far above."""
        rated_w = self.cores * CHARGE_W
        until_c: Floats | float = FULL_C
        allowed = s.powered if self.valley.is_open(s.hour) else np.zeros(len(rated_w), dtype=np.bool_)
        if "charge_failed" in s.faults:
            rated_w *= 1.0 - s.strength("charge_failed", 0.0)
        if "charge_stuck" in s.faults:
            until_c = s.strength("charge_stuck", FULL_C)
            allowed = allowed | (s.powered & s.has("charge_stuck"))
        left_w = self.cores * (until_c - self.core_c) * (CORE_J_K / s.dt_s) + given_w
        return np.where(allowed, np.clip(left_w, 0.0, rated_w), 0.0)

    def _show(self, s: Surroundings, wanted_w: Floats) -> None:
        hot = self.core_c > HOT_C
        self._well = not (s.faults or hot.any() or self.fault.any())
        if not self._well:
            self.fault = np.zeros(len(hot), dtype=np.int16)
            self.show("core_hot", s.powered & hot)
            self.show("fan_failed", s.powered & (self._air <= _HALF) & (wanted_w > 0))
            if self.valley.is_open(s.hour):
                self.show("charge_failed", s.powered & (s.strength("charge_failed", 0.0) >= _HALF))

    def bits(self) -> Mapping[str, Bools]:
        """A core far too hot."""
        return {"overheat": self.fault == self.SHOWS.index("core_hot") + 1}

    def metrics(self, rows: Ints) -> Metrics:
        """What the controllers of the units `rows` know."""
        core_c, room_c, air = self.core_c[rows], self._room_c[rows], self._air[rows]
        above = core_c - room_c
        blown_k = self.discharge_w[rows] / (self.cores[rows] * _OUTLET_W_K * np.maximum(air, 0.1))
        still = _OUTLET_STILL_SHARE + (_OUTLET_SHARE - _OUTLET_STILL_SHARE) * air
        return {
            "core_c": core_c,
            "case_c": room_c + _CASE_SHARE * above,
            "outlet_c": room_c + blown_k + still * above,
            "charge_pct": np.clip((core_c - EMPTY_C) / (FULL_C - EMPTY_C), 0.0, 1.0) * 100,
            "charging": (self.charge_w[rows] > 0).astype(np.float64),
            "power_w": self.power_w[rows],
            "energy_kwh": self.energy_kwh[rows],
        }
