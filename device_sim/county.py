"""The whole fleet as arrays: weather over houses, heaters in them, air and detectors; stepped together.

Physics know nothing of the network: a step says whose power went and whose alarm bit changed, a reading is bytes.
The same fleet, seed, start and sequence of calls give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from device_sim.arrays import Bools, Floats, Ints, Metrics
from device_sim.climate.weather import DESIGN_C, Weather
from device_sim.faults.faults import Faults
from device_sim.faults.schedule import Event
from device_sim.fleet.fleet import HEATERS, Fleet
from device_sim.heaters.gas_boiler import GasBoilers
from device_sim.heaters.heat_pump import HeatPumps
from device_sim.heaters.storage_heater import StorageHeaters
from device_sim.homes.air import Rooms
from device_sim.homes.house import MASS_SHARE, Houses, set_points, spread_conductances
from device_sim.sensors.detector import HURRY_PPM, HURRY_S, Detectors
from device_sim.sensors.readings import Reading, Value, reading_payload, table

_DAY_S: Final = 86_400.0
_DESIGN_ROOM_C: Final = 18.0


@dataclass(frozen=True, slots=True)
class AlarmBit:
    """A device's own alarm bit that changed; `device` is its row in the fleet, `type` a row of the catalogue."""

    device: int
    type: str
    on: bool


@dataclass(frozen=True, slots=True)
class Happened:
    """What a step brought: places of events that began and ended, rows of devices that lost and got power, alarms."""

    began: tuple[int, ...]
    ended: tuple[int, ...]
    off: Ints
    on: Ints
    alarms: tuple[AlarmBit, ...]


class County:
    """State of the fleet; `now_s` is simulated time since `start`."""

    def __init__(self, fleet: Fleet, seed: int, start: datetime, events: Sequence[Event] = ()) -> None:
        self.now_s = 0.0
        self.weather = Weather(seed, start)
        self.faults = Faults(events, [home.code for home in fleet.homes], [home.village for home in fleet.homes])
        dice = np.random.default_rng([seed, 1])
        self._sensors = np.random.default_rng([seed, 2])
        self._layout(fleet)
        outdoor_c, hour = self.weather.outdoor_c(0.0), self.weather.local_hour(0.0)
        walls = spread_conductances(len(fleet.homes), dice)
        self.set_c = set_points(np.array([home.vacant for home in fleet.homes], dtype=np.bool_), dice)
        air_c = self.set_c + dice.normal(0.0, 0.4, len(self.set_c))
        # in balance the mass stands above the air by the heat that it takes up
        mass_c = air_c + MASS_SHARE * walls.ua / walls.air_mass * (air_c - outdoor_c)
        self.houses = Houses(walls, air_c, mass_c)
        design_w = walls.ua * (_DESIGN_ROOM_C - DESIGN_C)
        self.heat_pumps = HeatPumps(design_w[self._homes_of["air_source_heat_pump"]], outdoor_c, dice)
        self.storage_heaters = StorageHeaters(design_w[self._homes_of["storage_electric_heater"]], hour, dice)
        self.gas_boilers = GasBoilers(len(self._homes_of["gas_wall_boiler"]), dice)
        detectors = len(self._homes_of["co_detector"])
        self.rooms = Rooms(dice.uniform(0.3, 0.7, detectors))
        self.detectors = Detectors(detectors, dice)
        self._device_state(dice)
        self._active: frozenset[int] = frozenset()
        self._powered = np.ones(len(fleet.homes), dtype=np.bool_)

    def _layout(self, fleet: Fleet) -> None:
        """Where each device stands: its home's row, its type, its place among the devices of that type."""
        home_row = {home.code: row for row, home in enumerate(fleet.homes)}
        self._home_of = np.array([home_row[device.home] for device in fleet.devices], dtype=np.int64)
        types = [device.type for device in fleet.devices]
        self._types: tuple[str, ...] = tuple(dict.fromkeys(types))
        type_of = np.array(types)
        known = (*HEATERS, "co_detector", "room_sensor")
        self._rows_of = {name: np.flatnonzero(type_of == name) for name in known}
        self._homes_of = {name: self._home_of[rows] for name, rows in self._rows_of.items()}
        self._unit_of = np.zeros(len(types), dtype=np.int64)
        self._type_code = np.zeros(len(types), dtype=np.int64)
        for code, name in enumerate(known):
            self._unit_of[self._rows_of[name]] = np.arange(len(self._rows_of[name]))
            self._type_code[self._rows_of[name]] = code
        self._known = known

    def _device_state(self, dice: np.random.Generator) -> None:
        devices = len(self._home_of)
        self._seq = np.zeros(devices, dtype=np.int64)
        self._boot = np.ones(devices, dtype=np.int64)
        self._last_ms = np.zeros(devices, dtype=np.int64)
        self._rssi_dbm = dice.uniform(-88.0, -52.0, devices)
        self._voltage_v = dice.uniform(220.0, 230.0, devices)
        self._started_s = -np.round(dice.uniform(0.5, 60.0, devices) * _DAY_S)
        self._battery_pct = dice.uniform(55.0, 100.0, devices)
        self._rh_offset = dice.normal(0.0, 4.0, devices)

    @property
    def devices(self) -> int:
        """How many devices there are."""
        return len(self._home_of)

    @property
    def powered(self) -> Bools:
        """Which devices have power, shape (devices,)."""
        return np.asarray(self._powered[self._home_of])

    def step(self, dt_s: float) -> Happened:
        """Advance everything by `dt_s` simulated seconds (exact for the houses at any length; meant for ≤ 60 s)."""
        self.now_s += dt_s
        active = self.faults.active(self.now_s)
        began, ended = tuple(sorted(active - self._active)), tuple(sorted(self._active - active))
        self._active = active
        before, self._powered = self._powered, self.faults.powered(active)
        changed = (before != self._powered)[self._home_of]
        off, on = np.flatnonzero(changed & ~self.powered), np.flatnonzero(changed & self.powered)
        self._boot[on] += 1
        self._started_s[on] = self.now_s
        self._heat(dt_s, active)
        return Happened(began, ended, off, on, self._air(dt_s, active))

    def _heat(self, dt_s: float, active: frozenset[int]) -> None:
        outdoor_c, humidity = self.weather.outdoor_c(self.now_s), self.weather.humidity_pct(self.now_s)
        powered, room_c = self._powered, self.houses.air_c
        demand_w = self.houses.demand_w(self.set_c, outdoor_c)
        heat_w = np.zeros(len(room_c))
        at = self._homes_of["air_source_heat_pump"]
        heat_w[at] += self.heat_pumps.step(dt_s, outdoor_c, humidity, demand_w[at], powered[at])
        at = self._homes_of["storage_electric_heater"]
        hour = self.weather.local_hour(self.now_s)
        heat_w[at] += self.storage_heaters.step(dt_s, hour, room_c[at], demand_w[at], powered[at])
        at = self._homes_of["gas_wall_boiler"]
        overheat_c = self.faults.overheat_c(active)[at]
        heat_w[at] += self.gas_boilers.step(dt_s, room_c[at], demand_w[at], powered[at], overheat_c)
        self.houses.step(dt_s, outdoor_c, heat_w)

    def _air(self, dt_s: float, active: frozenset[int]) -> tuple[AlarmBit, ...]:
        at = self._homes_of["co_detector"]
        self.rooms.step(dt_s, self.faults.co_rise_ppm_min(active)[at])
        powered = self._powered[at]
        changed = self.detectors.step(dt_s, self.rooms.ppm, powered) & powered
        rows = self._rows_of["co_detector"]
        return tuple(
            AlarmBit(int(rows[unit]), "co_alarm", bool(self.detectors.alarm[unit])) for unit in np.flatnonzero(changed)
        )

    def hurried_s(self) -> Floats:
        """The longest interval that each device accepts now: 5 s for a detector in CO, else infinite."""
        longest = np.full(self.devices, np.inf)
        smelling = self.detectors.cell_ppm >= HURRY_PPM
        longest[self._rows_of["co_detector"][smelling]] = HURRY_S
        return longest

    def metrics(self, devices: Ints) -> list[dict[str, Value]]:
        """What each of `devices` (rows in the fleet) measures now, by metric; draws sensor noise."""
        found: dict[int, dict[str, Value]] = {}
        codes = self._type_code[devices]
        for code, name in enumerate(self._known):
            rows = devices[codes == code]
            if len(rows):
                found.update(zip(rows.tolist(), table(name, self._true(name, rows), self._sensors), strict=True))
        return [found[row] for row in devices.tolist()]

    def readings(self, devices: Ints, ts_ms: int) -> list[Reading]:
        """A reading of each of `devices` (distinct rows) at `ts_ms`; a device's own clock never stands still."""
        stamps = np.maximum(ts_ms, self._last_ms[devices] + 1)
        self._last_ms[devices] = stamps
        self._seq[devices] += 1
        rows = zip(
            devices.tolist(),
            stamps.tolist(),
            self._seq[devices].tolist(),
            self._boot[devices].tolist(),
            self.metrics(devices),
            strict=True,
        )
        return [Reading(row, ts, m, reading_payload(ts, seq, boot, m)) for row, ts, seq, boot, m in rows]

    def _true(self, device_type: str, rows: Ints) -> Metrics:
        units, homes = self._unit_of[rows], self._home_of[rows]
        true: Metrics = {
            "rssi_dbm": self._rssi_dbm[rows],
            "voltage_v": self._voltage_v[rows],
            "uptime_s": self.now_s - self._started_s[rows],
        }
        if device_type == "air_source_heat_pump":
            true |= self.heat_pumps.metrics(units)
        elif device_type == "storage_electric_heater":
            true |= self.storage_heaters.metrics(units)
            true |= {"indoor_c": self.houses.air_c[homes], "set_c": self.set_c[homes]}
        elif device_type == "gas_wall_boiler":
            true |= self.gas_boilers.metrics(units)
        elif device_type == "co_detector":
            true |= self.detectors.metrics(units)
        else:
            indoor_c = self.houses.air_c[homes]
            # dry winter air, dampened by people: warmer rooms read drier (A)
            humidity = np.clip(42.0 + self._rh_offset[rows] - 1.2 * (indoor_c - 17.0), 12.0, 90.0)
            true |= {"indoor_c": indoor_c, "rh_pct": humidity, "battery_pct": self._battery_pct[rows]}
        return true
