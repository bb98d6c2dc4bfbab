"""Electric kangs: a heated brick bed with a thermostat of its own and a timer, used at night.

A kang alone warms no home. What is missing to some 13 °C comes from a small cooking stove, which reports nothing and is
taken as free of carbon monoxide (A).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from device_sim.arrays import Floats, Generator, Ints, Metrics
from device_sim.heaters.heater import Heaters, Start, Surroundings
from device_sim.heaters.resistive import Slab

LIMIT_C: Final = 50.0
"""Surface 45–50 °C in normal use, alarm at 60 °C (SAFETY.md, M)."""
_RATED_W: Final = (500.0, 1500.0)
_SET_C: Final = (35.0, 45.0)
"""0.5–1.5 kW, 35–45 °C (SIMULATION.md, "Resistive")."""
_RISE_K: Final = (45.0, 55.0)
"""Surface above the room at full power, under bedding (A)."""
_LAG_S: Final = 2400.0
"""Time constant of the surface (A)."""
_ON_HOUR: Final = (19.5, 20.5)
_OFF_HOUR: Final = (6.5, 7.0)
"""People switch it on about 20:00 with the timer set to about 7:00 (A)."""
_LEAST_K, _MOST_K = 2.0, 1.0
"""The thermostat closes and opens this far below its set-point (A)."""
_SUMMER_C: Final = 15.0
"""Nobody heats the bed when it is warmer outside (A)."""
_STOVE_C: Final = 13.0
_STOVE_TRIM_W_K: Final = 400.0
"""The stove holds this temperature: harder fired the colder the room (A)."""
_STOVE_SIZED: Final = 1.1
_DESIGN_K: Final = 37.0
"""18 °C inside at −19 °C, to which the design load belongs (GB 50736, V)."""


class ElectricKangs(Heaters):
    """State of all kangs, shape (units,). `set_c` is the kang's own set-point, not the room's."""

    TYPE = "electric_kang"
    SHOWS = ("surface_hot", "relay_stuck")

    def __init__(self, design_w: Floats, start: Start, dice: Generator) -> None:
        super().__init__(design_w, start, dice)
        units = len(design_w)
        self.rated_w = np.round(dice.uniform(*_RATED_W, units) / 100) * 100
        self.chosen_c = np.round(dice.uniform(*_SET_C, units))
        self.on_hour = dice.uniform(*_ON_HOUR, units)
        self.lasts_h = (dice.uniform(*_OFF_HOUR, units) - self.on_hour) % 24
        self.set_c = self.chosen_c.copy()
        in_use = (start.hour - self.on_hour) % 24 < self.lasts_h
        first_c = np.where(in_use, self.chosen_c - _LEAST_K, start.room_c + 5.0)
        self.slab = Slab(first_c, self.rated_w / dice.uniform(*_RISE_K, units), _LAG_S)
        self.relay = np.zeros(units, dtype=np.bool_)
        self.left_min = np.zeros(units)
        self.energy_kwh = dice.uniform(200.0, 6_000.0, units)
        self._sick = False

    def step(self, s: Surroundings) -> Floats:
        """Advance by `s.dt_s`; the heat that reaches the rooms in W, the stove's included."""
        slab = self.slab
        left_h = self.lasts_h - (s.hour - self.on_hour) % 24
        used = left_h > 0 if s.outdoor_c < _SUMMER_C else np.zeros(len(left_h), dtype=np.bool_)
        self.left_min = np.where(used & s.powered, 60.0 * left_h, 0.0)
        self.set_c = self.chosen_c
        if "left_on" in s.faults:
            forgotten = s.has("left_on")
            used = used | forgotten
            self.left_min = np.where(forgotten, 0.0, self.left_min)
            self.set_c = np.where(forgotten, s.faults["left_on"], self.chosen_c)
        missing_k = self.set_c - slab.surface_c
        calls = (missing_k > _LEAST_K) | (self.relay & (missing_k > _MOST_K))
        self.relay = calls & used & s.powered
        self.power_w = np.where(self.relay, self.rated_w, 0.0)
        if s.faults or self._sick:
            self._hurt(s)
        given_w = slab.step(s.dt_s, s.room_c, self.power_w)
        hot = s.faults.get("surface_hot")
        slab.cover(s.dt_s, s.room_c, None if hot is None else np.where(s.powered, LIMIT_C + hot, np.nan))
        self.energy_kwh += self.power_w * (s.dt_s / 3.6e6)
        return given_w + self._stove_w(s, given_w)

    def _hurt(self, s: Surroundings) -> None:
        self._sick = bool(s.faults)
        stuck = s.powered & ~self.relay & s.has("relay_stuck")
        self.power_w = np.where(stuck, self.rated_w * s.strength("relay_stuck", 0.0), self.power_w)
        self.fault = np.zeros(len(stuck), dtype=np.int16)
        self.show("surface_hot", s.powered & s.has("surface_hot") & (self.slab.seen_c > LIMIT_C))
        self.show("relay_stuck", stuck)

    def _stove_w(self, s: Surroundings, kang_w: Floats) -> Floats:
        """Heat of the cooking stove, which needs no electricity and holds a poor room temperature."""
        hold_w = self.design_w * max((_STOVE_C - s.outdoor_c) / _DESIGN_K, 0.0)
        asked_w = hold_w - kang_w + _STOVE_TRIM_W_K * (_STOVE_C - s.room_c)
        return np.clip(asked_w, 0.0, _STOVE_SIZED * self.design_w)

    def metrics(self, rows: Ints) -> Metrics:
        """What the controllers of the units `rows` know, their own set-point included."""
        return {
            "surface_c": self.slab.seen_c[rows],
            "set_c": self.set_c[rows],
            "power_w": self.power_w[rows],
            "energy_kwh": self.energy_kwh[rows],
            "relay": self.relay[rows].astype(np.float64),
            "auto_off_min": self.left_min[rows],
        }
