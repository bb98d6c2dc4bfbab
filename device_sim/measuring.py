"""What devices show of the truth: which metrics each type has, noise, range, rounding, counters of each device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from catalogue.device_types import DEVICE_TYPE
from catalogue.fault_codes import code_for
from device_sim.arrays import Floats, Floats32, Generator, Ints, Metrics
from device_sim.fleet.fleet import TYPES
from device_sim.heaters.heater import Heaters
from device_sim.homes.grid import HOUSEHOLD_W
from device_sim.sensors.batch import Batch
from device_sim.sensors.readings import Sensors

if TYPE_CHECKING:
    from device_sim.county import County

_DAY_S: Final = 86_400.0
_VENDOR: Final = "nuanshao-sim"
_GAS_SPREAD_M3: Final = (100.0, 4000.0)


class Measuring:
    """The measuring side of all devices; arrays of shape (devices,). Belongs to one county."""

    def __init__(self, county: County, seed: int, dice: Generator) -> None:
        self._county = county
        fleet = county.fleet
        devices = len(fleet.device_home)
        self._noise = np.random.default_rng([seed, 2])
        self._sensors = {name: Sensors(DEVICE_TYPE[name].all_metrics) for name in TYPES}
        self._type, self._home = fleet.device_type, fleet.device_home
        # place of each device among the units of its kind; for what has no units, its home
        self._unit = fleet.device_home.astype(np.int32)
        self._heaters: dict[str, Heaters] = {}
        self._codes: dict[str, npt.NDArray[np.object_]] = {}
        for name, heaters in county.heating:
            if name in TYPES and DEVICE_TYPE[name].reports:
                unit_of = np.full(len(fleet.home_village), -1, dtype=np.int32)
                at = county.heating.units_at(name)
                unit_of[at] = np.arange(len(at))
                rows = fleet.rows_of(name)
                self._unit[rows] = unit_of[fleet.device_home[rows]]
                self._heaters[name] = heaters
                self._codes[name] = vendor_codes(name, heaters.SHOWS)
        self._unit[fleet.rows_of("co_detector")] = np.arange(len(fleet.rows_of("co_detector")))
        self._seq = np.zeros(devices, dtype=np.int32)
        self._boot = np.ones(devices, dtype=np.int32)
        self._last_ms = np.zeros(devices, dtype=np.int64)
        self._rssi_dbm = dice.uniform(-88.0, -52.0, devices).astype(np.float32)
        self._started_s = -np.round(dice.uniform(0.5, 60.0, devices) * _DAY_S).astype(np.int32)
        self._battery_pct = dice.uniform(55.0, 100.0, devices).astype(np.float32)
        self._offset = dice.standard_normal(devices).astype(np.float32)
        self._meter_kwh = dice.uniform(500.0, 30_000.0, devices).astype(np.float64)
        self._read_s = np.zeros(devices)

    def booted(self, devices: Ints, now_s: float) -> None:
        """These devices just got power."""
        self._boot[devices] += 1
        self._started_s[devices] = int(now_s)

    def take(self, devices: Ints, ts_ms: int | Ints) -> list[Batch]:
        """A batch per type among `devices` (distinct rows), in the catalogue's order of types; draws sensor noise.

        `ts_ms` is one moment for all, or one for each.
        """
        kinds = self._type[devices]
        moments = np.broadcast_to(np.asarray(ts_ms, dtype=np.int64), devices.shape)
        batches = []
        for code in np.unique(kinds):
            of_type = kinds == code
            rows, name = devices[of_type], TYPES[code]
            # a device's own clock never stands still
            stamps = np.maximum(moments[of_type], self._last_ms[rows] + 1)
            self._last_ms[rows] = stamps
            self._seq[rows] += 1
            batches.append(
                Batch(
                    name,
                    rows,
                    stamps,
                    moments[of_type],
                    self._seq[rows].astype(np.int64),
                    self._boot[rows].astype(np.int64),
                    self._fault(name, rows),
                    self._shown(name, rows),
                )
            )
        return batches

    def _shown(self, name: str, rows: Ints) -> dict[str, Floats32]:
        shown = self._sensors[name].show(self._true(name, rows), self._noise)
        if name == "co_detector":  # what is stuck has no noise either
            stuck = self._county.detectors.stuck_ppm[self._unit[rows]].astype(np.float32)
            shown["co_ppm"] = np.where(np.isnan(stuck), shown["co_ppm"], stuck)
        return shown

    def _fault(self, name: str, rows: Ints) -> list[str]:
        heaters = self._heaters.get(name)
        if heaters is None:
            return [""] * len(rows)
        return list(self._codes[name][heaters.fault[self._unit[rows]]])

    def _true(self, name: str, rows: Ints) -> Metrics:
        county, homes, units = self._county, self._home[rows].astype(np.int64), self._unit[rows].astype(np.int64)
        true: Metrics = {
            "rssi_dbm": _wide(self._rssi_dbm[rows]),
            "voltage_v": county.feeders.volts[homes],
            "uptime_s": county.now_s - self._started_s[rows].astype(np.float64),
        }
        indoor_c = county.houses.air_c[homes]
        if name in self._heaters:
            true |= {"indoor_c": indoor_c, "set_c": county.set_c[homes]}
            true |= self._heaters[name].metrics(units)
        elif name == "co_detector":
            true |= county.detectors.metrics(units)
        elif name == "room_sensor":
            # dry winter air, dampened by people: warmer rooms read drier (A)
            humid = np.clip(48.0 - 0.9 * (indoor_c - 16.0) + 4.0 * self._offset[rows], 15.0, 85.0)
            true |= {"indoor_c": indoor_c, "rh_pct": humid, "battery_pct": _wide(self._battery_pct[rows])}
        elif name == "electricity_meter":
            true |= self._electricity(rows, homes)
        elif name == "gas_meter":
            true |= {"gas_m3": self._gas(homes), "battery_pct": _wide(self._battery_pct[rows])}
        return true

    def _electricity(self, rows: Ints, homes: Ints) -> Metrics:
        """A meter counts on between two looks with the power of now."""
        county = self._county
        power_w = np.where(county.feeders.volts[homes] > 0, county.heating.power_w[homes] + HOUSEHOLD_W, 0.0)
        self._meter_kwh[rows] += power_w * (county.now_s - self._read_s[rows]) / 3.6e6
        self._read_s[rows] = county.now_s
        return {"power_w": power_w, "energy_kwh": self._meter_kwh[rows]}

    def _gas(self, homes: Ints) -> Floats:
        boilers, at = self._heaters["gas_wall_boiler"], self._county.heating.units_at("gas_wall_boiler")
        place = np.searchsorted(at, homes)
        return boilers.metrics(place)["gas_m3"]


def _wide(values: Floats32) -> Floats:
    return values.astype(np.float64)


def vendor_codes(device_type: str, shows: tuple[str, ...]) -> npt.NDArray[np.object_]:
    """What a controller writes for no fault and for each canonical fault of `shows`; its own name without a code."""
    codes = [code_for(_VENDOR, "", name, device_type) for name in shows]
    return np.array(["", *(code or name for code, name in zip(codes, shows, strict=True))], dtype=np.object_)
