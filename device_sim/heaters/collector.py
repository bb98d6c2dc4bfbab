"""Solar collectors in front of a tank: C·dT/dt = A·(η·G − U(T − T_out)) − W(T − T_tank), solved exactly in each step.

The pump runs by the difference of temperatures; where it stands in the sun, the collector stagnates.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator

STAGNATES_C: Final = 130.0
"""From here on a controller shows stagnation (M)."""
_OPTICAL: Final = (0.68, 0.76)
"""Share of the sun that becomes heat at no loss (M), by make and dust."""
_LOSS_W_M2K: Final = 3.5
"""Flat collector with a selective coat (M)."""
_HEAT_J_M2K: Final = 12_000.0
"""Absorber, glass and fluid (A)."""
_FLOW_W_M2K: Final = 58.0
"""50 L/m²h of water and glycol (M)."""
_ON_K, _OFF_K = 8.0, 3.0
"""The pump starts and stops at this difference between collector and tank (M)."""
_FULL_C: Final = 90.0
"""Above this tank temperature the pump stays off (M)."""


class Collectors:
    """Collector temperature and pump of all units, shape (units,); `area_m2` each."""

    def __init__(self, area_m2: Floats, outdoor_c: float, dice: Generator) -> None:
        units = len(area_m2)
        self.area_m2 = area_m2
        self.collector_c = np.full(units, outdoor_c)
        self.pump = np.zeros(units, dtype=np.bool_)
        self.heat_w = np.zeros(units)
        """Mean heat into the tank in the last step."""
        self._optical = dice.uniform(*_OPTICAL, units)

    def step(
        self, dt_s: float, outdoor_c: float, irradiance_wm2: float, tank_c: Floats, on: Bools, moving: Floats | None
    ) -> None:
        """Advance by `dt_s`. `on`: has power · `moving`: share of the flow that a failed pump moves, None for all."""
        warmer_k = self.collector_c - tank_c
        self.pump = on & (tank_c < _FULL_C) & ((warmer_k > _ON_K) | (self.pump & (warmer_k > _OFF_K)))
        flow = np.where(self.pump, _FLOW_W_M2K, 0.0)
        if moving is not None:
            flow = flow * moving
        rate = (_LOSS_W_M2K + flow) / _HEAT_J_M2K
        gains = self._optical * irradiance_wm2 + _LOSS_W_M2K * outdoor_c + flow * tank_c
        settles_c = gains / (_LOSS_W_M2K + flow)
        left = np.exp(-rate * dt_s)
        off_k = self.collector_c - settles_c
        mean_c = settles_c + off_k * (1 - left) / (rate * dt_s)
        self.collector_c = settles_c + off_k * left
        self.heat_w = self.area_m2 * flow * (mean_c - tank_c)
