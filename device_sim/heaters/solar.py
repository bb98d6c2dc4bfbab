"""Solar heating with storage (D14): collectors on the roof, a tank, and an electric backup for the rest.

Numbers (A) where nothing is said: a January day brings about 4 kWh/m² onto the slope, 20 m² a third of a home's heat.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator, Ints, Metrics
from device_sim.heaters.collector import STAGNATES_C, Collectors
from device_sim.heaters.heater import Heaters, Start, Surroundings

_AREA_M2_PER_W: Final = 20.0 / 7600.0
_TANK_J_K_PER_W: Final = 1000.0 * 4186.0 / 7600.0
"""1000 L behind a design load of 7.6 kW."""
_TANK_LAG_S: Final = 5 * 86_400.0
"""Insulation of the tank: it would cool down in days."""
_FLOOR_K: Final = 25.0
"""A heated floor gives the design load with water this much warmer than the room (M)."""
_RETURN_SHARE: Final = 0.3
_BACKUP_SHARE: Final = 1.25
"""Electric backup over the design load: it must hold the house alone in a dark week."""
_WARM_K, _BAND_K = 3.0, 4.0
"""The backup starts this far above the flow that the house needs, and stops a band higher."""
_LEAST_TANK_C: Final = 30.0
_BACKUP_MOST_C: Final = 65.0
_PUMP_W, _STANDBY_W = 45.0, 8.0
_FREEZE_C: Final = 5.0
_OVERHEAT_C: Final = 95.0


class SolarHeaters(Heaters):
    """State of all solar heaters, shape (units,). A pump that fails stands in the collectors' loop."""

    TYPE: ClassVar[str] = "solar_heating"
    SHOWS: ClassVar[tuple[str, ...]] = ("stagnation", "no_water_flow", "overheat", "freeze_risk")

    def __init__(self, design_w: Floats, start: Start, dice: Generator) -> None:
        super().__init__(design_w, start, dice)
        units = len(design_w)
        self.collectors = Collectors(design_w * _AREA_M2_PER_W, start.outdoor_c, dice)
        self.tank_j_k = design_w * _TANK_J_K_PER_W
        load = max(min((17.0 - start.outdoor_c) / 37.0, 1.3), 0.0)
        needed_c = start.room_c + _FLOOR_K * load + _WARM_K
        self.tank_c = np.maximum(needed_c, _LEAST_TANK_C) + dice.uniform(0.0, _BAND_K, units)
        self.backup_w = np.zeros(units)
        self.given_w = np.zeros(units)
        self.energy_kwh = dice.uniform(500.0, 9000.0, units)
        self._backup = np.zeros(units, dtype=np.bool_)
        self._sun_wm2 = 0.0
        self._pump_broken = np.zeros(units, dtype=np.bool_)
        self._room_c = start.room_c
        self._powered = np.ones(units, dtype=np.bool_)

    def step(self, s: Surroundings) -> Floats:
        """Advance by `s.dt_s`; the heat that reaches the rooms in W."""
        self._room_c, self._powered, self._sun_wm2 = s.room_c, s.powered, s.irradiance_wm2
        lost = s.faults.get("pump_failed")
        moving = None if lost is None else 1.0 - np.nan_to_num(lost)
        collectors = self.collectors
        collectors.step(s.dt_s, s.outdoor_c, s.irradiance_wm2, self.tank_c, s.powered, moving)
        floor_w_k = self.design_w / _FLOOR_K
        # the mixing valve gives what is asked, as far as the tank is warm enough; the pump needs power
        most_w = floor_w_k * np.maximum(self.tank_c - s.room_c, 0.0)
        self.given_w = np.where(s.powered, np.minimum(s.demand_w, most_w), 0.0)
        needed_c = np.clip(s.room_c + s.demand_w / floor_w_k, _LEAST_TANK_C - _WARM_K, _BACKUP_MOST_C) + _WARM_K
        self._backup = s.powered & ((self.tank_c < needed_c) | (self._backup & (self.tank_c < needed_c + _BAND_K)))
        self.backup_w = np.where(self._backup, _BACKUP_SHARE * self.design_w, 0.0)
        loss_w = self.tank_j_k / _TANK_LAG_S * (self.tank_c - s.room_c)
        self.tank_c = self.tank_c + (collectors.heat_w + self.backup_w - self.given_w - loss_w) * (
            s.dt_s / self.tank_j_k
        )
        pumps_w = _PUMP_W * (1.0 * collectors.pump + (self.given_w > 0))
        self.power_w = np.where(s.powered, _STANDBY_W + pumps_w + self.backup_w, 0.0)
        self.energy_kwh += self.power_w * (s.dt_s / 3.6e6)
        self._show(moving)
        return self.given_w

    def _show(self, moving: Floats | None) -> None:
        self.fault = np.zeros(len(self.tank_c), dtype=np.int16)
        collector_c, on = self.collectors.collector_c, self._powered
        self.show("stagnation", on & (collector_c >= STAGNATES_C))
        if moving is not None:
            self.show("no_water_flow", self.collectors.pump & (moving < 0.5))  # noqa: PLR2004 - half of the flow
        self.show("overheat", on & (self.tank_c >= _OVERHEAT_C))
        self.show("freeze_risk", on & (self.tank_c < _FREEZE_C))

    def bits(self) -> Mapping[str, Bools]:
        """Collector or tank too hot; tank freezing."""
        on = self._powered
        return {
            "overheat": on & ((self.collectors.collector_c >= STAGNATES_C) | (self.tank_c >= _OVERHEAT_C)),
            "freeze": on & (self.tank_c < _FREEZE_C),
        }

    def metrics(self, rows: Ints) -> Metrics:
        """What the controllers of the units `rows` know."""
        given_w, room_c, design_w = self.given_w[rows], self._room_c[rows], self.design_w[rows]
        flow_c = room_c + given_w * (_FLOOR_K / design_w)
        return {
            "collector_c": np.minimum(self.collectors.collector_c[rows], 300.0),
            "tank_c": self.tank_c[rows],
            "flow_c": flow_c,
            "return_c": flow_c - _RETURN_SHARE * (flow_c - room_c),
            "pump": self.collectors.pump[rows].astype(np.float64),
            "irradiance_wm2": np.full(len(rows), self._sun_wm2),
            "backup_heater": self._backup[rows].astype(np.float64),
            "power_w": self.power_w[rows],
            "energy_kwh": self.energy_kwh[rows],
        }
