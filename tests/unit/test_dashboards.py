"""The boards as files: committed as built, laid out without overlaps, in the catalogue's words and units."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalogue.metrics import METRIC, METRICS, Metric
from dashboards.build import FOLDER, build, write
from dashboards.target import DATASOURCE_TYPE, DATASOURCE_UID
from dashboards.units import decimals, label, unit_id

BOARDS: dict[str, dict[str, Any]] = {name: json.loads(text) for name, text in build().items()}


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """All panels, those in folded rows too; without the rows themselves."""
    return [inner for panel in board["panels"] for inner in panel.get("panels", [panel])]


PANELS = [(name, panel) for name, board in BOARDS.items() for panel in panels(board)]
PROVISIONING = FOLDER.parent / "provisioning"
GRID_WIDTH = 24
WALL_ROWS = 27


def each_panel() -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("board", "panel"), PANELS, ids=[f"{b}-{p['id']}" for b, p in PANELS])


def test_committed_boards_are_what_is_built() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert committed == build(), "run `nuanshao dashboards build` and commit what changed"


def test_writing_takes_away_what_is_no_more(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("{}", encoding="utf-8")
    assert sorted(path.name for path in write(tmp_path)) == sorted(BOARDS) == sorted(p.name for p in tmp_path.iterdir())


@each_panel()
def test_a_panel_says_what_it_shows(board: str, panel: dict[str, Any]) -> None:
    assert re.search("[一-鿿]", panel["title"]), f"{board}: Chinese first"
    assert re.search("[A-Za-z]", panel["title"]), f"{board}: English too"
    assert len(panel["description"]) > len("短说明")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"] == {"type": DATASOURCE_TYPE, "uid": DATASOURCE_UID}
    for target in panel["targets"]:
        assert target["datasource"]["uid"] == DATASOURCE_UID


def metrics_of(panel: dict[str, Any]) -> tuple[Metric, ...]:
    """The catalogue's metrics that a panel reads as values of their own."""
    names = re.findall(r"\b(?:t|l)\.(\w+)\)? as \1\b", panel["targets"][0]["rawSql"])
    return tuple(METRIC[name] for name in names if name in METRIC)


@pytest.mark.parametrize("panel", [p for _, p in PANELS if metrics_of(p)], ids=lambda panel: panel["title"].split()[-1])
def test_a_panel_of_readings_has_the_catalogues_unit(panel: dict[str, Any]) -> None:
    shown = metrics_of(panel)
    defaults = panel["fieldConfig"]["defaults"]
    assert {unit_id(metric.unit) for metric in shown} == {defaults["unit"]}
    assert defaults.get("decimals") == decimals(shown)


def test_every_metric_has_its_place_on_the_home_board() -> None:
    text = "\n".join(panel["targets"][0]["rawSql"] for panel in panels(BOARDS["home-device.json"]))
    for metric in METRICS:
        assert f"(t.{metric.name})" in text, f"{metric.name} is in no graph"
        assert label(metric).replace("'", "''") in text


@pytest.mark.parametrize("name", BOARDS)
def test_panels_do_not_overlap(name: str) -> None:
    places = [(panel["title"], panel["gridPos"]) for panel in panels(BOARDS[name])]
    for title, at in places:
        assert at["x"] + at["w"] <= GRID_WIDTH, title
    for (one, a), (other, b) in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or above, f"{one} / {other}"


def test_the_wall_fills_one_screen() -> None:
    wall = BOARDS["county-wall.json"]["panels"]
    assert sum(panel["gridPos"]["w"] * panel["gridPos"]["h"] for panel in wall) == GRID_WIDTH * WALL_ROWS
    assert max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in wall) == WALL_ROWS


def test_ids_are_unique() -> None:
    for board in BOARDS.values():
        rows = [panel for panel in board["panels"] if panel["type"] == "row"]
        numbers = [panel["id"] for panel in (*panels(board), *rows)]
        assert len(set(numbers)) == len(numbers)
    uids = [board["uid"] for board in BOARDS.values()]
    assert len(set(uids)) == len(uids)


def test_links_lead_to_boards_that_exist() -> None:
    text = json.dumps(BOARDS)
    assert set(re.findall(r"/d/([a-z-]+)", text)) == {board["uid"] for board in BOARDS.values()}


def test_no_board_asks_for_phone_numbers_or_credentials() -> None:
    for text in build().values():
        assert not re.search(r"phone\b(?! numbers)|device_credential|select \*", text)


def test_provisioning_fits_the_boards() -> None:
    source = yaml.safe_load((PROVISIONING / "datasources" / "nuanshao.yaml").read_text(encoding="utf-8"))
    (entry,) = source["datasources"]
    assert (entry["uid"], entry["type"]) == (DATASOURCE_UID, DATASOURCE_TYPE)
    assert entry["user"] == "nuanshao_reader"
    assert entry["jsonData"]["timescaledb"] is True
    assert entry["secureJsonData"] == {"password": "$NUANSHAO_READER_PASSWORD"}
    provider = yaml.safe_load((PROVISIONING / "dashboards" / "nuanshao.yaml").read_text(encoding="utf-8"))
    assert provider["providers"][0]["allowUiUpdates"] is False
