"""A fleet: homes and devices as columns, so that 150 000 homes fit, and as objects where a person or a test looks.

Rows are what everything else speaks of: home 17 is the 18th home, device 40 the 41st device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Generic, TypeVar, overload

import numpy as np
import numpy.typing as npt

from catalogue.building_classes import BUILDING_CLASSES
from catalogue.device_types import DEVICE_TYPES
from device_sim.arrays import Bools, Ints
from device_sim.fleet.places import Region

LOOSE_COAL: Final = "loose_coal"
"""A home without any device of the plan: the baseline D21."""
HEATINGS: Final = (*(row.name for row in DEVICE_TYPES if row.heats), LOOSE_COAL)
"""What can warm a home; `home_heating` holds places in here."""
TYPES: Final = tuple(row.name for row in DEVICE_TYPES)
"""Device types; `device_type` holds places in here."""
CLASSES: Final = tuple(row.name for row in BUILDING_CLASSES)
"""Building classes; `home_class` holds places in here."""


@dataclass(frozen=True, slots=True)
class Home:
    """One household; `village` is its region's code, `heating` a device type or "loose_coal"."""

    code: str
    village: str
    address: str
    vacant: bool
    vulnerable: bool
    heating: str
    building_class: str
    area_m2: float


@dataclass(frozen=True, slots=True)
class Device:
    """One heater or detector; `home` is a home's code, `gateway` the uid of what publishes for it."""

    uid: str
    type: str
    model: str
    home: str
    interval_s: int
    gateway: str | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """Who is told about a region; `phone` is a made-up mainland mobile number."""

    region: str
    name: str
    role: str
    phone: str


T = TypeVar("T")


class Rows(Sequence[T], Generic[T]):
    """Objects made when they are looked at, one a row."""

    def __init__(self, length: int, make: Callable[[int], T]) -> None:
        self._length, self._make = length, make

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, row: int) -> T: ...
    @overload
    def __getitem__(self, row: slice) -> list[T]: ...
    def __getitem__(self, row: int | slice) -> T | list[T]:
        if isinstance(row, slice):
            return [self._make(place) for place in range(*row.indices(self._length))]
        if not -self._length <= row < self._length:
            raise IndexError(row)
        return self._make(row % self._length)

    def __iter__(self) -> Iterator[T]:
        return map(self._make, range(self._length))


@dataclass(frozen=True, slots=True)
class Names:
    """How rows are called: functions from a row to a home's code and address, a device's uid and model."""

    home_code: Callable[[int], str]
    address: Callable[[int], str]
    uid: Callable[[int], str]
    model: Callable[[int], str]


@dataclass(frozen=True, eq=False)
class Fleet:
    """Everything that a registry would hold; regions stand parents first.

    Columns of homes, shape (homes,): `home_village` (row in `villages`), `home_heating`, `home_class`, `home_area_m2`,
    `home_vacant`, `home_vulnerable`. Columns of devices, shape (devices,): `device_home` (row), `device_type`,
    `device_interval_s`, `device_gateway` (row of the gateway that publishes for it, −1 for itself).
    """

    seed: int
    regions: tuple[Region, ...]
    contacts: tuple[Contact, ...]
    names: Names
    home_village: npt.NDArray[np.int32]
    home_heating: npt.NDArray[np.uint8]
    home_class: npt.NDArray[np.uint8]
    home_area_m2: npt.NDArray[np.float32]
    home_vacant: Bools
    home_vulnerable: Bools
    device_home: npt.NDArray[np.int32]
    device_type: npt.NDArray[np.uint8]
    device_interval_s: npt.NDArray[np.int32]
    device_gateway: npt.NDArray[np.int32]

    @cached_property
    def villages(self) -> tuple[Region, ...]:
        """The regions at the bottom of the tree."""
        return tuple(region for region in self.regions if region.level == "village")

    @property
    def homes(self) -> Sequence[Home]:
        """The homes as objects, made when looked at."""
        return Rows(len(self.home_village), self._home)

    @property
    def devices(self) -> Sequence[Device]:
        """The devices as objects, made when looked at."""
        return Rows(len(self.device_home), self._device)

    def uid(self, device: int) -> str:
        """The name of a device's row."""
        return self.names.uid(device)

    def rows_of(self, device_type: str) -> Ints:
        """Rows of the devices of one type, ascending."""
        return np.flatnonzero(self.device_type == TYPES.index(device_type))

    def devices_of(self, home: int) -> list[int]:
        """Rows of the devices in a home."""
        order, first = self._by_home
        return [int(row) for row in order[first[home] : first[home + 1]]]

    @cached_property
    def _by_home(self) -> tuple[Ints, Ints]:
        order = np.argsort(self.device_home, kind="stable").astype(np.int64)
        counts = np.bincount(self.device_home, minlength=len(self.home_village))
        return order, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    def _home(self, row: int) -> Home:
        return Home(
            self.names.home_code(row),
            self.villages[self.home_village[row]].code,
            self.names.address(row),
            bool(self.home_vacant[row]),
            bool(self.home_vulnerable[row]),
            HEATINGS[self.home_heating[row]],
            CLASSES[self.home_class[row]],
            float(self.home_area_m2[row]),
        )

    def _device(self, row: int) -> Device:
        gateway = int(self.device_gateway[row])
        return Device(
            self.names.uid(row),
            TYPES[self.device_type[row]],
            self.names.model(row),
            self.names.home_code(int(self.device_home[row])),
            int(self.device_interval_s[row]),
            self.names.uid(gateway) if gateway >= 0 else None,
        )
