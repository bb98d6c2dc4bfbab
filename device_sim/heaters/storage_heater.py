"""Storage electric heaters: a brick core charged in the valley hours, giving its heat through the day.

m·c·dTc/dt = P_in − UA(Tc − Troom) − q_dis, per SIMULATION.md "Storage heater". One device is the bank of 25 kWh cores
that the home needs behind one controller: an 80 m² home takes 122 kWh a day (C), hence five or more.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator, Ints, Metrics

CORE_J_K: Final = 180.0 * 920.0
"""Heat capacity of a core: 180 kg of magnesite brick at 920 J/kgK."""
CORE_KWH: Final = 25.0
_USABLE: Final = 1.2
"""Heat given a day over what the cores hold: they also give while they charge (C)."""
CHARGE_W: Final = 3200.0
FULL_C: Final = 650.0
EMPTY_C: Final = 100.0
"""550 K between them hold 25 kWh a core."""
_LOSS_W_K: Final = 0.35
"""Through the insulation, into the room (A): 220 W when full."""
_FAN_W_K: Final = 6.0
"""Most heat that the fan can move per kelvin between core and room (A)."""
_STANDBY_W: Final = 9.0
_FIRST_HOUR, _LAST_HOUR = 22.0, 8.0
_OUTLET_W_K: Final = 50.0
"""Heat per kelvin of the mixed outlet air (A): keeps the outlet near its safe 60 °C."""


def in_window(hour: float) -> bool:
    """Whether the valley tariff runs at this local hour: 22:00–08:00."""
    return hour >= _FIRST_HOUR or hour < _LAST_HOUR


class StorageHeaters:
    """State of all storage heaters, shape (units,); `design_w` is the load at −19 °C that each was chosen for."""

    def __init__(self, design_w: Floats, hour: float, dice: Generator) -> None:
        units = len(design_w)
        self.cores = np.maximum(np.ceil(design_w * 24.0 / 1000.0 / CORE_KWH / _USABLE), 1.0)
        # plausible at this hour: empty when the window opens, full when it closes
        since = (hour - _FIRST_HOUR) % 24
        charged = min(since / 10, 1.0) if since < 10 else 1.0 - 0.85 * (since - 10) / 14  # noqa: PLR2004
        level = np.clip(charged + dice.normal(0.0, 0.05, units), 0.1, 1.0)
        self.core_c = EMPTY_C + level * (FULL_C - EMPTY_C)
        self.charge_w = np.zeros(units)
        self.discharge_w = np.zeros(units)
        self.loss_w = np.zeros(units)
        self.energy_kwh = dice.uniform(2_000.0, 30_000.0, units)
        self._room_c = np.full(units, 17.0)
        self._powered = np.ones(units, dtype=np.bool_)

    def step(self, dt_s: float, hour: float, room_c: Floats, demand_w: Floats, powered: Bools) -> Floats:
        """Advance by `dt_s`; returns the heat that reaches the rooms in W. Without power the fan stands still."""
        self._room_c, self._powered = room_c, powered
        above = np.maximum(self.core_c - room_c, 0.0)
        self.loss_w = self.cores * _LOSS_W_K * above
        wanted = np.where(powered, np.maximum(demand_w - self.loss_w, 0.0), 0.0)
        self.discharge_w = np.minimum(wanted, self.cores * np.minimum(_FAN_W_K, CORE_J_K / dt_s) * above)
        # the thermostat cuts off at full, also in the middle of a long step
        room_left_w = (
            self.cores * CORE_J_K * np.maximum(FULL_C - self.core_c, 0.0) / dt_s + self.loss_w + self.discharge_w
        )
        allowed = powered & in_window(hour) & (self.core_c < FULL_C)
        self.charge_w = np.where(allowed, np.minimum(self.cores * CHARGE_W, room_left_w), 0.0)
        self.core_c += (self.charge_w - self.loss_w - self.discharge_w) * dt_s / (self.cores * CORE_J_K)
        self.energy_kwh += self.charge_w * dt_s / 3.6e6
        return self.loss_w + self.discharge_w

    def metrics(self, rows: Ints) -> Metrics:
        """What the controllers of the units `rows` know; the county adds indoor_c and set_c."""
        core_c, room_c = self.core_c[rows], self._room_c[rows]
        charging = self.charge_w[rows] > 0
        return {
            "core_c": core_c,
            "case_c": room_c + 0.065 * (core_c - room_c),
            "outlet_c": room_c + self.discharge_w[rows] / (self.cores[rows] * _OUTLET_W_K) + 0.02 * (core_c - room_c),
            "charge_pct": np.clip((core_c - EMPTY_C) / (FULL_C - EMPTY_C), 0.0, 1.0) * 100,
            "charging": charging.astype(np.float64),
            "power_w": np.where(self._powered[rows], self.charge_w[rows] + _STANDBY_W, 0.0),
            "energy_kwh": self.energy_kwh[rows],
        }
