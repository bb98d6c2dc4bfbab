"""Wind-power heating: the water store of a storage boiler, charged with wind power that the grid cannot take.

Without surplus wind for long the store would run empty, so the valley tariff charges a reserve.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator, Ints, Metrics
from device_sim.heaters.heater import Start, Surroundings
from device_sim.heaters.storage_boiler import WaterStores
from device_sim.heaters.valley import VALLEY, Valley

RESERVE_PCT: Final = (25.0, 70.0)
"""The reserve is charged in the valley from below the first level up to the second (A)."""


class WindPowerHeaters(WaterStores):
    """Stores that charge while the grid offers curtailed wind power."""

    TYPE = "wind_power_heating"
    _HOURS = 20.0
    _CHARGE_HOURS = 6.0

    def __init__(self, design_w: Floats, start: Start, dice: Generator, valley: Valley = VALLEY) -> None:
        super().__init__(design_w, start, dice, valley)
        self.curtailment = False
        self.reserving = np.zeros(len(design_w), dtype=np.bool_)

    def charges(self, s: Surroundings) -> Bools:
        """All units while wind is offered; else, in the valley, those whose store ran low, up to their reserve."""
        self.curtailment = s.curtailment
        if s.curtailment or not self.valley.is_open(s.hour):
            self.reserving = np.zeros(len(self.rated_w), dtype=np.bool_)
            return np.full(len(self.rated_w), s.curtailment)
        level, (low_pct, enough_pct) = self.charge_pct, RESERVE_PCT
        self.reserving = (level < low_pct) | (self.reserving & (level < enough_pct))
        return self.reserving

    def metrics(self, rows: Ints) -> Metrics:
        """What the controllers of the units `rows` know."""
        return super().metrics(rows) | {"curtailment": np.full(len(rows), float(self.curtailment))}
