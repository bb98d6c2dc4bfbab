"""Water that carries heat from a boiler to the radiators: one well-mixed store that loses heat to the rooms.

J·dT/dt = P − K(T − T_room), solved exactly with a constant P, so that a long step gives what many short ones give.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from device_sim.arrays import Floats, Generator

EMITTER_K: Final = 42.0
"""Radiators give the design load with water this much warmer than the room (C): 60 °C water in an 18 °C room."""
_EXPANSION_BAR_K: Final = 0.008
"""Water expands: about 0.4 bar from cold to hot (M)."""
_PRESSURE_AT_C: Final = 50.0
_REFILL_BAR_H: Final = 6.0
"""A filling tap that somebody opens once the leak is mended (A)."""
_LEAST_MOVING: Final = 0.03
"""What gravity moves when the pump stands (A)."""


class WaterLoop:
    """Flow temperature `flow_c` and pressure of all loops, shape (units,).

    `water_s` is the water's heat capacity in J/K per W of design load; `filled_bar` how high the loops stand at 50 °C.
    """

    def __init__(
        self, design_w: Floats, flow_c: Floats, dice: Generator, *, water_s: float, filled_bar: tuple[float, float]
    ) -> None:
        self.emitter_w_k = design_w / EMITTER_K
        self.water_j_k = design_w * water_s
        self.lag_s = water_s * EMITTER_K
        self.flow_c = flow_c
        self.given_w = np.zeros(len(design_w))
        self.filled_bar = dice.uniform(*filled_bar, len(design_w))
        self.cold_bar = self.filled_bar.copy()

    def asked_w(self, dt_s: float, room_c: Floats, target_c: Floats, settle_s: float) -> Floats:
        """Power that covers the loss now and brings the water to `target_c` with the time constant `settle_s`."""
        pull = -math.expm1(-dt_s / settle_s) / dt_s
        return self.emitter_w_k * (self.flow_c - room_c) + pull * self.water_j_k * (target_c - self.flow_c)

    def step(self, dt_s: float, room_c: Floats, power_w: Floats, moving: Floats | None = None) -> Floats:
        """Advance by `dt_s`; the mean heat given to the rooms in W. `moving`: share of the water flow, None for all."""
        emitter_w_k, left, mean = self.emitter_w_k, math.exp(-dt_s / self.lag_s), 0.0
        if moving is None:
            mean = (1 - left) * self.lag_s / dt_s
            settles = room_c + power_w / emitter_w_k
            off = self.flow_c - settles
            self.given_w = emitter_w_k * (settles + mean * off - room_c)
            self.flow_c = settles + left * off
            return self.given_w
        emitter_w_k = emitter_w_k * np.maximum(moving, _LEAST_MOVING)
        lag_s = self.water_j_k / emitter_w_k
        lefts = np.exp(-dt_s / lag_s)
        settles = room_c + power_w / emitter_w_k
        off = self.flow_c - settles
        self.given_w = emitter_w_k * (settles + (1 - lefts) * lag_s / dt_s * off - room_c)
        self.flow_c = settles + lefts * off
        return self.given_w

    def press(self, dt_s: float, leak_bar_h: Floats | None) -> None:
        """Lose pressure through a leak (NaN: none), or be refilled."""
        refilled = np.minimum(self.cold_bar + _REFILL_BAR_H * dt_s / 3600, self.filled_bar)
        if leak_bar_h is None:
            self.cold_bar = refilled
        else:
            sunk = np.maximum(self.cold_bar - leak_bar_h * dt_s / 3600, 0.0)
            self.cold_bar = np.where(np.isnan(leak_bar_h), refilled, sunk)

    def bar(self) -> Floats:
        """Water pressure now: higher when the water is hot."""
        expanded = _EXPANSION_BAR_K * np.maximum(self.flow_c - _PRESSURE_AT_C, -40.0)
        return np.asarray(np.maximum(self.cold_bar + expanded, 0.0), dtype=np.float64)
