"""A fleet from homes and devices that somebody names: the twins of a drill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from catalogue.building_classes import BUILDING_CLASS
from catalogue.device_types import DEVICE_TYPE
from device_sim.fleet.fleet import CLASSES, HEATINGS, TYPES, Device, Fleet, Home, Names
from device_sim.fleet.places import Region

UNKNOWN_HEATING: Final = "heat_substation"
"""For a home whose registry names no heater: warm, without anything that burns (A)."""
USUAL_CLASS: Final = "rural_traditional"
USUAL_AREA_M2: Final = 80.0
_METER_OF: Final = {"gas_meter": "gas_wall_boiler"}


def heating_of(types: Sequence[str]) -> str:
    """What warms a home with devices of these types: the first that heats."""
    return next((name for name in types if name in DEVICE_TYPE and DEVICE_TYPE[name].heats), UNKNOWN_HEATING)


def playable(device_type: str, heating: str) -> bool:
    """Whether the simulator can play a device of this type in a home that is heated so."""
    kind = DEVICE_TYPE[device_type]
    if kind.heats:
        return device_type == heating and kind.reports
    return _METER_OF.get(device_type, heating) == heating


def fleet_of(villages: Sequence[Region], homes: Sequence[Home], devices: Sequence[Device], *, seed: int = 0) -> Fleet:
    """The fleet of these homes; devices that cannot be played there are left out.

    Every home names one of `villages`, every device one of `homes` and at most a gateway among `devices`.
    """
    row_of = {village.code: row for row, village in enumerate(villages)}
    # a shared plant stands in the first home of its village
    plants = {device.home for device in devices if DEVICE_TYPE[device.type].shared}
    homes = sorted(homes, key=lambda home: (row_of[home.village], home.code not in plants, home.code))
    home_of = {home.code: row for row, home in enumerate(homes)}
    heating = {home.code: home.heating for home in homes}
    devices = [device for device in devices if playable(device.type, heating[device.home])]
    place_of = {device.uid: row for row, device in enumerate(devices)}
    return Fleet(
        seed,
        tuple(villages),
        (),
        Names(
            lambda row: homes[row].code,
            lambda row: homes[row].address,
            lambda row: devices[row].uid,
            lambda row: devices[row].model,
        ),
        np.array([row_of[home.village] for home in homes], dtype=np.int32),
        np.array([HEATINGS.index(home.heating) for home in homes], dtype=np.uint8),
        np.array([_class(home.building_class) for home in homes], dtype=np.uint8),
        np.array([home.area_m2 or USUAL_AREA_M2 for home in homes], dtype=np.float32),
        np.array([home.vacant for home in homes], dtype=np.bool_),
        np.array([home.vulnerable for home in homes], dtype=np.bool_),
        np.array([home_of[device.home] for device in devices], dtype=np.int32),
        np.array([TYPES.index(device.type) for device in devices], dtype=np.uint8),
        np.array([device.interval_s for device in devices], dtype=np.int32),
        np.array([place_of[device.gateway] if device.gateway else -1 for device in devices], dtype=np.int32),
    )


def _class(name: str) -> int:
    return CLASSES.index(name if name in BUILDING_CLASS else USUAL_CLASS)
