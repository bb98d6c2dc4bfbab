"""Boards to JSON: the files in `json/` are built from here and committed, and a test holds the two together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dashboards.county_wall import county_wall
from dashboards.home_device import home_device
from dashboards.sdk import JSONEncoder, builders

FOLDER = Path(__file__).parent / "json"
SCHEMA_VERSION = 38
"""Grafana's schema of 2023: newer Grafanas migrate it forward when they load it, older ones could not go back."""


def build() -> dict[str, str]:
    """Every board as the text of its file, by file name. The same text each time."""
    return {"county-wall.json": _text(county_wall()), "home-device.json": _text(home_device())}


def write(folder: Path = FOLDER) -> list[Path]:
    """Writes the boards to `folder` and takes away those that are no more; returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    built = build()
    for old in folder.glob("*.json"):
        if old.name not in built:
            old.unlink()
    written = []
    for name, text in built.items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _text(board: builders.Dashboard) -> str:
    plain: dict[str, Any] = json.loads(JSONEncoder().encode(board.build()))
    plain["schemaVersion"] = SCHEMA_VERSION
    _without_defaults_of_others(plain)
    _without_whole_floats(plain)
    return json.dumps(plain, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _without_defaults_of_others(board: dict[str, Any]) -> None:
    """Takes away what the SDK adds and Grafana does not have; tests/unit/test_dashboard_schema.py tells."""
    for variable in board["templating"]["list"]:
        for field in ("auto", "auto_count", "auto_min"):  # of interval variables only
            variable.pop(field, None)
    for panel in board["panels"]:
        panel.get("options", {}).pop("footer", None)  # of tables before Grafana 12


def _without_whole_floats(node: Any) -> None:
    """1.0 becomes 1: the SDK mixes both, and Grafana writes the short one when it exports."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(items):
        if isinstance(value, float) and value.is_integer():
            node[key] = int(value)
        elif isinstance(value, dict | list):
            _without_whole_floats(value)
