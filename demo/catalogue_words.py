"""Rows of the catalogue in words, for the page and for the terminal."""

from __future__ import annotations

from catalogue.device_types import DeviceType
from catalogue.fault_codes import FAULT_CODES, FaultCode
from catalogue.limits import Limit
from catalogue.metrics import METRIC, Metric
from catalogue.models import MODELS, Model

SIMULATOR = "nuanshao-sim"
"""The vendor of what nobody sells."""
_THOUSANDS_FROM = 10_000


def number(value: float) -> str:
    """A number for people: no exponent, thousands apart."""
    return f"{value:,.0f}".replace(",", " ") if abs(value) >= _THOUSANDS_FROM else f"{value:g}"


def span(metric: Metric) -> str:
    """What its values can be: a range, 0 or 1, or codes with their meaning."""
    if metric.kind == "state":
        return "0 or 1"
    text = f"{number(metric.low)}…{number(metric.high)} {metric.unit}".strip()
    if metric.values:
        text += f": {', '.join(f'{value} {meaning.en}' for value, meaning in metric.values.items())}"
    return text


def bounds(name: str, limit: Limit) -> str:
    """A limit with its unit: `at least 0.8, at most 3 bar`."""
    ends = (("at least", limit.at_least), ("at most", limit.at_most))
    text = ", ".join(f"{word} {value:g}" for word, value in ends if value is not None)
    return f"{text} {METRIC[name].unit}".strip()


def nameplate(model: Model) -> str:
    """What a model's nameplate says, in one line."""
    parts = []
    if model.rated_w is not None:
        parts.append(f"{number(model.rated_w)} W electric")
    if model.rated_heat_w is not None:
        parts.append(f"{number(model.rated_heat_w)} W heat")
    parts += [f"{name} ≤ {level:g} {METRIC[name].unit}".strip() for name, level in model.limits.items()]
    return ", ".join(parts)


def nature(kind: DeviceType) -> str:
    """What it is, in one line: energy, sharing, how often it reports."""
    parts = [f"heats with {kind.energy}" if kind.heats else "watches, does not heat"]
    if kind.shared:
        parts.append("one plant for many homes")
    parts.append(f"reports every {kind.interval_s} s" if kind.reports else "has no connection of its own")
    return ", ".join(parts)


def models_of(kind: DeviceType) -> list[Model]:
    """The models of this type, in the file's order."""
    return [model for model in MODELS if model.type == kind.name]


def codes_of(kind: DeviceType) -> list[FaultCode]:
    """What makers mean by their codes on this type, the simulator's invented ones left out."""
    return [row for row in FAULT_CODES if row.type == kind.name and row.vendor != SIMULATOR]


def said_by(kind: DeviceType, fault: str) -> dict[str, list[str]]:
    """The codes by which makers say this fault: vendor → codes, each once."""
    said: dict[str, list[str]] = {}
    for row in codes_of(kind):
        if row.fault == fault and row.code not in said.setdefault(row.vendor, []):
            said[row.vendor].append(row.code)
    return {vendor: codes for vendor, codes in said.items() if codes}
