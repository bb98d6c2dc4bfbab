"""Coal stoves: clean briquettes in a stove of their own (D13) and loose coal (D21). People feed them; nothing reports.

The household stokes in the morning and in the evening, banks the fire for the night, and sets the draught by feel.
Numbers: SIMULATION.md, "CO"; SAFETY.md: stoves peak near 75 ppm for minutes (S, six homes).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator, Ints, Metrics
from device_sim.heaters.fumes import leaked_co_m3_h
from device_sim.heaters.heater import Heaters, Start, Surroundings

_MORNING, _EVENING, _NIGHT = (5.5, 7.5), (16.5, 18.5), (21.0, 22.5)
"""When households stoke, and when they bank the fire (A)."""
_BANKED: Final = 0.8
"""A banked fire's share of what the room would need (A): the room cools by one or two kelvin overnight."""
_LEAST: Final = 0.15
"""A fire that is kept in burns at least this share of its rated power (A)."""
_SPARE: Final = 1.4
_BED_H: Final = 16.0
"""Hours at the design load that a full stove holds (A)."""
_LOW_BED: Final = 0.15
"""Below this share of a full bed the fire dies down, and somebody who is awake stokes (A)."""
_FOLLOWS_S: Final = 1800.0
"""Half an hour until the coal follows the draught (A)."""
_OPEN_S: Final = 300.0
"""The door stands open that long when coal is put on (A)."""
_OPEN_OFTEN_M3_H: Final = (0.0005, 0.004)
_OPEN_BADLY_M3_H: Final = (0.006, 0.009)
"""Carbon monoxide through the open door (A): 1–8 ppm in 40 m³, 12–19 in the fifth of the stoves that draws badly.

What comes in leaves only with the air change: much more would stand in a closed room for hours and alarm every evening
(30 ppm for 120 min), which ordinary stoves must not. The fault cooking_peak plays the peak of 75 ppm.
"""
_BADLY_SHARE: Final = 0.2
_LEAK: Final = (1e-4, 3e-4)
"""Share of the fumes that comes into the room of a stove that draws (A): a few ppm."""
_SMOULDER_LEAK: Final = 0.05
"""Share that comes in when a fire smoulders under a cold chimney (A; SIMULATION.md's 5 %)."""
_EMBERS: Final = 1e-6


class _CoalStoves(Heaters):
    """State of all stoves of one fuel, shape (units,). They need no power."""

    _LHV_J_KG: ClassVar[float]
    _EFFICIENCY: ClassVar[float]
    _CO_G_KG: ClassVar[tuple[float, float]]

    def __init__(self, design_w: Floats, start: Start, dice: Generator) -> None:
        super().__init__(design_w, start, dice)
        units = len(design_w)
        self._w_per_kg_h = self._EFFICIENCY * self._LHV_J_KG / 3600
        self.most_kg_h = _SPARE * design_w / self._w_per_kg_h
        load = max(min((17.0 - start.outdoor_c) / 37.0, 1.3), 0.0)
        self.burn_kg_h = self.most_kg_h * max(load / _SPARE, _LEAST)
        self.bed = dice.uniform(0.5, 0.9, units)
        """Coal in the stove over what it holds."""
        self._bed_kg = design_w / self._w_per_kg_h * _BED_H
        self._morning = dice.uniform(*_MORNING, units)
        self._evening = dice.uniform(*_EVENING, units)
        self._night = dice.uniform(*_NIGHT, units)
        self.co_g_kg = dice.uniform(*self._CO_G_KG, units)
        self.leak = dice.uniform(*_LEAK, units)
        badly = dice.random(units) < _BADLY_SHARE
        self._open_m3_h = np.where(
            badly, dice.uniform(*_OPEN_BADLY_M3_H, units), dice.uniform(*_OPEN_OFTEN_M3_H, units)
        )
        self._open_s = np.zeros(units)
        self._co_m3_h = np.zeros(units)

    def step(self, s: Surroundings) -> Floats:
        """Advance by `s.dt_s`; the heat that reaches the rooms in W. Burns in a power cut too."""
        banked = (s.hour < self._morning) | (s.hour >= self._night)
        if "smouldering" in s.faults:
            banked |= s.has("smouldering")
        self._stoke(s, banked)
        needs = s.demand_w / self._w_per_kg_h
        draught = np.clip(needs * np.where(banked, _BANKED, 1.0), _LEAST * self.most_kg_h, self.most_kg_h)
        draught = np.where(s.demand_w > 0, draught, _LEAST * self.most_kg_h) * np.minimum(self.bed / _LOW_BED, 1.0)
        if "heater_off" in s.faults:
            draught = np.where(s.has("heater_off"), 0.0, draught)
        left = math.exp(-s.dt_s / _FOLLOWS_S)
        off = self.burn_kg_h - draught
        mean_kg_h = draught + off * ((1 - left) * _FOLLOWS_S / s.dt_s)
        self.burn_kg_h = draught + off * left
        self.burn_kg_h *= self.burn_kg_h > _EMBERS
        self.bed = np.maximum(self.bed - mean_kg_h * (s.dt_s / 3600) / self._bed_kg, 0.0)
        self._smell(s, banked)
        return mean_kg_h * self._w_per_kg_h

    def _stoke(self, s: Surroundings, banked: Bools) -> None:
        """Put coal on: at the household's hours, and by day when the bed runs low."""
        since = s.hour - s.dt_s / 3600
        stokes = (self._morning <= s.hour) & (self._morning > since)
        stokes |= (self._evening <= s.hour) & (self._evening > since)
        stokes |= (self._night <= s.hour) & (self._night > since)
        stokes |= ~banked & (self.bed < _LOW_BED)
        self._open_s = np.maximum(self._open_s - s.dt_s, 0.0)
        if not stokes.any():
            return
        if "heater_off" in s.faults:
            stokes &= ~s.has("heater_off")
        self.bed = np.where(stokes, 1.0, self.bed)
        self._open_s = np.where(stokes, _OPEN_S, self._open_s)

    def _smell(self, s: Surroundings, banked: Bools) -> None:
        """Carbon monoxide: a little always, the open door's, and what a fault brings."""
        co_g_kg, share = self.co_g_kg, self.leak
        if "back_draught" in s.faults:
            share = np.maximum(share, s.strength("back_draught", 0.0))
        if "smouldering" in s.faults:
            smoulders = banked & s.has("smouldering")
            co_g_kg = np.where(smoulders, s.strength("smouldering", 0.0), co_g_kg)
            share = np.where(smoulders, np.maximum(share, _SMOULDER_LEAK), share)
        self._co_m3_h = leaked_co_m3_h(self.burn_kg_h, co_g_kg, share)
        if self._open_s.any():
            # in a long step the door was open for a part of it
            self._co_m3_h += self._open_m3_h * np.minimum(self._open_s / s.dt_s, 1.0)
        if "blocked_flue" in s.faults:
            low = _LEAST * self.most_kg_h
            self._co_m3_h += s.strength("blocked_flue", 0.0) * np.minimum(self.burn_kg_h / low, 1.0)

    def co_m3_h(self) -> Floats | None:
        """What comes into the room."""
        return self._co_m3_h

    def metrics(self, rows: Ints) -> Metrics:  # noqa: ARG002 - nothing is known of any of them
        """Nothing: it has no connection."""
        return {}

    def bits(self) -> Mapping[str, Bools]:
        """Nothing: it has no controller."""
        return {}


class CleanCoalStoves(_CoalStoves):
    """Stoves for clean briquettes: they burn better and leak less than an open fire."""

    TYPE: ClassVar[str] = "clean_coal_stove"
    _LHV_J_KG = 25.0e6
    _EFFICIENCY = 0.70
    _CO_G_KG = (30.0, 80.0)
    """(A) below loose coal's 50–150 (M)."""


class LooseCoalStoves(_CoalStoves):
    """Stoves for loose coal: the heating of a home without any device (no row of the catalogue)."""

    TYPE: ClassVar[str] = "loose_coal"
    _LHV_J_KG = 22.0e6
    _EFFICIENCY = 0.50
    _CO_G_KG = (50.0, 150.0)
    """Carbon monoxide by the kilogram (M)."""

    @staticmethod
    def heat_w(kg_h: Floats) -> Floats:
        """Heat into the room of a home that burns `kg_h` of loose coal beside its own heating."""
        return kg_h * (LooseCoalStoves._EFFICIENCY * LooseCoalStoves._LHV_J_KG / 3600)

    @staticmethod
    def co_into_room_m3_h(kg_h: Floats) -> Floats:
        """Carbon monoxide into its room: 100 g a kilogram, and a thousandth of the fumes (A): a trace, no danger."""
        return leaked_co_m3_h(kg_h, 100.0, 1e-3)
