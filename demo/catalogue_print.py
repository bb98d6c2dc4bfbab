"""`nuanshao catalogue`: the rows of the catalogue on a terminal, or as JSON for a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from catalogue.building_classes import BUILDING_CLASSES
from catalogue.device_types import COMMON_LIMITS, DEVICE_TYPE, DEVICE_TYPES, DeviceType
from catalogue.event_types import EVENT_TYPES
from catalogue.fault_codes import FAULT_CODES
from catalogue.faults import FAULT, FAULTS
from catalogue.metrics import METRIC, METRICS
from catalogue.models import MODELS
from demo.catalogue_words import SIMULATOR, bounds, codes_of, models_of, nameplate, nature, said_by, span
from foundation.errors import NotFound

_DANGER_STYLE = {"life": "bold red", "damage": "yellow", "comfort": "", "none": "dim"}
_WIDTH_IN_FILES = 140
"""Columns where there is no terminal to ask."""


def device_type(name: str) -> DeviceType:
    """The type of this name. Raises NotFound that lists the names."""
    if name not in DEVICE_TYPE:
        raise NotFound(f"there is no device type {name!r}", do=f"use one of {', '.join(DEVICE_TYPE)}")
    return DEVICE_TYPE[name]


def as_data(name: str | None = None) -> dict[str, Any]:
    """The catalogue as plain values: all of it, or what belongs to one type (`nuanshao catalogue --json`)."""
    kinds: Sequence[DeviceType] = DEVICE_TYPES if name is None else (device_type(name),)
    names = {kind.name for kind in kinds}
    metrics = {metric for kind in kinds for metric in kind.all_metrics}
    faults = {fault for kind in kinds for fault in kind.all_faults}
    rows = {
        "metrics": [row for row in METRICS if row.name in metrics],
        "device_types": kinds,
        "faults": [row for row in FAULTS if row.name in faults],
        "models": [row for row in MODELS if row.type in names],
        "building_classes": BUILDING_CLASSES if name is None else (),
        "event_types": EVENT_TYPES if name is None else (),
    }
    data = {part: [row.model_dump(mode="json") for row in some] for part, some in rows.items() if some}
    for row, kind in zip(data["device_types"], kinds, strict=True):
        every = COMMON_LIMITS | kind.limits
        row |= {
            "metrics": list(kind.all_metrics),
            "faults": list(kind.all_faults),
            "limits": {metric: limit.model_dump(mode="json") for metric, limit in every.items()},
        }
    data["fault_codes"] = [asdict(code) for code in FAULT_CODES if code.type in names]
    return data


def show(name: str | None = None, console: Console | None = None) -> None:
    """Prints the overview, or one type in full."""
    out = console or Console(highlight=False)
    if console is None and not out.is_terminal:
        out = Console(highlight=False, width=_WIDTH_IN_FILES)
    out.print(_overview() if name is None else _in_full(device_type(name)))


def _overview() -> RenderableType:
    types = _table("Device types", "type", "plan", "中文", "English", "every", "own metrics")
    for kind in DEVICE_TYPES:
        every = f"{kind.interval_s} s" if kind.reports else "-"
        types.add_row(kind.name, kind.plan, kind.zh, kind.en, every, ", ".join(kind.metrics) or "-")
    buildings = _table("Building classes", "class", "中文", "English", "W/m²", "room", "first")
    for building in BUILDING_CLASSES:
        buildings.add_row(
            building.name, building.zh, building.en, f"{building.heat_load_w_m2:g}", f"{building.indoor_c:g} °C",
            "yes" if building.priority else "",
        )  # fmt: skip
    vendors = _table("Makers' fault codes", "vendor", "type", "codes")
    said: dict[tuple[str, str], list[str]] = {}
    for code in FAULT_CODES:
        if code.vendor != SIMULATOR:
            said.setdefault((code.vendor, code.type), []).append(code.code)
    for (vendor, kind_name), codes in said.items():
        vendors.add_row(vendor, kind_name, " ".join(codes))
    counts = ", ".join(
        f"{len(rows)} {what}"
        for what, rows in (
            ("metrics", METRICS), ("device types", DEVICE_TYPES), ("faults", FAULTS), ("fault codes", FAULT_CODES),
            ("models", MODELS), ("building classes", BUILDING_CLASSES), ("event types", EVENT_TYPES),
        )
    )  # fmt: skip
    return Group(
        types, "", buildings, "", vendors, "", Text(f"{counts}. One type in full: nuanshao catalogue --type NAME")
    )


def _in_full(kind: DeviceType) -> RenderableType:
    title = Text.assemble((f"{kind.zh} {kind.en}", "bold"), f" {kind.plan}: {nature(kind)}")
    tables = (_metrics(kind), _limits(kind), _faults(kind), _codes(kind), _models(kind))
    return Group(title, *(part for table in tables if table.row_count for part in ("", table)))


def _metrics(kind: DeviceType) -> Table:
    listed = _table("Metrics", "metric", "中文", "English", "kind", "physical range")
    for name in kind.all_metrics:
        row = METRIC[name]
        listed.add_row(name, row.zh, row.en, row.kind, span(row))
    return listed


def _limits(kind: DeviceType) -> Table:
    listed = _table("Limits, where the nameplate says nothing", "metric", "limit", "source")
    for name, limit in (COMMON_LIMITS | kind.limits).items():
        listed.add_row(name, bounds(name, limit), limit.source)
    return listed


def _faults(kind: DeviceType) -> Table:
    listed = _table("Faults", "fault", "中文", "danger", "stays off", "makers' codes", "what to do first")
    for name in kind.all_faults:
        row = FAULT[name]
        codes = "; ".join(f"{vendor} {', '.join(said)}" for vendor, said in said_by(kind, name).items())
        danger = Text(row.danger, style=_DANGER_STYLE[row.danger])
        listed.add_row(name, row.zh, danger, "yes" if row.lockout else "", codes, row.do)
    return listed


def _codes(kind: DeviceType) -> Table:
    listed = _table("Makers' codes", "vendor", "models", "code", "fault", "meaning", "stays off", "confidence")
    for row in codes_of(kind):
        off = "yes" if row.lockout else ""
        listed.add_row(row.vendor, row.models, row.code, row.fault, row.means, off, row.confidence)
    return listed


def _models(kind: DeviceType) -> Table:
    listed = _table("Models", "model", "vendor", "nameplate", "source")
    for model in models_of(kind):
        listed.add_row(model.name, model.vendor, nameplate(model), model.source)
    return listed


def _table(title: str, *columns: str) -> Table:
    listed = Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for place, name in enumerate(columns):
        listed.add_column(name, header_style="dim", overflow="fold", no_wrap=place == 0)
    return listed
