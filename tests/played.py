"""Plays a world of choice to the heaters of one kind, for their unit tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

import numpy as np

from device_sim.arrays import Bools, Floats
from device_sim.heaters.heater import Heaters, Start, Surroundings
from device_sim.homes.house import UA_W_K

DESIGN_W = UA_W_K * 37.0
UNITS = 4
H = TypeVar("H", bound=Heaters)


def made(kind: type[H], hour: float = 12.0, outdoor_c: float = -10.0, units: int = UNITS) -> H:
    """Heaters for homes about the traditional one, in rooms of 18 °C."""
    start = Start(hour, outdoor_c, np.full(units, 18.0))
    return kind(np.linspace(0.8, 1.3, units) * DESIGN_W, start, np.random.default_rng(7))


class Play(Generic[H]):
    """Plays the world to some heaters, in rooms that stay as they are."""

    def __init__(self, heaters: H, hour: float = 12.0, outdoor_c: float = -10.0) -> None:
        self.heaters, self.outdoor_c, self.now_s, self.start_hour = heaters, outdoor_c, 0.0, hour
        units = len(heaters.design_w)
        self.room_c, self.set_c = np.full(units, 18.0), np.full(units, 18.0)
        self.demand_w = heaters.design_w * (18.0 - outdoor_c) / 37.0
        self.powered: Bools = np.ones(units, dtype=np.bool_)
        self.humidity_pct, self.curtailment = 60.0, False
        self.faults: Mapping[str, Floats] = {}

    def hurt(self, **strengths: float) -> None:
        """The first half of the units have these faults."""
        sick = np.arange(len(self.room_c)) < len(self.room_c) // 2
        self.faults = {name: np.where(sick, strength, np.nan) for name, strength in strengths.items()}

    @property
    def hour(self) -> float:
        return (self.start_hour + self.now_s / 3600) % 24

    def step(self, dt_s: float = 60.0) -> Floats:
        self.now_s += dt_s
        return self.heaters.step(
            Surroundings(
                dt_s, self.now_s, self.hour, self.outdoor_c, self.humidity_pct, 0.0, self.curtailment, self.room_c,
                self.set_c, self.demand_w, self.powered, self.faults,
            )
        )  # fmt: skip

    def minutes(self, minutes: float, dt_s: float = 60.0) -> None:
        for _ in range(round(minutes * 60 / dt_s)):
            self.step(dt_s)

    def shows(self, metric: str) -> Floats:
        return self.heaters.metrics(np.arange(len(self.room_c)))[metric]

    def fault(self, unit: int) -> str:
        names: tuple[str, ...] = ("", *self.heaters.SHOWS)
        return names[int(self.heaters.fault[unit])]


def plays(kind: type[H], hour: float = 12.0, outdoor_c: float = -10.0, units: int = UNITS) -> Play[H]:
    """Heaters and a world for them that fits their start."""
    return Play(made(kind, hour, outdoor_c, units), hour, outdoor_c)
