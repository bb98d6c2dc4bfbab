"""What every kind of heater is to the county: a class whose arrays hold all units of that kind.

A kind adds no per-unit objects: every attribute is an array of shape (units,). The county asks `step` once a step,
`metrics` when devices are due, and looks at `power_w`, `fault`, `bits` and the gases it brings into the room.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from device_sim.arrays import Bools, Floats, Generator, Ints, Metrics


@dataclass(frozen=True, slots=True)
class Start:
    """The world at the first moment, from which a heater chooses a plausible state; `room_c` of shape (units,)."""

    hour: float
    outdoor_c: float
    room_c: Floats


@dataclass(frozen=True, slots=True)
class Outside:
    """Weather and grid in one step, the same for everybody.

    `hour` local hour of day 0…24 · `irradiance_wm2` on a south-facing slope · `curtailment` the grid offers surplus
    wind.
    """

    dt_s: float
    now_s: float
    hour: float
    outdoor_c: float
    humidity_pct: float
    irradiance_wm2: float
    curtailment: bool


@dataclass(frozen=True, slots=True)
class Surroundings(Outside):
    """The world of one step as the units of one kind see it; arrays of shape (units,).

    `demand_w` heat that the home's controller asks for (all homes of a shared plant together) · `faults` by name
    (device_sim/faults/faults.yaml) the strength per unit, NaN where the unit is healthy; a fault that no unit of this
    kind has now is not in it.
    """

    room_c: Floats
    set_c: Floats
    demand_w: Floats
    powered: Bools
    faults: Mapping[str, Floats]

    def strength(self, fault: str, otherwise: float = np.nan) -> Floats:
        """The strength of a fault per unit, `otherwise` where the unit is healthy."""
        found = self.faults.get(fault)
        if found is None:
            return np.full(len(self.room_c), otherwise)
        return np.where(np.isnan(found), otherwise, found)

    def has(self, fault: str) -> Bools:
        """Which units have a fault now."""
        found = self.faults.get(fault)
        return np.zeros(len(self.room_c), dtype=np.bool_) if found is None else ~np.isnan(found)


class Heaters(ABC):
    """All units of one kind. A subclass sets TYPE (a row of the catalogue) and SHOWS."""

    TYPE: ClassVar[str]
    SHOWS: ClassVar[tuple[str, ...]] = ()
    """Canonical faults (catalogue/data/faults.yaml) that its controller can show; `fault` holds their place + 1."""

    power_w: Floats
    """Electricity drawn now in W, shape (units,)."""
    fault: npt.NDArray[np.int16]
    """What the controller shows: 0 nothing, n the n-th of SHOWS (counted from 1)."""

    def __init__(self, design_w: Floats, start: Start, dice: Generator) -> None:  # noqa: ARG002 - what a kind may need
        """`design_w`: the load at −19 °C that each unit was chosen for."""
        units = len(design_w)
        self.design_w = design_w
        self.power_w = np.zeros(units)
        self.fault = np.zeros(units, dtype=np.int16)

    @abstractmethod
    def step(self, s: Surroundings) -> Floats:
        """Advance by `s.dt_s` (≤ 60 s, exact or stable); the heat that reaches the rooms in W, shape (units,)."""

    @abstractmethod
    def metrics(self, rows: Ints) -> Metrics:
        """What the controllers of the units `rows` know: the type's metrics but indoor_c, set_c and the common ones.

        True values as arrays of len(rows); noise, range and rounding are the sensors' business.
        """

    def bits(self) -> Mapping[str, Bools]:
        """The device's own alarm bits by event type (catalogue/data/event_types.yaml), shape (units,)."""
        return {}

    def co_m3_h(self) -> Floats | None:
        """Carbon monoxide that it brings into the room, in m³/h, shape (units,); None for what never does."""
        return None

    def ch4_m3_h(self) -> Floats | None:
        """Methane that it brings into the room, in m³/h, shape (units,); None for what never does."""
        return None

    def show(self, fault: str, where: Bools) -> None:
        """Let the controllers of these units show a fault, unless they show one already."""
        self.fault = np.where(where & (self.fault == 0), np.int16(self.SHOWS.index(fault) + 1), self.fault)
