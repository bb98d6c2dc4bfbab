"""Device types: the rows of data/device_types.yaml."""

from __future__ import annotations

from typing import Literal

from catalogue.metrics import METRIC
from catalogue.rows import Row, load_rows
from foundation.errors import CatalogueError

COMMON_METRICS = ("rssi_dbm", "voltage_v", "uptime_s")
"""What every device reports besides its own metrics."""


Energy = Literal["electricity", "gas", "biomass", "coal", "sun", "wind", "network", "none"]


class DeviceType(Row):
    """A kind of heater or detector. `interval_s` is its usual time between two readings.

    `shared` is a plant that serves many homes; what does not `reports` has no connection and is only known of.
    """

    plan: str = ""
    heats: bool
    shared: bool = False
    reports: bool = True
    energy: Energy = "none"
    interval_s: int
    en: str
    zh: str
    metrics: tuple[str, ...]

    @property
    def all_metrics(self) -> tuple[str, ...]:
        """Its own metrics and those that every device has."""
        return self.metrics + COMMON_METRICS


def _load() -> tuple[DeviceType, ...]:
    rows = load_rows("device_types.yaml", DeviceType)
    for row in rows:
        unknown = sorted(set(row.all_metrics) - METRIC.keys())
        if unknown:
            raise CatalogueError(
                f"device_types.yaml, {row.name}, metrics: unknown {', '.join(unknown)}", do="add rows to metrics.yaml"
            )
    return rows


DEVICE_TYPES: tuple[DeviceType, ...] = _load()
DEVICE_TYPE: dict[str, DeviceType] = {row.name: row for row in DEVICE_TYPES}
