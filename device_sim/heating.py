"""All heaters of a county: which kind warms which home, what each kind sees of the world, and where its heat goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from catalogue.device_types import DEVICE_TYPE
from device_sim.arrays import Bools, Floats, Generator, Ints
from device_sim.faults.active import ActiveFaults
from device_sim.faults.fault_rows import FAULT
from device_sim.fleet.fleet import HEATINGS, LOOSE_COAL, Fleet
from device_sim.heaters.heater import Heaters, Outside, Start, Surroundings
from device_sim.heaters.kinds import KINDS


@dataclass(slots=True)
class _Group:
    """The units of one kind.

    `homes`: rows of the homes that they warm. `unit`: for each of them its unit, None when every home has its own.
    `at`: the home in which each unit stands.
    """

    heaters: Heaters
    homes: Ints
    at: Ints
    unit: Ints | None
    faults: dict[str, Floats] = field(default_factory=dict)

    def of_units(self, values: Floats) -> Floats:
        """The sum over the homes of each unit; `values` of shape (homes of this group,)."""
        return values if self.unit is None else _sums(self.unit, values)

    def mean(self, values: Floats) -> Floats:
        """The mean over the homes of each unit."""
        return values if self.unit is None else self.of_units(values) / np.bincount(self.unit, minlength=len(self.at))


class Heating:
    """Steps every kind once and adds up what reaches the homes.

    After a step: `heat_w` and `power_w` of shape (homes,), and the gases in `co_m3_h`, `ch4_m3_h`. A shared plant's
    electricity and gases belong to the home in which it stands.
    """

    def __init__(self, fleet: Fleet, design_w: Floats, start: Start, dice: Generator) -> None:
        homes = len(fleet.home_heating)
        self.heat_w = np.zeros(homes)
        self.power_w = np.zeros(homes)
        self.co_m3_h = np.zeros(homes)
        self.ch4_m3_h = np.zeros(homes)
        self._groups: dict[str, _Group] = {}
        for place, name in enumerate(HEATINGS):
            warmed = np.flatnonzero(fleet.home_heating == place)
            if len(warmed):
                self._groups[name] = _group(name, fleet, warmed, design_w[warmed], start, dice)

    def __iter__(self) -> Iterator[tuple[str, Heaters]]:
        for name, group in self._groups.items():
            yield name, group.heaters

    def units_at(self, name: str) -> Ints:
        """The homes in which the units of a kind stand, in the order of the units."""
        return self._groups[name].at

    def changed(self, faults: ActiveFaults) -> None:
        """Other faults are active now: look up what each kind has of them."""
        for kind, group in self._groups.items():
            group.faults = {}
            for name in faults.physics_names():
                on_homes = faults.on_homes(name)
                if on_homes is None:
                    continue
                # a plant has what any of its homes was given for it; what only happens in a home, where it stands
                own = kind in FAULT[name].types
                strengths = _strongest(on_homes[group.homes], group) if own else on_homes[group.at]
                if not np.isnan(strengths).all():
                    group.faults[name] = strengths

    def step(self, out: Outside, room_c: Floats, set_c: Floats, demand_w: Floats, powered: Bools) -> None:
        """Advance all by `out.dt_s`; arrays of shape (homes,)."""
        self.co_m3_h[:] = 0.0
        self.ch4_m3_h[:] = 0.0
        self.power_w[:] = 0.0
        for group in self._groups.values():
            homes, heaters = group.homes, group.heaters
            asked_w = demand_w[homes]
            given_w = heaters.step(
                Surroundings(
                    out.dt_s,
                    out.now_s,
                    out.hour,
                    out.outdoor_c,
                    out.humidity_pct,
                    out.irradiance_wm2,
                    out.curtailment,
                    group.mean(room_c[homes]),
                    group.mean(set_c[homes]),
                    group.of_units(asked_w),
                    powered[group.at],
                    group.faults,
                )
            )
            self.heat_w[homes] = given_w if group.unit is None else _shared(given_w, asked_w, group.unit)
            self.power_w[group.at] += heaters.power_w
            for gas, source in ((self.co_m3_h, heaters.co_m3_h()), (self.ch4_m3_h, heaters.ch4_m3_h())):
                if source is not None:
                    gas[group.at] += source


def _group(name: str, fleet: Fleet, warmed: Ints, design_w: Floats, start: Start, dice: Generator) -> _Group:
    kind = KINDS[name]
    if name == LOOSE_COAL or not DEVICE_TYPE[name].shared:
        return _Group(
            kind(design_w, Start(start.hour, start.outdoor_c, start.room_c[warmed]), dice), warmed, warmed, None
        )
    _, first, unit = np.unique(fleet.home_village[warmed], return_index=True, return_inverse=True)
    together_w = _sums(unit, design_w)
    room_c = _sums(unit, start.room_c[warmed]) / np.bincount(unit)
    heaters = kind(together_w, Start(start.hour, start.outdoor_c, room_c), dice)
    return _Group(heaters, warmed, warmed[first], unit.astype(np.int64))


def _sums(unit: Ints, values: Floats) -> Floats:
    return np.bincount(unit, values).astype(np.float64)


def _strongest(strengths: Floats, group: _Group) -> Floats:
    """Per unit; a plant has what any of its homes was given."""
    if group.unit is None:
        return strengths
    per_unit = np.full(len(group.at), np.nan)
    np.fmax.at(per_unit, group.unit, strengths)
    return per_unit


def _shared(given_w: Floats, asked_w: Floats, unit: Ints) -> Floats:
    """A plant's heat among its homes, by what each asked for; evenly while none asks."""
    asked_w = asked_w + 1.0
    return np.asarray(given_w[unit] * asked_w / np.bincount(unit, asked_w)[unit], dtype=np.float64)
