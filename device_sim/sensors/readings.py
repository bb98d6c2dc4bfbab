"""True values become what a sensor shows: its noise, the catalogue's rounding and range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from catalogue.metrics import METRIC
from device_sim.arrays import Floats, Floats32, Generator

NOISE: Final = {
    "rssi_dbm": 2.0,
    "voltage_v": 0.8,
    "indoor_c": 0.05,
    "outdoor_c": 0.15,
    "rh_pct": 0.6,
    "flow_c": 0.12,
    "return_c": 0.12,
    "discharge_c": 0.5,
    "coil_c": 0.2,
    "compressor_hz": 0.5,
    "fan_rpm": 8.0,
    "high_bar": 0.1,
    "low_bar": 0.03,
    "flow_lpm": 0.15,
    "water_bar": 0.01,
    "power_w": 4.0,
    "heat_w": 40.0,
    "core_c": 1.0,
    "case_c": 0.2,
    "outlet_c": 0.3,
    "modulation_pct": 0.5,
    "exhaust_c": 0.6,
    "flame_ua": 0.1,
    "co_ppm": 1.2,
    "ch4_lel": 0.05,
    "supply_c": 0.2,
    "tank_top_c": 0.1,
    "tank_bottom_c": 0.1,
    "tank_c": 0.1,
    "surface_c": 0.2,
    "leakage_ma": 0.05,
    "fumes_c": 1.0,
    "feed_pct": 0.5,
    "hopper_pct": 0.5,
    "water_c": 0.15,
    "collector_c": 0.3,
    "irradiance_wm2": 5.0,
    "o2_pct": 0.1,
    "flue_co_ppm": 4.0,
    "flow_m3h": 0.2,
}
"""Standard deviation of a sensor in the metric's unit (A); metrics not named are exact. CO: within ±5 ppm."""

_RESTS_AT_ZERO: Final = frozenset(
    {
        "compressor_hz",
        "fan_rpm",
        "flow_lpm",
        "flow_m3h",
        "power_w",
        "modulation_pct",
        "flame_ua",
        "heat_w",
        "feed_pct",
        "irradiance_wm2",
        "leakage_ma",
    }
)
"""What stands still reads exactly 0."""


class Sensors:
    """The sensors of one type's devices: all metrics of many devices are shown in a few passes."""

    def __init__(self, metrics: tuple[str, ...]) -> None:
        rows = [METRIC[name] for name in metrics]
        self.metrics = metrics
        self._noisy = np.flatnonzero([name in NOISE for name in metrics])
        self._resting = np.flatnonzero([name in _RESTS_AT_ZERO for name in metrics])
        self._noise = np.array([[NOISE[metrics[place]]] for place in self._noisy], dtype=np.float32)
        self._low = np.array([[row.low] for row in rows], dtype=np.float32)
        self._high = np.array([[row.high] for row in rows], dtype=np.float32)
        self._scale = np.array([[10.0**row.decimals] for row in rows], dtype=np.float32)

    def show(self, true: Mapping[str, Floats], dice: Generator) -> dict[str, Floats32]:
        """What they show of `true`: noisy, within the catalogue's range, rounded to its decimals."""
        table = np.array([true[name] for name in self.metrics], dtype=np.float32)
        resting = table[self._resting] == 0
        noise = dice.standard_normal((len(self._noisy), table.shape[1]), dtype=np.float32)
        table[self._noisy] += self._noise * noise
        table[self._resting] = np.where(resting, np.float32(0.0), table[self._resting])
        np.clip(table, self._low, self._high, out=table)
        table *= self._scale
        np.rint(table, out=table)
        table /= self._scale
        # adding 0 turns −0.0 into 0.0
        table += np.float32(0.0)
        return dict(zip(self.metrics, table, strict=True))
