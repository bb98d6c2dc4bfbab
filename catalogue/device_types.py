"""Device types: the rows of data/device_types.yaml."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from catalogue.faults import FAULT
from catalogue.limits import Limit, misplaced
from catalogue.metrics import METRIC
from catalogue.rows import Row, Text, load_rows
from foundation.errors import CatalogueError

COMMON_METRICS = ("rssi_dbm", "voltage_v", "uptime_s")
"""What every device reports besides its own metrics."""
COMMON_FAULTS = ("communication", "power_low_voltage", "sensor_failed")
"""What can go wrong with every device that has a connection."""
COMMON_LIMITS: dict[str, Limit] = {
    "voltage_v": Limit(at_least=198, at_most=235.4, source="GB/T 12325: 198–235.4 V (SAFETY.md)")
}

Energy = Literal["electricity", "gas", "biomass", "coal", "sun", "wind", "network", "none"]


class DeviceType(Row):
    """A kind of heater or detector. `interval_s` is its usual time between two readings.

    `shared` is a plant that serves many homes; what does not `reports` has no connection and is only known of.
    `faults` are the canonical faults it can have, `limits` hold where a model's nameplate says nothing.
    """

    plan: str = ""
    heats: bool
    shared: bool = False
    reports: bool = True
    energy: Energy = "none"
    interval_s: int
    en: Text
    zh: Text
    metrics: tuple[str, ...]
    faults: tuple[str, ...]
    limits: dict[str, Limit] = Field(default_factory=dict)

    @property
    def all_metrics(self) -> tuple[str, ...]:
        """Its own metrics and those that every device has."""
        return self.metrics + COMMON_METRICS

    @property
    def all_faults(self) -> tuple[str, ...]:
        """Its own faults and those that every connected device can have."""
        return self.faults + COMMON_FAULTS if self.reports else self.faults


def _load() -> tuple[DeviceType, ...]:
    rows = load_rows("device_types.yaml", DeviceType)
    for row in rows:
        _refuse_unknown(row, "metrics", set(row.all_metrics) - METRIC.keys())
        _refuse_unknown(row, "faults", set(row.all_faults) - FAULT.keys())
        wrong = misplaced(row.limits, row.all_metrics)
        if wrong:
            raise CatalogueError(f"device_types.yaml, {row.name}, limits: {wrong}", do="mend the row")
    return rows


def _refuse_unknown(row: DeviceType, field: str, unknown: set[str]) -> None:
    if unknown:
        raise CatalogueError(
            f"device_types.yaml, {row.name}, {field}: unknown {', '.join(sorted(unknown))}",
            do=f"add rows to {field}.yaml",
        )


DEVICE_TYPES: tuple[DeviceType, ...] = _load()
DEVICE_TYPE: dict[str, DeviceType] = {row.name: row for row in DEVICE_TYPES}
