"""Plans a county: so many homes, one heating technology a village, detectors where something burns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from catalogue.building_classes import BUILDING_CLASSES
from catalogue.device_types import DEVICE_TYPE
from catalogue.models import MODELS
from device_sim.arrays import Bools, Generator, Ints
from device_sim.fleet.fleet import CLASSES, HEATINGS, LOOSE_COAL, TYPES, Contact, Fleet, Names
from device_sim.fleet.places import MOST_VILLAGES, Region, regions_for

Detectors = Literal["usual", "all", "none"]
"""`usual`: every home where something burns, every third elsewhere."""

TECHNOLOGIES: Final = (
    "air_source_heat_pump", "storage_electric_heater", "gas_wall_boiler", "hot_air_heat_pump", "pellet_stove",
    "carbon_crystal_panel", "electric_kang", "clean_coal_stove", "storage_electric_boiler", "heating_film",
    "solar_heating", "heating_cable", "gas_boiler_plant", "heat_substation", "wind_power_heating", "biomass_boiler",
    "multi_energy_centre", LOOSE_COAL,
)  # fmt: skip
"""One a village, in turn: the city's plan asks for one technology a village (SEED.md)."""
BURNS: Final = frozenset({"gas_wall_boiler", "pellet_stove", "clean_coal_stove", LOOSE_COAL})
"""What burns something inside the home."""
MOST_HOMES: Final = 1_000_000

_USUAL_VILLAGE: Final = 100
_MOST_IN_VILLAGE: Final = 999
_HOMES_IN_GROUP: Final = 34
_VACANT_SHARE: Final = 0.08
"""Rural homes that stand empty in winter (A)."""
_VULNERABLE_SHARE: Final = 0.12
"""Homes of old people living alone, ill people or small children (A)."""
_NEW_COMMUNITY_SHARE: Final = 0.15
"""Homes in new rural communities (A)."""
_AREA_M2: Final = 80.0
"""The traditional home of SIMULATION.md; spread ± 20 % (A)."""
_PLANT_AREA_M2: Final = 150.0
_SURNAMES: Final = "王李张刘包白陈韩吴赵"
_VENDOR: Final = "nuanshao-sim"
"""Whose (invented) models the fleet has."""
_METER_EVERY: Final = 10
"""Every so-manieth home has a meter of its own (A)."""
_SUFFIX: Final = {
    "air_source_heat_pump": "hp", "hot_air_heat_pump": "ha", "storage_electric_heater": "sh",
    "storage_electric_boiler": "sb", "gas_wall_boiler": "gb", "gas_boiler_plant": "gp", "carbon_crystal_panel": "cp",
    "heating_film": "hf", "heating_cable": "hc", "electric_kang": "kg", "pellet_stove": "ps", "biomass_boiler": "bb",
    "solar_heating": "so", "wind_power_heating": "wp", "multi_energy_centre": "mc", "heat_substation": "ss",
    "co_detector": "co", "room_sensor": "rs", "electricity_meter": "em", "gas_meter": "gm", "gateway": "gw",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Village:
    """One village while it is planned: its row, the row of its first home, how many homes, and what heats them."""

    row: int
    first: int
    homes: int
    heating: str


def plan(
    seed: int,
    homes: int = 300,
    *,
    villages: int | None = None,
    technologies: Sequence[str] = TECHNOLOGIES,
    detectors: Detectors = "usual",
    interval_s: int | None = 10,
    gateways: bool = False,
) -> Fleet:
    """A county of `homes` homes in `villages` villages (None: about 100 homes each), `technologies` in turn.

    Every home has a room sensor and, where its heating reports, the heater; a shared plant stands in the village's
    first home. The first home of each village is occupied and has a detector unless there are none, so that any
    village can play a CO leak. `interval_s` is every device's time between readings; None takes the catalogue's own.
    `gateways` gives each village one that publishes for all its devices. Raises ValueError when the counts do not fit.
    """
    villages = villages or math.ceil(homes / _USUAL_VILLAGE)
    if not 1 <= villages <= min(homes, MOST_VILLAGES) or homes > min(villages * _MOST_IN_VILLAGE, MOST_HOMES):
        raise ValueError(
            f"plan 1–{_MOST_IN_VILLAGE} homes a village and at most {MOST_VILLAGES} villages, "
            f"not {homes} homes in {villages}"
        )
    dice = np.random.default_rng([seed, 9])
    regions = tuple(regions_for(villages))
    codes = [region for region in regions if region.level == "village"]
    each, more = divmod(homes, villages)
    planned, first = [], 0
    for row in range(villages):
        size = each + (row < more)
        planned.append(_Village(row, first, size, technologies[row % len(technologies)]))
        first += size
    village = np.repeat(np.arange(villages, dtype=np.int32), [v.homes for v in planned])
    place = (np.arange(homes) - np.repeat([v.first for v in planned], [v.homes for v in planned])).astype(np.int32)
    heating = np.array([HEATINGS.index(v.heating) for v in planned], dtype=np.uint8)[village]
    shared = np.array([v.heating != LOOSE_COAL and DEVICE_TYPE[v.heating].shared for v in planned])[village]
    vacant = (dice.random(homes) < _VACANT_SHARE) & (place > 0)
    vulnerable = (dice.random(homes) < _VULNERABLE_SHARE) & ~vacant
    classes, area_m2 = _buildings(place, village, shared, dice)
    device_home, device_type = _devices(place, heating, shared, detectors, gateways=gateways)
    gateway = np.full(len(device_home), -1, dtype=np.int32)
    if gateways:
        at = np.flatnonzero(device_type == TYPES.index("gateway"))
        gateway = at.astype(np.int32)[village[device_home]]
        gateway[at] = -1
    own_s = np.array([DEVICE_TYPE[name].interval_s for name in TYPES], dtype=np.int32)
    every_s = own_s[device_type] if interval_s is None else np.full(len(device_home), interval_s, dtype=np.int32)
    return Fleet(
        seed,
        regions,
        tuple(_contact(region, number, dice) for number, region in enumerate(codes)),
        _names(codes, village, place, device_home, device_type, dice.integers(0, 8, len(device_home))),
        village,
        heating,
        classes,
        area_m2,
        vacant,
        vulnerable,
        device_home,
        device_type,
        every_s,
        gateway,
    )


def _buildings(
    place: npt.NDArray[np.int32], village: npt.NDArray[np.int32], shared: Bools, dice: Generator
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Building class and heated area of each home; the last of a full village is a public building of the plan."""
    homes = len(place)
    classes = np.full(homes, CLASSES.index("rural_traditional"), dtype=np.uint8)
    classes[dice.random(homes) < _NEW_COMMUNITY_SHARE] = CLASSES.index("rural_new_community")
    area_m2 = np.clip(_AREA_M2 * np.exp(0.2 * dice.standard_normal(homes)), 45.0, 140.0).round()
    priority = [CLASSES.index(row.name) for row in BUILDING_CLASSES if row.priority]
    last = np.append(place[1:] == 0, values=True)
    public = last & (place >= _USUAL_VILLAGE // 2 - 1)
    classes[public] = np.array(priority, dtype=np.uint8)[village[public] % len(priority)]
    area_m2[public] *= 1.5
    plant = shared & (place == 0)
    classes[plant] = CLASSES.index("rural_public")
    area_m2[plant] = _PLANT_AREA_M2
    return classes, area_m2.astype(np.float32)


def _devices(
    place: npt.NDArray[np.int32],
    heating: npt.NDArray[np.uint8],
    shared: Bools,
    detectors: Detectors,
    *,
    gateways: bool,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """(home, type) of each device, ordered by home: heater, room sensor, detector, meter, gateway."""
    homes = np.arange(len(place))
    reports = np.array([name != LOOSE_COAL and DEVICE_TYPE[name].reports for name in HEATINGS])[heating]
    burns = np.isin(heating, [HEATINGS.index(name) for name in BURNS])
    electric = np.array([name in DEVICE_TYPE and DEVICE_TYPE[name].energy == "electricity" for name in HEATINGS])[
        heating
    ]
    gas = heating == HEATINGS.index("gas_wall_boiler")
    sniffs = {"usual": burns | (place % 3 == 0), "all": place >= 0, "none": place < 0}[detectors]
    metered = place % _METER_EVERY == _METER_EVERY // 2
    heater_type = np.array([TYPES.index(name) if name in TYPES else 0 for name in HEATINGS], dtype=np.uint8)[heating]
    groups: list[tuple[Bools, npt.NDArray[np.uint8]]] = [(reports & (~shared | (place == 0)), heater_type)]
    for name, where in (
        ("room_sensor", place >= 0),
        ("co_detector", sniffs),
        ("electricity_meter", electric & ~shared & metered),
        ("gas_meter", gas & metered),
        ("gateway", (place == 0) & gateways),
    ):
        groups.append((where, np.full(len(place), TYPES.index(name), dtype=np.uint8)))
    home = np.concatenate([homes[where] for where, _ in groups])
    kind = np.concatenate([types[where] for where, types in groups])
    order = np.argsort(home, kind="stable")
    return home[order].astype(np.int32), kind[order]


def _contact(village: Region, number: int, dice: Generator) -> Contact:
    name = f"{_SURNAMES[int(dice.integers(len(_SURNAMES)))]}某某"
    return Contact(village.code, name, "村委会值班", f"138{number + 1:08d}")


def _names(
    villages: Sequence[Region],
    village: npt.NDArray[np.int32],
    place: npt.NDArray[np.int32],
    device_home: npt.NDArray[np.int32],
    device_type: npt.NDArray[np.uint8],
    dice: Ints,
) -> Names:
    models: list[list[str]] = [
        [row.name for row in MODELS if row.type == name and row.vendor == _VENDOR] or [""] for name in TYPES
    ]
    choice = dice.astype(np.uint8)

    def home_code(row: int) -> str:
        return f"{villages[village[row]].code}-{place[row] + 1:03d}"

    def address(row: int) -> str:
        group, number = divmod(int(place[row]), _HOMES_IN_GROUP)
        return f"{group + 1}组{number + 1}号"

    def uid(row: int) -> str:
        home = device_home[row]
        return f"kz{village[home] + 1:02d}-{place[home] + 1:03d}-{_SUFFIX[TYPES[device_type[row]]]}"

    def model(row: int) -> str:
        own = models[int(device_type[row])]
        return own[int(choice[row]) % len(own)]

    return Names(home_code, address, uid, model)
