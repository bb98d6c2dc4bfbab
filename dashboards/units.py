"""The catalogue's units in Grafana's words."""

from __future__ import annotations

from catalogue.metrics import METRICS, Metric, MetricKind

_UNIT_IDS = {
    "": "none",
    "%": "percent",
    "V": "volt",
    "W": "watt",
    "s": "s",
    "°C": "celsius",
    "Hz": "hertz",
    "bar": "pressurebar",
    "dBm": "dBm",
    "kWh": "kwatth",
    "m³": "m3",
    "ppm": "ppm",
    "rpm": "rotrpm",
    "L/min": "flowlpm",
}
_SELF_SCALING = {"watt", "s"}
"""Grafana turns 1600 W into 1.6 kW by itself; a fixed number of decimals would make that 2 kW."""


def unit_id(unit: str) -> str:
    """Grafana's id of a catalogue unit; one that it does not know is shown as it is written."""
    return _UNIT_IDS.get(unit, f"suffix:{unit}")


def decimals(metrics: tuple[Metric, ...]) -> int | None:
    """Decimals that show the finest of `metrics`, or None where Grafana scales the unit and chooses itself."""
    if unit_id(metrics[0].unit) in _SELF_SCALING:
        return None
    return max(metric.decimals for metric in metrics)


def label(metric: Metric) -> str:
    """A metric's name for people, Chinese first: `供水温度 flow temperature`."""
    return f"{metric.zh} {metric.en}"


def by_unit(kind: MetricKind) -> dict[str, tuple[Metric, ...]]:
    """The metrics of one kind, grouped by unit, both in the catalogue's order."""
    groups: dict[str, tuple[Metric, ...]] = {}
    for metric in METRICS:
        if metric.kind == kind:
            groups[metric.unit] = (*groups.get(metric.unit, ()), metric)
    return groups
