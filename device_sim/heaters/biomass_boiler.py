"""Biomass boilers of a village plant (D12): a screw-fed fire under the water of all its homes, with a fuel store."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator, Ints, Metrics
from device_sim.heaters.heater import Heaters, Start, Surroundings
from device_sim.heaters.loop import WaterLoop
from device_sim.heaters.pellet_fire import LOCKS, Make, PelletFire, State

_MAKE: Final = Make(
    start_s=1200.0, glow_s=300.0, cool_s=1800.0, burn_lag_s=600.0, hopper_h=8.0, efficiency=0.82, too_hot_c=280.0
)
_SPARE: Final = 1.3
_SIZE_W: Final = 50_000.0
_TARGET_C: Final = (25.0, 85.0)
_SETTLE_S: Final = 1800.0
"""Slow on purpose: the fire lags ten minutes behind its feed, and a quicker controller would swing (C)."""
_BAND_K: Final = (-4.0, 8.0)
"""The fire is lit and put out at this distance from the water's target (A)."""
_STOPS_C: Final = 92.0
_LOST: Final = 0.06
_WATER_S: Final = 10.0 * 4.186
"""10 L of network, boiler and radiators per kW (A)."""
_RETURN_SHARE: Final = 15.0 / 42.0
"""The network is laid out for 15 K between flow and return at the design load (A)."""
_DRY_K: Final = 120.0
"""How far the water left in a boiler at full fire climbs above the flow when nearly all is gone (A)."""
_DRY_LAG_S: Final = 180.0
_LIMIT_C: Final = 100.0
_STEAM_C: Final = 143.0
"""Water boils off through the safety valve of 3 bar (M)."""
_LOW_BAR: Final = 0.5
_FREEZE_C: Final = 5.0
_STORE_DAYS: Final = 12.0
_ORDER_BELOW: Final = 0.25
_TRUCK_HOURS: Final = (8.0, 16.0)
"""The plant orders at a quarter of its store; the lorry comes at this hour of the day (A)."""
_BIN_BELOW: Final = 0.5
_PUMPS_SHARE, _FAN_SHARE, _STANDBY_W = 0.008, 0.004, 150.0


class BiomassBoilers(Heaters):
    """State of all biomass boilers, shape (units,); each serves the homes of a village."""

    TYPE: ClassVar[str] = "biomass_boiler"
    SHOWS: ClassVar[tuple[str, ...]] = (*LOCKS, "low_water_pressure", "freeze_risk")

    def __init__(self, design_w: Floats, start: Start, dice: Generator) -> None:
        super().__init__(design_w, start, dice)
        units = len(design_w)
        rated_w = np.ceil(_SPARE * design_w / _SIZE_W) * _SIZE_W
        load = max(min((17.0 - start.outdoor_c) / 37.0, 1.3), 0.0)
        self.fire = PelletFire(rated_w, _MAKE, design_w / rated_w * load, dice.uniform(0.5, 1.0, units), dice)
        flow_c = np.clip(start.room_c + 42.0 * load + dice.uniform(-3.0, 3.0, units), *_TARGET_C)
        self.loop = WaterLoop(design_w, flow_c, dice, water_s=_WATER_S, filled_bar=(1.6, 2.4))
        self.store_kg = self.fire.rated_kg_h / _SPARE * 24.0 * _STORE_DAYS
        self.store = dice.uniform(0.3, 1.0, units)
        """How full the fuel store is, 0…1."""
        self.dry_k = np.zeros(units)
        self._gone: Floats | None = None
        self._blocked = np.zeros(units, dtype=np.bool_)
        self._truck_at = dice.uniform(*_TRUCK_HOURS, units)
        self._co_ppm = dice.uniform(90.0, 250.0, units)
        self._powered = np.ones(units, dtype=np.bool_)
        self._room_c = start.room_c

    def step(self, s: Surroundings) -> Floats:
        """Advance by `s.dt_s`; the heat that reaches the homes in W, all homes of a plant together."""
        self._room_c, self._powered = s.room_c, s.powered
        fire, loop = self.fire, self.loop
        self._fuel(s)
        self._gone = s.strength("dry_fire", 0.0) if "dry_fire" in s.faults else None
        loop.press(s.dt_s, s.faults.get("water_leak"))
        self._blocked = s.powered & (self._bar() < _LOW_BAR)
        target_c = np.clip(s.room_c + s.demand_w / (loop.emitter_w_k * (1 - _LOST)), *_TARGET_C)
        asked_w = loop.asked_w(s.dt_s, s.room_c, target_c, _SETTLE_S)
        # no demand, too hot or too little water: as if the water were far above its target
        barred = (s.demand_w <= 0) | (loop.flow_c >= _STOPS_C) | self._blocked
        warmer_k = np.where(barred, np.inf, loop.flow_c - target_c)
        moving = None if self._gone is None else 1.0 - self._gone
        if not s.powered.all():
            # without power the pumps stand
            moving = np.where(s.powered, 1.0 if moving is None else moving, 0.0)
        fire_w = fire.step(s, asked_w / fire.rated_w, warmer_k, _BAND_K, loop.flow_c)
        given_w = loop.step(s.dt_s, s.room_c, fire_w, moving)
        self._boil_dry(s)
        fan_w = _FAN_SHARE * fire.rated_w * (fire.share > 0)
        self.power_w = np.where(s.powered, _STANDBY_W + _PUMPS_SHARE * self.design_w + fan_w, 0.0)
        self.fault = np.where(s.powered, fire.cause, np.int16(0))
        self.show("low_water_pressure", self._blocked)
        self.show("freeze_risk", s.powered & (loop.flow_c < _FREEZE_C))
        return given_w * (1 - _LOST)

    def _fuel(self, s: Surroundings) -> None:
        """The bin is filled from the store, the store by a lorry."""
        fire = self.fire
        empty = s.faults.get("out_of_fuel")
        if empty is not None:
            self.store = np.where(np.isnan(empty), self.store, 0.0)
        comes = (self._truck_at <= s.hour) & (self._truck_at > s.hour - s.dt_s / 3600)
        comes = (comes & (self.store < _ORDER_BELOW)) | ((self.store <= 0) & (fire.cause == 0) & s.powered)
        if empty is not None:
            comes &= np.isnan(empty)
        self.store = np.where(comes, 1.0, self.store)
        bin_kg = fire.rated_kg_h * _MAKE.hopper_h
        low = (fire.hopper < _BIN_BELOW) & s.powered & (self.store > 0)
        moved_kg = np.where(low, np.minimum((1.0 - fire.hopper) * bin_kg, self.store * self.store_kg), 0.0)
        fire.hopper = fire.hopper + moved_kg / bin_kg
        self.store = self.store - moved_kg / self.store_kg

    def _boil_dry(self, s: Surroundings) -> None:
        """What is left in a boiler that lost its water runs hot; the limit thermostat stops the feed."""
        if self._gone is None and not self.dry_k.any():
            return
        aim_k = 0.0 if self._gone is None else _DRY_K * self._gone * self.fire.burn
        self.dry_k = aim_k + (self.dry_k - aim_k) * math.exp(-s.dt_s / _DRY_LAG_S)
        self.dry_k = np.where(self.dry_k < 1e-3, 0.0, self.dry_k)  # noqa: PLR2004 - K, to end the decay
        self.fire.lock(s.powered & (self.water_c() >= _LIMIT_C), "dry_fire")

    def water_c(self) -> Floats:
        """Water in the boilers: a little above the flow, far above it in a dry one."""
        return np.minimum(self.loop.flow_c + 2.0 * self.fire.burn + self.dry_k, _STEAM_C)

    def _bar(self) -> Floats:
        bar = self.loop.bar()
        return bar if self._gone is None else bar * (1.0 - self._gone)

    def bits(self) -> Mapping[str, Bools]:
        """Locked out, too hot, freezing."""
        stopped = self._powered & (self.fire.state == State.FAULT)
        hot = (self.fire.cause == LOCKS.index("fumes_hot") + 1) | (self.fire.cause == LOCKS.index("dry_fire") + 1)
        return {
            "lockout": stopped,
            "overheat": stopped & hot,
            "freeze": self._powered & (self.loop.flow_c < _FREEZE_C),
        }

    def metrics(self, rows: Ints) -> Metrics:
        """What the plants `rows` know."""
        fire, flow_c = self.fire, self.loop.flow_c[rows]
        state, share, burn = fire.state[rows], fire.share[rows], fire.burn[rows]
        glows = burn > 0.06  # noqa: PLR2004 - share of the rated fire from which the probe sees it
        purges = self._powered[rows] & ((state == State.STARTING) | (state == State.COOLING))
        return {
            "state": state.astype(np.float64),
            "flow_c": flow_c,
            "return_c": flow_c - _RETURN_SHARE * (flow_c - self._room_c[rows]),
            "water_c": self.water_c()[rows],
            "water_bar": self._bar()[rows],
            "fumes_c": np.minimum(fire.fumes_c(self.loop.flow_c)[rows], 900.0),
            "power_level": fire.level[rows],
            "fan_rpm": np.where(share > 0, 900.0 + 1800.0 * share, np.where(purges, 1500.0, 0.0)),
            "feed_pct": 100.0 * share,
            "hopper_pct": 100.0 * fire.hopper[rows],
            "fuel_t": (self.store * self.store_kg)[rows] / 1000.0,
            "o2_pct": np.where(glows, 6.5 + 6.0 * (1 - burn), 20.9),
            # a fire that is lit or banked burns badly
            "flue_co_ppm": np.where(glows, self._co_ppm[rows] * (1.0 + 2.5 * (1 - burn)), 0.0),
            "power_w": self.power_w[rows],
        }
