"""The whole fleet as arrays: weather over houses, heaters in them, air and detectors; stepped together.

Physics know nothing of the network: a step says whose power went and whose alarm bit changed, a measurement is columns.
The same fleet, seed, start and sequence of calls give the same values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from catalogue.building_classes import BUILDING_CLASSES
from device_sim.arrays import Bools, Floats, Ints
from device_sim.climate.weather import DESIGN_C, Weather
from device_sim.faults.active import ActiveFaults
from device_sim.faults.injection import Injection
from device_sim.fleet.fleet import HEATINGS, TYPES, Fleet
from device_sim.heaters.coal_stove import LooseCoalStoves
from device_sim.heaters.heater import Outside, Start
from device_sim.heating import Heating
from device_sim.homes.air import BEDROOM_M3, STOVE_ROOM_M3, HomeAir
from device_sim.homes.grid import HOUSEHOLD_W, STORING, Feeders
from device_sim.homes.house import MASS_SHARE, Houses, set_points, spread_conductances
from device_sim.measuring import Measuring
from device_sim.sensors.batch import Batch
from device_sim.sensors.detector import HURRY_LEL, HURRY_PPM, HURRY_S, Detectors

_DESIGN_ROOM_C: Final = 18.0
"""Heaters are chosen for this room temperature at −19 °C (SEED.md)."""
_STORING: Final = ("storage_electric_heater", "storage_electric_boiler", "wind_power_heating")
_DETECTOR: Final = TYPES.index("co_detector")


@dataclass(frozen=True, slots=True)
class AlarmBit:
    """A device's own alarm bit that changed; `device` is its row in the fleet, `type` a row of the catalogue."""

    device: int
    type: str
    on: bool


@dataclass(frozen=True, slots=True)
class Happened:
    """What a step brought: numbers of injections that began and ended, devices that lost and got power, alarm bits."""

    began: tuple[int, ...]
    ended: tuple[int, ...]
    off: Ints
    on: Ints
    alarms: tuple[AlarmBit, ...]


class County:
    """State of the fleet; `now_s` is simulated time since `start`. Homes and devices are rows of the fleet."""

    def __init__(
        self,
        fleet: Fleet,
        seed: int,
        start: datetime,
        injections: Sequence[Injection] = (),
        *,
        offset_k: float = 0.0,
        weather_seed: int | None = None,
    ) -> None:
        """The weather is `offset_k` warmer than the climate, and that of `weather_seed`, or of `seed` without one."""
        self.now_s = 0.0
        self.fleet = fleet
        self.weather = Weather(
            seed if weather_seed is None else weather_seed, start, events=waves(injections), offset_k=offset_k
        )
        self.faults = ActiveFaults(injections, homes=len(fleet.home_village), devices=len(fleet.device_home))
        dice = np.random.default_rng([seed, 1])
        outdoor_c, hour = self.weather.outdoor_c(0.0), self.weather.local_hour(0.0)
        loss = np.array([row.loss_w_m2k for row in BUILDING_CLASSES])[fleet.home_class]
        walls = spread_conductances(loss, fleet.home_area_m2.astype(np.float64), dice)
        self.set_c = set_points(fleet.home_vacant, dice)
        air_c = self.set_c + dice.normal(0.0, 0.4, len(self.set_c))
        # in balance the mass stands above the air by the heat that it takes up
        mass_c = air_c + MASS_SHARE * walls.ua / walls.air_mass * (air_c - outdoor_c)
        self.houses = Houses(walls, air_c, mass_c)
        design_w = walls.ua * (_DESIGN_ROOM_C - DESIGN_C)
        self.heating = Heating(fleet, design_w, Start(hour, outdoor_c, air_c), dice)
        storing = np.isin(fleet.home_heating, [HEATINGS.index(name) for name in _STORING])
        self.feeders = Feeders(fleet.home_village, design_w * np.where(storing, STORING, 1.0) + HOUSEHOLD_W, dice)
        self.air = HomeAir(dice.uniform(BEDROOM_M3, STOVE_ROOM_M3, len(air_c)), dice.uniform(0.3, 0.7, len(air_c)))
        self._detector_rows = np.flatnonzero(fleet.device_type == _DETECTOR)
        self._detector_homes = fleet.device_home[self._detector_rows]
        self.detectors = Detectors(len(self._detector_rows), dice)
        self._powered_homes = np.ones(len(air_c), dtype=np.bool_)
        self.powered: Bools = np.ones(len(fleet.device_home), dtype=np.bool_)
        """Which devices have power, shape (devices,)."""
        self._bits = _Bits(fleet, self.heating, self._detector_rows)
        self.measuring = Measuring(self, seed, dice)

    def step(self, dt_s: float) -> Happened:
        """Advance everything by `dt_s` simulated seconds (exact for the houses at any length; meant for ≤ 60 s)."""
        self.now_s += dt_s
        began, ended = self.faults.began_and_ended(self.now_s)
        off = on = np.zeros(0, dtype=np.int64)
        if began or ended:
            self.heating.changed(self.faults)
            off, on = self._power()
            self.measuring.booted(on, self.now_s)
        self._heat(dt_s)
        self._breathe(dt_s)
        alarms = tuple(AlarmBit(*bit) for bit in self._bits.changed(self.powered, self.detectors))
        return Happened(began, ended, off, on, alarms)

    def measure(self, devices: Ints, ts_ms: int | Ints) -> list[Batch]:
        """What each of `devices` (distinct rows) measures now, a batch per type; `ts_ms` for all or one for each."""
        return self.measuring.take(devices, ts_ms)

    def hurried_s(self) -> Floats:
        """The longest interval that each device accepts now: 5 s for a detector in CO or methane, else infinite."""
        longest = np.full(len(self.powered), np.inf)
        smelling = (self.detectors.cell_ppm >= HURRY_PPM) | (self.detectors.cell_lel >= HURRY_LEL)
        longest[self._detector_rows[smelling]] = HURRY_S
        return longest

    def _power(self) -> tuple[Ints, Ints]:
        """Who has power now; rows of devices that lost and got it."""
        dark = np.zeros(len(self._powered_homes), dtype=np.bool_)
        for fault in ("power_cut", "home_dark"):
            on_homes = self.faults.on_homes(fault)
            if on_homes is not None:
                dark |= ~np.isnan(on_homes)
        self._powered_homes = ~dark
        before, self.powered = self.powered, self._powered_homes[self.fleet.device_home]
        for fault in ("detector_dead", "unplugged"):
            on_devices = self.faults.on_devices(fault)
            if on_devices is not None:
                self.powered = self.powered & np.isnan(on_devices)
        return np.flatnonzero(before & ~self.powered), np.flatnonzero(self.powered & ~before)

    def _heat(self, dt_s: float) -> None:
        weather, at_s = self.weather, self.now_s
        outdoor_c = weather.outdoor_c(at_s)
        room_c = self.houses.air_c
        demand_w = self.houses.demand_w(self.set_c, outdoor_c)
        works = self._powered_homes
        off = self.faults.on_homes("heater_off")
        if off is not None:
            works = works & np.isnan(off)
            demand_w = np.where(np.isnan(off), demand_w, 0.0)
        outside = Outside(
            dt_s,
            at_s,
            weather.local_hour(at_s),
            outdoor_c,
            weather.humidity_pct(at_s),
            weather.irradiance_wm2(at_s),
            weather.curtailment(at_s),
        )
        self.heating.step(outside, room_c, self.set_c, demand_w, works)
        self._burn_coal()
        self.feeders.step(self.heating.power_w, self._powered_homes, self.faults.on_homes("low_voltage"))
        self.houses.step(dt_s, outdoor_c, self.heating.heat_w)

    def _burn_coal(self) -> None:
        """Homes that burn loose coal beside their own heating: its heat and its fumes."""
        kg_h = self.faults.on_homes("loose_coal")
        if kg_h is not None:
            kg_h = np.nan_to_num(kg_h)
            self.heating.heat_w += LooseCoalStoves.heat_w(kg_h)
            self.heating.co_m3_h += LooseCoalStoves.co_into_room_m3_h(kg_h)

    def _breathe(self, dt_s: float) -> None:
        faults = self.faults
        rise = _sum(faults.on_homes("co_leak"), faults.on_homes("cooking_peak"))
        leak = faults.on_homes("gas_leak")
        methane = self.heating.ch4_m3_h if leak is None else self.heating.ch4_m3_h + np.nan_to_num(leak)
        aired = faults.on_homes("window_open")
        self.air.step(dt_s, self.heating.co_m3_h, rise, methane, None if aired is None else np.nan_to_num(aired))
        own = {
            name: found[self._detector_rows]
            for name in ("detector_expired", "detector_stuck", "detector_drift")
            if (found := faults.on_devices(name)) is not None
        }
        at = self._detector_homes
        self.detectors.step(dt_s, self.air.ppm[at], self.air.lel_pct[at], self.powered[self._detector_rows], own)


class _Bits:
    """The alarm bits of all devices as they were last told, so that a change is told once, and not without power."""

    def __init__(self, fleet: Fleet, heating: Heating, detector_rows: Ints) -> None:
        self._detector_rows = detector_rows
        self._heating = heating
        self._rows: dict[str, Ints] = {}
        for name, _ in heating:
            if name in TYPES:
                own = np.full(len(fleet.home_village), -1, dtype=np.int64)
                rows = fleet.rows_of(name)
                own[fleet.device_home[rows]] = rows
                self._rows[name] = own[heating.units_at(name)]
        self._told: dict[tuple[str, str], Bools] = {}

    def changed(self, powered: Bools, detectors: Detectors) -> list[tuple[int, str, bool]]:
        """(device row, event type, on) of each bit that is not as it was told."""
        found: list[tuple[int, str, bool]] = []
        for bit, state in detectors.bits().items():
            found += self._one("co_detector", bit, state, self._detector_rows, powered)
        for name, heaters in self._heating:
            rows = self._rows.get(name)
            if rows is not None:
                for bit, state in heaters.bits().items():
                    found += self._one(name, bit, state, rows, powered)
        return found

    def _one(self, kind: str, bit: str, state: Bools, rows: Ints, powered: Bools) -> list[tuple[int, str, bool]]:
        told = self._told.setdefault((kind, bit), np.zeros(len(state), dtype=np.bool_))
        new = state != told
        if not new.any():
            return []
        places = np.flatnonzero(new)
        places = places[rows[places] >= 0]
        places = places[powered[rows[places]]]
        told[places] = state[places]
        return [(int(rows[place]), bit, bool(state[place])) for place in places]


def waves(injections: Sequence[Injection]) -> tuple[tuple[float, float, float], ...]:
    """The cold waves and thaws among the injections: (from, until, K at the deepest)."""
    return tuple((i.at_s, i.ends_s, i.strength) for i in injections if i.fault in {"cold_wave", "thaw"})


def _sum(*parts: Floats | None) -> Floats | None:
    """The sum of what is there, NaN as nothing; None when nothing is."""
    present = [np.nan_to_num(part) for part in parts if part is not None]
    return sum(present[1:], present[0]) if present else None
