"""Whose readings are replayed: devices, their villages, and how many are told there. The registry as it is now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import psycopg

from foundation.errors import NotFound
from store.named_sql import sql

NOWHERE: Final = -1
"""Place of a device that is not replayed: a drill's twin, one of another region, one that is registered no more."""


@dataclass(frozen=True, slots=True)
class ReplayedDevice:
    """A device as judging needs it."""

    id: int
    type: str
    interval_s: int
    vendor: str = ""
    model: str = ""
    building_class: str = ""
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Village:
    """A region with devices. `recipients`: how many are told of an alarm in it; code "": devices without a home."""

    code: str
    name: str
    recipients: int


@dataclass(frozen=True, slots=True)
class _Region:
    code: str
    name: str
    level: str
    parent: int | None
    contacts: int


class County:
    """Devices by place (0, 1, …) and their villages; `village_of`, `in_service` and `intervals_ms` go by place."""

    def __init__(self, devices: list[ReplayedDevice], villages: list[Village], village_of: list[int],
                 in_service: list[bool]) -> None:  # fmt: skip
        self.devices = devices
        self.villages = villages
        self.village_of = np.array(village_of, dtype=np.int64)
        self.in_service = np.array(in_service, dtype=np.bool_)
        self.intervals_ms = np.array([device.interval_s * 1000 for device in devices], dtype=np.int64)
        self.ids = np.array([device.id for device in devices], dtype=np.int64)
        self.types = sorted({device.type for device in devices})
        numbers = {name: number for number, name in enumerate(self.types)}
        self.type_of = np.array([numbers[device.type] for device in devices], dtype=np.int64)
        self._place = np.full(int(self.ids.max()) + 1 if len(self.ids) else 1, NOWHERE, dtype=np.int64)
        self._place[self.ids] = np.arange(len(self.ids))

    def places(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Where these devices stand, NOWHERE for one that is not replayed."""
        known = ids < len(self._place)
        return np.where(known, self._place[np.where(known, ids, 0)], NOWHERE)

    def place(self, device_id: int) -> int:
        """Where this device stands, or NOWHERE."""
        return int(self._place[device_id]) if device_id < len(self._place) else NOWHERE


def read_county(connection: psycopg.Connection, region: str | None = None) -> County:
    """All real devices, or those at or below the region of this code. Raises NotFound."""
    regions = {row[0]: _Region(*row[1:]) for row in connection.execute(sql("regions_with_contacts"))}
    inside = _inside(regions, region)
    top = next((number for number, one in regions.items() if one.parent is None), None)
    places: dict[int | None, int] = {}
    villages: list[Village] = []
    devices, village_of, in_service = [], [], []
    paths = {number: tuple(codes) for number, codes in connection.execute(sql("region_paths"))}
    for device_id, kind, interval_s, serves, region_id, *known in connection.execute(sql("devices_to_replay")):
        if inside is not None and region_id not in inside:
            continue
        if region_id not in places:
            places[region_id] = len(villages)
            told = _recipients(regions, top if region_id is None else region_id)
            here = regions.get(region_id)
            villages.append(Village(here.code, here.name, told) if here else Village("", "(no home)", told))
        vendor, model, building_class = known
        regions_up = paths.get(region_id, ())
        devices.append(ReplayedDevice(device_id, kind, interval_s, vendor, model, building_class, regions_up))
        village_of.append(places[region_id])
        in_service.append(serves)
    if not devices:
        where = "" if region is None else f" in region {region}"
        raise NotFound(f"no device is registered{where}", do="choose another region, or register devices first")
    return County(devices, villages, village_of, in_service)


def _inside(regions: dict[int, _Region], code: str | None) -> set[int] | None:
    if code is None:
        return None
    inside = {number for number, one in regions.items() if one.code == code}
    if not inside:
        raise NotFound(f"there is no region {code!r}", do="nuanshao registry tree shows them")
    grown = True
    while grown:
        below = {number for number, one in regions.items() if one.parent in inside} - inside
        inside |= below
        grown = bool(below)
    return inside


def _recipients(regions: dict[int, _Region], region: int | None) -> int:
    """The contacts of the region, or of the nearest one above it that has any (`recipients_for_device`)."""
    while region is not None:
        if regions[region].contacts:
            return regions[region].contacts
        region = regions[region].parent
    return 0
