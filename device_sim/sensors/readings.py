"""True values become readings: sensor noise, the catalogue's rounding and range, and the bytes of the wire contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from catalogue.device_types import DEVICE_TYPE
from catalogue.metrics import METRIC
from device_sim.arrays import Floats, Generator, Metrics

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
}
"""Standard deviation of a sensor in the metric's unit (A); metrics not named are exact. CO: within ±5 ppm."""

_RESTS_AT_ZERO: Final = frozenset(
    {"compressor_hz", "fan_rpm", "flow_lpm", "power_w", "modulation_pct", "flame_ua", "heat_w"}
)
"""What stands still reads exactly 0."""

Value = int | float


@dataclass(frozen=True, slots=True)
class Reading:
    """What one device measured at one instant; `device` is its row in the fleet, `ts_ms` UTC milliseconds."""

    device: int
    ts_ms: int
    metrics: dict[str, Value]
    payload: bytes


def measured(metric: str, true: Floats, dice: Generator) -> list[Value]:
    """What sensors show of `true`: noisy, within the catalogue's range, rounded; whole numbers as int."""
    row = METRIC[metric]
    shown = true
    if metric in NOISE:
        shown = true + NOISE[metric] * dice.standard_normal(len(true))
        if metric in _RESTS_AT_ZERO:
            shown = np.where(true == 0, 0.0, shown)
    shown = np.clip(shown, row.low, row.high)
    if row.decimals == 0:
        return list(np.rint(shown).astype(np.int64).tolist())
    # adding 0.0 turns −0.0 into 0.0
    return list((np.round(shown, row.decimals) + 0.0).tolist())


def table(device_type: str, true: Metrics, dice: Generator) -> list[dict[str, Value]]:
    """The metrics of several devices of one type, in the catalogue's order: one dict a device."""
    names = DEVICE_TYPE[device_type].all_metrics
    columns = [measured(name, true[name], dice) for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def reading_payload(ts_ms: int, seq: int, boot: int, metrics: dict[str, Value]) -> bytes:
    """One reading as the wire contract v1 wants it."""
    return msgspec.json.encode({"ts": ts_ms, "seq": seq, "boot": boot, "m": metrics})


def event_payload(ts_ms: int, event_type: str, *, on: bool) -> bytes:
    """One alarm bit of a device as the wire contract v1 wants it."""
    return msgspec.json.encode({"ts": ts_ms, "type": event_type, "on": on})


def status_payload(ts_ms: int, state: str, session: str) -> bytes:
    """Birth or will as the wire contract v1 wants it."""
    return msgspec.json.encode({"state": state, "session": session, "ts": ts_ms})
