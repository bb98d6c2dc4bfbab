"""Pellet stoves (D11): a fire in the room, fed by a screw, with five power levels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator, Ints, Metrics
from device_sim.heaters.fumes import leaked_co_m3_h
from device_sim.heaters.heater import Heaters, Start, Surroundings
from device_sim.heaters.pellet_fire import LEAST, LOCKS, Make, PelletFire, State

_MAKE: Final = Make(
    start_s=600.0, glow_s=240.0, cool_s=900.0, burn_lag_s=300.0, hopper_h=24.0, efficiency=0.85, too_hot_c=300.0
)
_SPARE: Final = 1.3
_BAND_K: Final = (-0.3, 1.0)
"""The fire is lit and put out at this distance from the set-point (A)."""
_BODY_LAG_S: Final = 480.0
"""Iron and glass between fire and room (A)."""
_CO_G_KG: Final = (10.0, 40.0)
"""Carbon monoxide by the kilogram of pellets (M)."""
_LEAK: Final = (1e-4, 5e-4)
"""Share of the fumes that comes into the room of a healthy stove (A): under 10 ppm in 40 m³ at λ = 0.3."""
_FLUE_BLOCKED_K: Final = 40.0
_SWITCH_SHARE: Final = 0.5
"""Stoves whose pressure switch notices a flue that is blocked in part (A)."""
_FILL_HOURS: Final = (6.5, 9.0)
_FILL_BELOW: Final = 0.9
"""The household fills the hopper once a day, in the morning, if there is room (A)."""


class PelletStoves(Heaters):
    """State of all pellet stoves, shape (units,)."""

    TYPE: ClassVar[str] = "pellet_stove"
    SHOWS: ClassVar[tuple[str, ...]] = (*LOCKS[:3], "flue_blocked")

    def __init__(self, design_w: Floats, start: Start, dice: Generator) -> None:
        super().__init__(design_w, start, dice)
        units = len(design_w)
        rated_w = np.maximum(np.ceil(_SPARE * design_w / 1000.0) * 1000.0, 6000.0)
        wanted = design_w / rated_w * max(min((17.0 - start.outdoor_c) / 37.0, 1.3), 0.0)
        self._fills_at = dice.uniform(*_FILL_HOURS, units)
        used = ((start.hour - self._fills_at) % 24) / _MAKE.hopper_h * wanted
        self.fire = PelletFire(rated_w, _MAKE, wanted, dice.uniform(0.95, 1.0, units) - used, dice)
        self.body_w = self.fire.burn * rated_w
        """Heat that the stove gives to the room now."""
        self._co_g_kg = dice.uniform(*_CO_G_KG, units)
        self._leak = dice.uniform(*_LEAK, units)
        self._has_switch = dice.random(units) < _SWITCH_SHARE
        self._room_c = start.room_c
        self._powered = np.ones(units, dtype=np.bool_)
        self._blocked_m3_h: Floats | None = None
        self._co_m3_h = np.zeros(units)

    def step(self, s: Surroundings) -> Floats:
        """Advance by `s.dt_s`; the heat that reaches the rooms in W."""
        fire = self.fire
        self._room_c, self._powered = s.room_c, s.powered
        morning = (self._fills_at <= s.hour) & (self._fills_at > s.hour - s.dt_s / 3600)
        if morning.any():
            fire.fill(morning & (fire.hopper < _FILL_BELOW))
        fire_w = fire.step(s, s.demand_w / fire.rated_w, s.room_c - s.set_c, _BAND_K, s.room_c)
        left = math.exp(-s.dt_s / _BODY_LAG_S)
        off = self.body_w - fire_w
        self.body_w = fire_w + off * left
        burning = fire.state == State.STARTING
        self.power_w = np.where(s.powered, 8.0 + 60.0 * (fire.share > 0) + 300.0 * burning, 0.0)
        self._smell(s)
        self.fault = np.where(s.powered, fire.cause, np.int16(0))
        if self._blocked_m3_h is not None:
            self.show("flue_blocked", s.powered & (fire.share > 0) & self._has_switch & (self._blocked_m3_h > 0))
        return fire_w + off * ((1 - left) * _BODY_LAG_S / s.dt_s)

    def _smell(self, s: Surroundings) -> None:
        """Carbon monoxide: a little always, more when wind presses the fumes back or the flue is blocked."""
        fire, share = self.fire, self._leak
        if "back_draught" in s.faults:
            share = np.maximum(share, s.strength("back_draught", 0.0))
        self._co_m3_h = leaked_co_m3_h(fire.burn_kg_h, self._co_g_kg, share)
        self._blocked_m3_h = s.strength("blocked_flue", 0.0) if "blocked_flue" in s.faults else None
        if self._blocked_m3_h is not None:
            # the fault's strength holds for a fire at its least power and above
            self._co_m3_h += self._blocked_m3_h * np.minimum(fire.burn / LEAST, 1.0)

    def co_m3_h(self) -> Floats | None:
        """What leaks into the room."""
        return self._co_m3_h

    def bits(self) -> Mapping[str, Bools]:
        """Locked out; fumes too hot."""
        stopped = self._powered & (self.fire.state == State.FAULT)
        return {"lockout": stopped, "overheat": stopped & (self.fire.cause == LOCKS.index("fumes_hot") + 1)}

    def metrics(self, rows: Ints) -> Metrics:
        """What the controllers of the units `rows` know."""
        fire = self.fire
        share, state = fire.share[rows], fire.state[rows]
        fumes_c = fire.fumes_c(self._room_c)[rows]
        if self._blocked_m3_h is not None:
            fumes_c = fumes_c + np.where(self._blocked_m3_h[rows] > 0, _FLUE_BLOCKED_K * (share > 0), 0.0)
        blows = self._powered[rows] & ((state == State.STARTING) | (state == State.COOLING) | (fumes_c > 60.0))  # noqa: PLR2004 - °C
        return {
            "state": state.astype(np.float64),
            "fumes_c": np.minimum(fumes_c, 900.0),
            "power_level": fire.level[rows],
            "fan_rpm": np.where(share > 0, 1100.0 + 1300.0 * share, np.where(blows, 1500.0, 0.0)),
            "feed_pct": 100.0 * share,
            "hopper_pct": 100.0 * fire.hopper[rows],
            "power_w": self.power_w[rows],
        }
