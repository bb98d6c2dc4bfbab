"""A heater on the bench: units of one kind in rooms that the test sets, with faults on some of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from device_sim.arrays import Bools, Floats
from device_sim.heaters.heater import Start, Surroundings

DESIGN_W = 7600.0


class Rig:
    """`units` of `kind`, each for a design load of `design_w`; rooms, demand, power and hour are the test's to set.

    `faults` by name hit the units `sick` (all without).
    """

    def __init__(
        self,
        kind: type[Any],
        units: int = 4,
        *,
        design_w: float = DESIGN_W,
        faults: dict[str, float] | None = None,
        sick: Iterable[int] | None = None,
        outdoor_c: float = -10.0,
        hour: float = 12.0,
        seed: int = 1,
    ) -> None:
        self.room_c = np.full(units, 18.0)
        self.set_c = np.full(units, 18.0)
        self.outdoor_c, self.hour, self.sun_wm2, self.surplus = outdoor_c, hour, 0.0, False
        self.demand_w = np.full(units, 0.7 * design_w)
        self.powered = np.ones(units, dtype=np.bool_)
        self.faults = faults or {}
        self.sick = np.zeros(units, dtype=np.bool_)
        self.sick[list(range(units) if sick is None else sick)] = True
        self.start = Start(hour, outdoor_c, self.room_c.copy())
        self.heaters: Any = kind(np.full(units, design_w), self.start, np.random.default_rng(seed))
        self._now_s = 0.0

    def step(self, dt_s: float = 60.0) -> Floats:
        """One step; the heat into the rooms in W."""
        self._now_s += dt_s
        self.hour = (self.hour + dt_s / 3600) % 24
        faults = {name: np.where(self.sick, strength, np.nan) for name, strength in self.faults.items()}
        around = Surroundings(
            dt_s, self._now_s, self.hour, self.outdoor_c, 55.0, self.sun_wm2, self.surplus, self.room_c.copy(),
            self.set_c.copy(), self.demand_w.copy(), self.powered.copy(), faults,
        )  # fmt: skip
        heat: Floats = self.heaters.step(around)
        return heat

    def run(self, minutes: float, dt_s: float = 60.0) -> Floats:
        """Many steps; the heat of the last one in W."""
        heat = np.zeros(len(self.room_c))
        for _ in range(round(minutes * 60 / dt_s)):
            heat = self.step(dt_s)
        return heat

    def heat_w(self) -> Floats:
        """Mean heat over half an hour from now on, in W."""
        steps: Floats = np.mean([self.step() for _ in range(30)], axis=0)
        return steps

    def shown(self, metric: str) -> Floats:
        """One metric of all units."""
        values: Floats = self.heaters.metrics(np.arange(len(self.room_c)))[metric]
        return values

    def bit(self, event: str) -> Bools:
        """One alarm bit of all units."""
        found: Bools = self.heaters.bits()[event]
        return found

    def says(self) -> list[str]:
        """The fault that each controller shows, "" for none."""
        return [("", *self.heaters.SHOWS)[code] for code in self.heaters.fault]

    def co_m3_h(self) -> Floats:
        """Carbon monoxide into the rooms."""
        source: Floats | None = self.heaters.co_m3_h()
        assert source is not None
        return source
