"""Who lives where with which devices: a made-up but plausible county, the same for the same seed.

The place codes follow GB/T 2260 (city, county: 6 digits) and GB/T 10114 (township 9, village 12); 150500 is Tongliao
and 150521 Horqin Left Middle Banner (M). People, addresses and numbers are invented.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from catalogue.device_types import DEVICE_TYPE

Level = Literal["city", "county", "township", "village"]


@dataclass(frozen=True, slots=True)
class Region:
    """A node of the tree city → county → township → village; `parent` is the code of the one above."""

    code: str
    name: str
    level: Level
    parent: str | None


@dataclass(frozen=True, slots=True)
class Home:
    """One household; `village` is its region's code."""

    code: str
    village: str
    address: str
    vacant: bool
    vulnerable: bool


@dataclass(frozen=True, slots=True)
class Device:
    """One heater or detector; `type` is a row of the catalogue, `home` a home's code, `interval_s` in seconds."""

    uid: str
    type: str
    model: str
    home: str
    interval_s: int


@dataclass(frozen=True, slots=True)
class Contact:
    """Who is told about a region; `phone` is a made-up mainland mobile number."""

    region: str
    name: str
    role: str
    phone: str


@dataclass(frozen=True, slots=True)
class Fleet:
    """Everything that a registry would hold; regions stand parents first."""

    seed: int
    regions: tuple[Region, ...]
    homes: tuple[Home, ...]
    devices: tuple[Device, ...]
    contacts: tuple[Contact, ...]

    @property
    def villages(self) -> tuple[Region, ...]:
        """The regions at the bottom of the tree."""
        return tuple(region for region in self.regions if region.level == "village")


HEATERS: Final = ("air_source_heat_pump", "storage_electric_heater", "gas_wall_boiler")
"""One heating technology per village, in turn: the city's plan asks for one technology a village (SEED.md)."""

_SUFFIX: Final = {
    "air_source_heat_pump": "hp",
    "storage_electric_heater": "sh",
    "gas_wall_boiler": "gb",
    "co_detector": "co",
    "room_sensor": "rs",
}
_MODELS: Final = {
    "air_source_heat_pump": ("KFRS-10", "KFRS-12"),
    "storage_electric_heater": ("XRQ-16",),
    "gas_wall_boiler": ("L1PB20", "L1PB24"),
    "co_detector": ("JT-CO1",),
    "room_sensor": ("WSD-2",),
}
_CITY: Final = Region("150500", "通辽市", "city", None)
_COUNTY: Final = Region("150521", "科左中旗", "county", "150500")
_TOWNSHIP: Final = Region("150521101", "宝龙山镇", "township", "150521")
_VILLAGE_NAMES: Final = (
    "巴彦塔拉嘎查村", "乌兰花嘎查村", "查干淖尔嘎查村", "哈日乌苏嘎查村", "敖包图嘎查村", "白音胡硕嘎查村",
    "海力斯台嘎查村", "宝日罕嘎查村", "希伯花嘎查村",
)  # fmt: skip
_SURNAMES: Final = "王李张刘包白陈韩吴赵"
_FIRST_VILLAGE: Final = 201
_MAX_VILLAGES: Final = 99
_MAX_HOMES: Final = 999
_HOMES_IN_GROUP: Final = 34
_VACANT_SHARE: Final = 0.08
"""Rural homes that stand empty in winter (A)."""
_VULNERABLE_SHARE: Final = 0.12
"""Homes of old people living alone, ill people or small children (A)."""


def plan(seed: int, villages: int = 3, homes: int = 100, *, interval_s: int | None = 10) -> Fleet:
    """A county with `villages` villages of `homes` homes each.

    Every home has one heater and one room sensor; every home of a gas village and every third elsewhere (the first
    home of each village included, occupied) has a CO and gas detector too, so that any village can play a CO leak.
    `interval_s` is every device's time between readings; None takes the catalogue's own. Raises ValueError when the
    counts do not fit into the codes (1–99 villages, 1–999 homes).
    """
    if not 1 <= villages <= _MAX_VILLAGES or not 1 <= homes <= _MAX_HOMES:
        raise ValueError(f"plan 1–{_MAX_VILLAGES} villages of 1–{_MAX_HOMES} homes, not {villages} of {homes}")
    dice = random.Random(seed)  # noqa: S311 - a reproducible county, no secret
    regions = [_CITY, _COUNTY, _TOWNSHIP]
    every_home: list[Home] = []
    devices: list[Device] = []
    contacts: list[Contact] = []
    for number in range(villages):
        village = _village(number)
        regions.append(village)
        contacts.append(_contact(village, number, dice))
        heater = HEATERS[number % len(HEATERS)]
        for place in range(homes):
            home = _home(village, place, dice)
            every_home.append(home)
            has_detector = heater == "gas_wall_boiler" or place % 3 == 0
            devices.extend(
                _devices(home, f"kz{number + 1:02d}-{place + 1:03d}", heater, dice, has_detector, interval_s)
            )
    return Fleet(seed, tuple(regions), tuple(every_home), tuple(devices), tuple(contacts))


def _village(number: int) -> Region:
    name = _VILLAGE_NAMES[number] if number < len(_VILLAGE_NAMES) else f"兴隆{number + 1}嘎查村"
    return Region(f"{_TOWNSHIP.code}{_FIRST_VILLAGE + number}", name, "village", _TOWNSHIP.code)


def _contact(village: Region, number: int, dice: random.Random) -> Contact:
    name = f"{dice.choice(_SURNAMES)}某某"
    return Contact(village.code, name, "村委会值班", f"1380000{number + 1:04d}")


def _home(village: Region, place: int, dice: random.Random) -> Home:
    vacant = dice.random() < _VACANT_SHARE and place > 0
    vulnerable = dice.random() < _VULNERABLE_SHARE and not vacant
    address = f"{place // _HOMES_IN_GROUP + 1}组{place % _HOMES_IN_GROUP + 1}号"
    return Home(f"{village.code}-{place + 1:03d}", village.code, address, vacant, vulnerable)


def _devices(
    home: Home,
    stem: str,
    heater: str,
    dice: random.Random,
    has_detector: bool,  # noqa: FBT001 - one private caller
    interval_s: int | None,
) -> Iterator[Device]:
    types = (heater, "room_sensor", "co_detector") if has_detector else (heater, "room_sensor")
    for kind in types:
        every_s = DEVICE_TYPE[kind].interval_s if interval_s is None else interval_s
        yield Device(f"{stem}-{_SUFFIX[kind]}", kind, dice.choice(_MODELS[kind]), home.code, every_s)
