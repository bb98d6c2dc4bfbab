"""Multi-energy centres (D16): heat pumps, sun and electric rods charge one store that warms a village, as one asset.

Numbers (A) where nothing is said. The valley hours and surplus wind charge the store higher than the weather needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator, Ints, Metrics
from device_sim.heaters.collector import STAGNATES_C, Collectors
from device_sim.heaters.heat_pump import capacity_share, cop
from device_sim.heaters.heater import Heaters, Start, Surroundings
from device_sim.heaters.valley import VALLEY

_PUMP_SHARE: Final = 0.9
"""Heat pumps at −7 °C over the design load: two thirds of it are left at −19 °C."""
_RODS_SHARE: Final = 1.0
_ETA: Final = (0.34, 0.40)
"""Fraction of Carnot of large pumps with their defrosting: a little below a single one's 0.40 (A)."""
_AREA_M2_PER_W: Final = 4.0 / 7600.0
_STORE_J_K_PER_W: Final = 200.0 * 4.186
"""200 L of store per kW."""
_STORE_LAG_S: Final = 10 * 86_400.0
_EMITTER_K: Final = 30.0
"""Large radiators give the design load with water this much warmer than the room."""
_LOST: Final = 0.06
_SPREAD_K: Final = 10.0
"""Flow minus return at the design load (A)."""
_WATER_J_M3K: Final = 4.186e6
_ABOVE_K: Final = 5.0
"""The store is kept this far above the flow that the homes need."""
_EXTRA_K: Final = 10.0
"""And this much higher while power is cheap."""
_STORE_C: Final = (30.0, 65.0)
_FULL_K, _RODS_K = 4.0, 3.0
"""The pumps work fully this far below their target; the rods come in from 2 K below it and are full 3 K lower."""
_CONDENSER_K: Final = 3.0
_FREEZE_C: Final = 5.0
_OVERHEAT_C: Final = 95.0
_COLD_K: Final = 5.0
_CIRCULATION_SHARE, _STANDBY_W = 0.007, 300.0


class EnergyCentres(Heaters):
    """State of all energy centres, shape (units,); each serves the homes of a village."""

    TYPE: ClassVar[str] = "multi_energy_centre"
    SHOWS: ClassVar[tuple[str, ...]] = ("overheat", "stagnation", "freeze_risk", "supply_cold")

    def __init__(self, design_w: Floats, start: Start, dice: Generator) -> None:
        super().__init__(design_w, start, dice)
        units = len(design_w)
        self.collectors = Collectors(design_w * _AREA_M2_PER_W, start.outdoor_c, dice)
        self.eta = dice.uniform(*_ETA, units)
        self.store_j_k = design_w * _STORE_J_K_PER_W
        load = max(min((17.0 - start.outdoor_c) / 37.0, 1.3), 0.0)
        self.store_c = np.clip(start.room_c + _EMITTER_K * load + _ABOVE_K + dice.uniform(0.0, 3.0, units), *_STORE_C)
        self.bar = dice.uniform(1.6, 2.4, units)
        self.pump_w = np.zeros(units)
        self.rods_w = np.zeros(units)
        self.given_w = np.zeros(units)
        self.heat_gj = dice.uniform(100.0, 9000.0, units)
        self.energy_kwh = dice.uniform(10_000.0, 900_000.0, units)
        self._needed_c = self.store_c.copy()
        self._room_c = start.room_c
        self._powered = np.ones(units, dtype=np.bool_)

    def step(self, s: Surroundings) -> Floats:
        """Advance by `s.dt_s`; the heat that reaches the homes in W, all homes of a centre together."""
        self._room_c, self._powered = s.room_c, s.powered
        self.collectors.step(s.dt_s, s.outdoor_c, s.irradiance_wm2, self.store_c, s.powered, None)
        emitter_w_k = self.design_w / _EMITTER_K
        sent_w = s.demand_w / (1 - _LOST)
        most_w = emitter_w_k * np.maximum(self.store_c - s.room_c, 0.0)
        self.given_w = np.where(s.powered, np.minimum(sent_w, most_w), 0.0)
        self._needed_c = s.room_c + sent_w / emitter_w_k
        extra_k = _EXTRA_K if VALLEY.is_open(s.hour) or s.curtailment else 0.0
        electric_w = self._charge(s, np.clip(self._needed_c + _ABOVE_K + extra_k, *_STORE_C))
        gain_w = self.collectors.heat_w + self.pump_w + self.rods_w - self.given_w
        loss_w = self.store_j_k / _STORE_LAG_S * (self.store_c - s.room_c)
        self.store_c = self.store_c + (gain_w - loss_w) * (s.dt_s / self.store_j_k)
        self.heat_gj += self.given_w * (s.dt_s / 1e9)
        circulation_w = _STANDBY_W + _CIRCULATION_SHARE * self.design_w
        self.power_w = np.where(s.powered, circulation_w + electric_w, 0.0)
        self.energy_kwh += self.power_w * (s.dt_s / 3.6e6)
        self._show()
        return self.given_w * (1 - _LOST)

    def _charge(self, s: Surroundings, target_c: Floats) -> Floats:
        """Heat of pumps and rods into the store; the electricity for it in W. The rods never charge for cheap."""
        most_w = _PUMP_SHARE * self.design_w * capacity_share(s.outdoor_c)
        share = np.clip((target_c + 1.0 - self.store_c) / _FULL_K, 0.0, 1.0)
        self.pump_w = np.where(s.powered, share * most_w, 0.0)
        short_k = np.clip(self._needed_c + _ABOVE_K, *_STORE_C) - 2.0 - self.store_c
        self.rods_w = np.where(s.powered, np.clip(short_k / _RODS_K, 0.0, 1.0) * _RODS_SHARE * self.design_w, 0.0)
        ratio = cop(np.full_like(share, s.outdoor_c), self.store_c + _CONDENSER_K, self.eta)
        return self.pump_w / ratio + self.rods_w

    def _show(self) -> None:
        on = self._powered
        self.fault = np.zeros(len(on), dtype=np.int16)
        self.show("overheat", on & (self.store_c >= _OVERHEAT_C))
        self.show("stagnation", on & (self.collectors.collector_c >= STAGNATES_C))
        self.show("freeze_risk", on & (self.store_c < _FREEZE_C))
        self.show("supply_cold", on & (self.store_c < self._needed_c - _COLD_K))

    def bits(self) -> Mapping[str, Bools]:
        """Store too hot; store freezing."""
        on = self._powered
        return {"overheat": on & (self.store_c >= _OVERHEAT_C), "freeze": on & (self.store_c < _FREEZE_C)}

    def metrics(self, rows: Ints) -> Metrics:
        """What the centres `rows` know."""
        given_w, design_w, on = self.given_w[rows], self.design_w[rows], self._powered[rows]
        supply_c = self._room_c[rows] + given_w * (_EMITTER_K / design_w)
        low, high = _STORE_C
        return {
            "supply_c": supply_c,
            "return_c": supply_c - given_w * (_SPREAD_K / design_w),
            "flow_m3h": np.where(on, design_w / _SPREAD_K / _WATER_J_M3K * 3600, 0.0),
            "water_bar": self.bar[rows] + 0.005 * (self.store_c[rows] - 45.0),
            "heat_w": given_w,
            "heat_gj": self.heat_gj[rows],
            "power_w": self.power_w[rows],
            "energy_kwh": self.energy_kwh[rows],
            "charge_pct": 100.0 * np.clip((self.store_c[rows] - low) / (high - low), 0.0, 1.0),
            "collector_c": np.minimum(self.collectors.collector_c[rows], 300.0),
            "backup_heater": (self.rods_w[rows] > 0).astype(np.float64),
        }
