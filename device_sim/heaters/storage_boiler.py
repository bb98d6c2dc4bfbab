"""Storage electric boilers: a tank of water charged in the valley hours, feeding the home's radiators through the day.

The tank is two nodes, top and bottom: water leaves at the top and comes back colder at the bottom; the element heats
the bottom, and what is warmer below than above turns over. The radiators are a heat exchanger with the room.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator, Ints, Metrics
from device_sim.heaters.heater import Heaters, Start, Surroundings
from device_sim.heaters.valley import VALLEY, Valley

FULL_C: Final = 88.0
"""The thermostat of the tank (A): the boiler's nameplate has 90 °C as the most (catalogue/data/models.yaml)."""
EMPTY_C: Final = 45.0
"""Colder water no longer carries the design load (A)."""
FLOW_MOST_C: Final = 80.0
"""Most that the mixer lets out (A)."""
CUT_OUT_C: Final = 105.0
"""Safety thermostat at the element (M: 105–110 °C, as in gas boilers, SAFETY.md)."""
_MIXED_ROOM_C: Final = 18.0
_DESIGN_FLOW_C: Final = 45.0
_DESIGN_DROP_K: Final = 10.0
"""Large radiators or floor: 45 °C and 10 K carry the design load (A)."""
_WATER_J_M3K: Final = 4.186e6
_UNMIXED: Final = 1.15
"""Tank over what its heat alone would ask for: some of it is left too cold (A)."""
_LOSS_W_K_M3: Final = 2.0
"""Through the insulation per m³ (A); the tank stands in the home and so warms it."""
_STANDBY_W: Final = 6.0
_PUMP_W: Final = 60.0
_FLOW_LAG_S: Final = 60.0
_STANDING_LAG_S: Final = 30 * 60.0
"""Pipes while water moves, and while it stands and takes the room's temperature (A)."""
_BARE_K: Final = 300.0
_BARE_LAG_S: Final = 120.0
_BARE_COOLS_S: Final = 600.0
"""A bare element heats the steam around the upper sensor by 300 K per share of the water gone, and cools slowly (A)."""
_BARE_LEAST_K: Final = 0.1
_SLOW: Final = 0.5
"""Share of the flow below which the flow switch opens; share of the charging power that must be there (A)."""
_STILL: Final = 0.1
"""With less of its flow the water stands (A)."""


class WaterStores(Heaters):
    """Tanks charged by electricity, shape (units,); a subclass says when. `_HOURS` of the design load fit into one."""

    SHOWS = ("dry_fire", "no_water_flow", "charge_failed")
    _HOURS: ClassVar[float]
    _CHARGE_HOURS: ClassVar[float]
    """Hours in which the element can make a day's design heat."""

    def __init__(self, design_w: Floats, start: Start, dice: Generator, valley: Valley = VALLEY) -> None:
        super().__init__(design_w, start, dice)
        units = len(design_w)
        self.valley = valley
        self.volume_m3 = np.maximum(
            _UNMIXED * self._HOURS * 3600.0 * design_w / (_WATER_J_M3K * (FULL_C - EMPTY_C)), 0.2
        )
        self._node_j_k = self.volume_m3 * (_WATER_J_M3K / 2)
        self._loss_w_k = _LOSS_W_K_M3 * self.volume_m3 / 2
        self.rated_w = np.maximum(np.ceil(24.0 / self._CHARGE_HOURS * design_w / 3000.0) * 3000.0, 3000.0)
        self._loop_w_k = design_w / _DESIGN_DROP_K
        warmed = _DESIGN_DROP_K / (_DESIGN_FLOW_C - _MIXED_ROOM_C)
        self._emitter_w_k = self._loop_w_k * -np.log1p(-warmed)
        self._given_w_k = self._loop_w_k * warmed
        level = np.clip(valley.level(start.hour) + dice.normal(0.0, 0.05, units), 0.05, 1.0)
        self.top_c = EMPTY_C + np.minimum(1.3 * level, 1.0) * (FULL_C - EMPTY_C)
        self.bottom_c = EMPTY_C + 0.8 * level * (FULL_C - EMPTY_C)
        self.flow_c = start.room_c + 15.0
        self.return_c = start.room_c + 10.0
        self.charge_w = np.zeros(units)
        self.energy_kwh = dice.uniform(2_000.0, 30_000.0, units)
        self._bare_k = np.zeros(units)
        self.locked = np.zeros(units, dtype=np.bool_)
        self._sick = False

    @abstractmethod
    def charges(self, s: Surroundings) -> Bools:
        """Which units may charge in this step, shape (units,)."""

    @property
    def charge_pct(self) -> Floats:
        """Heat in the tank above its empty state, in % of a full one."""
        mean_c = (self.top_c + self.bottom_c) / 2
        return np.clip((mean_c - EMPTY_C) / (FULL_C - EMPTY_C), 0.0, 1.0) * 100

    def step(self, s: Surroundings) -> Floats:
        """Advance by `s.dt_s`; the heat that reaches the rooms in W."""
        self._sick = bool(s.faults) or (self._sick and self._recovers())
        losses = self._loss_w_k * (self.top_c - s.room_c), self._loss_w_k * (self.bottom_c - s.room_c)
        loss_w = losses[0] + losses[1]
        given_w, drawn_w_k, back_c, pumping = self._give(s, np.maximum(s.demand_w - loss_w, 0.0))
        charging = self.charges(s) & s.powered
        full_w = self._node_j_k * (2 * FULL_C - self.top_c - self.bottom_c) / s.dt_s + given_w + loss_w
        self.charge_w = np.where(charging, np.clip(full_w, 0.0, self.rated_w), 0.0)
        into_water_w = self._hurt(s, charging) if self._sick else self.charge_w
        k_w = s.dt_s / self._node_j_k
        top_c = self.top_c + k_w * (drawn_w_k * (self.bottom_c - self.top_c) - losses[0])
        bottom_c = self.bottom_c + k_w * (drawn_w_k * (back_c - self.bottom_c) - losses[1] + into_water_w)
        # what is warmer below rises until both are equal
        turned_c = np.maximum(bottom_c - top_c, 0.0) / 2
        self.top_c, self.bottom_c = top_c + turned_c, bottom_c - turned_c
        self.power_w = self.charge_w + np.where(s.powered, _STANDBY_W + _PUMP_W * pumping, 0.0)
        self.energy_kwh += self.power_w * (s.dt_s / 3.6e6)
        return given_w + loss_w

    def _give(self, s: Surroundings, asked_w: Floats) -> tuple[Floats, Floats, Floats, Bools]:
        """Heat to the radiators in W, the tank water for it in W/K, its return in °C, and whose pump is on."""
        pumping = s.powered & (asked_w > 0)
        loop_w_k, given_w_k, moves = self._loop_w_k, self._given_w_k, pumping
        if self._sick:
            still = 1.0 - np.maximum(s.strength("pump_failed", 0.0), s.strength("dry_fire", 0.0))
            loop_w_k = loop_w_k * np.maximum(still, 1e-3)
            given_w_k = loop_w_k * -np.expm1(-self._emitter_w_k / loop_w_k)
            moves = pumping & (still > _STILL)
        # the mixer gives what the room asks for, unless the tank is colder
        asked_c = np.minimum(s.room_c + asked_w / self._given_w_k, FLOW_MOST_C)
        mixed_c = np.minimum(asked_c, np.maximum(self.top_c, s.room_c))
        given_w = np.where(moves, given_w_k * (mixed_c - s.room_c), 0.0)
        back_c = mixed_c - given_w / loop_w_k
        drawn_w_k = np.minimum(given_w / np.maximum(self.top_c - back_c, 0.1), loop_w_k)
        settle, stands = -np.expm1(-s.dt_s / _FLOW_LAG_S), -np.expm1(-s.dt_s / _STANDING_LAG_S)
        lag = np.where(moves, settle, stands)
        self.flow_c += lag * (np.where(moves, mixed_c, s.room_c) - self.flow_c)
        self.return_c += lag * (np.where(moves, back_c, s.room_c) - self.return_c)
        return given_w, drawn_w_k, back_c, pumping

    def _hurt(self, s: Surroundings, charging: Bools) -> Floats:
        """Faults of the element: sets `charge_w` and what is shown; the heat that reaches the water in W."""
        dry, gone = s.has("dry_fire"), s.strength("dry_fire", 0.0)
        self.locked &= dry
        failed = s.strength("charge_failed", 0.0)
        # a sensor that hangs in air tells the thermostat that the tank is cold (A)
        fires = dry & s.powered & ~self.locked
        self.charge_w = np.where(fires, self.rated_w, np.where(dry, 0.0, self.charge_w)) * (1.0 - failed)
        bare = fires & (self.charge_w > 0)
        aim_k = np.minimum(np.where(bare, _BARE_K * gone, 0.0), CUT_OUT_C + 5.0 - self.top_c)
        lag_s = np.where(bare, _BARE_LAG_S, _BARE_COOLS_S)
        self._bare_k += -np.expm1(-s.dt_s / lag_s) * (np.maximum(aim_k, 0.0) - self._bare_k)
        self.locked |= bare & (self.top_c + self._bare_k >= CUT_OUT_C)
        self.fault = np.zeros(len(dry), dtype=np.int16)
        self.show("dry_fire", s.powered & self.locked)
        self.show("no_water_flow", s.powered & (s.demand_w > 0) & (s.strength("pump_failed", 0.0) > _SLOW))
        self.show("charge_failed", charging & (failed >= _SLOW))
        return self.charge_w * (1.0 - gone)

    def _recovers(self) -> bool:
        return bool(self.fault.any() or (self._bare_k > _BARE_LEAST_K).any())

    def bits(self) -> Mapping[str, Bools]:
        """The safety thermostat has cut out."""
        return {"lockout": self.fault == self.SHOWS.index("dry_fire") + 1}

    def metrics(self, rows: Ints) -> Metrics:
        """What the controllers of the units `rows` know."""
        return {
            "tank_top_c": self.top_c[rows] + self._bare_k[rows],
            "tank_bottom_c": self.bottom_c[rows],
            "flow_c": self.flow_c[rows],
            "return_c": self.return_c[rows],
            "charge_pct": self.charge_pct[rows],
            "charging": (self.charge_w[rows] > 0).astype(np.float64),
            "power_w": self.power_w[rows],
            "energy_kwh": self.energy_kwh[rows],
        }


class StorageBoilers(WaterStores):
    """Storage electric boilers: they charge while the valley tariff runs."""

    TYPE = "storage_electric_boiler"
    _HOURS = 14.0
    _CHARGE_HOURS = 9.0

    def charges(self, s: Surroundings) -> Bools:
        """All units, while the window is open."""
        return np.full(len(self.rated_w), self.valley.is_open(s.hour))
