"""`nuanshao catalogue`: all rows on a terminal and as JSON, and one line for a type that is not there."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from catalogue.building_classes import BUILDING_CLASSES
from catalogue.device_types import DEVICE_TYPES, DeviceType
from catalogue.fault_codes import FAULT_CODES
from catalogue.faults import FAULTS
from catalogue.metrics import METRIC, METRICS
from catalogue.models import MODELS
from cli import main
from demo.catalogue_print import as_data, show
from demo.catalogue_words import bounds, nameplate, number, span
from foundation.errors import NotFound


def shown(name: str | None = None, width: int = 160) -> str:
    console = Console(width=width, highlight=False)
    with console.capture() as captured:
        show(name, console)
    return captured.get()


def test_the_overview_names_every_type_building_and_maker() -> None:
    text = shown()
    for name, zh in [(row.name, row.zh) for row in DEVICE_TYPES] + [(row.name, row.zh) for row in BUILDING_CLASSES]:
        assert f"\n{name} " in text
        assert zh in text
    assert {row.vendor for row in FAULT_CODES if row.vendor in text} == {
        row.vendor for row in FAULT_CODES if row.vendor != "nuanshao-sim"
    }
    assert " D17 " in text


@pytest.mark.parametrize("kind", DEVICE_TYPES, ids=lambda kind: kind.name)
def test_one_type_is_shown_in_full(kind: DeviceType) -> None:
    text = shown(kind.name)
    for name in kind.all_metrics:
        assert f"\n{name} " in text
        assert span(METRIC[name]) in text
    for name, limit in kind.limits.items():
        assert bounds(name, limit) in text
    for fault in kind.all_faults:
        assert f"\n{fault} " in text
    for code in FAULT_CODES:
        if code.type == kind.name and code.vendor != "nuanshao-sim":
            assert code.means in text
    for model in MODELS:
        assert (f"\n{model.name} " in text) is (model.type == kind.name)


def test_nothing_is_cut_off_on_a_narrow_terminal() -> None:
    assert "…\n" not in shown("gas_wall_boiler", width=80)


def test_a_type_that_is_not_there_is_answered_with_one_line_of_names() -> None:
    with pytest.raises(NotFound) as refused:
        show("kang")
    assert "\n" not in str(refused.value)
    assert all(kind.name in str(refused.value) for kind in DEVICE_TYPES)
    with pytest.raises(NotFound):
        as_data("kang")


def test_the_command_prints_one_line_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["nuanshao", "catalogue", "--type", "kang"])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("nuanshao: there is no device type 'kang': use one of air_source_heat_pump, ")


def test_the_command_gives_json_to_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["nuanshao", "catalogue", "--json", "--type", "gateway"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(as_data("gateway")))


def test_json_has_every_row_and_the_limits_that_all_have() -> None:
    data = json.loads(json.dumps(as_data()))
    rows = {"metrics": METRICS, "device_types": DEVICE_TYPES, "faults": FAULTS, "models": MODELS,
            "building_classes": BUILDING_CLASSES, "fault_codes": FAULT_CODES}  # fmt: skip
    for part, wanted in rows.items():
        assert len(data[part]) == len(wanted), part
    assert all(row["limits"]["voltage_v"]["at_most"] == 235.4 for row in data["device_types"])
    state = next(row for row in data["metrics"] if row["name"] == "state")
    assert state["values"]["5"] == {"en": "fault", "zh": "故障"}


def test_json_of_one_type_has_what_belongs_to_it() -> None:
    data = as_data("electric_kang")
    assert [row["name"] for row in data["device_types"]] == ["electric_kang"]
    assert {row["name"] for row in data["metrics"]} == set(data["device_types"][0]["metrics"])
    assert {row["name"] for row in data["faults"]} == set(data["device_types"][0]["faults"])
    assert [row["name"] for row in data["models"]] == ["DRK-10"]
    assert {row["type"] for row in data["fault_codes"]} == {"electric_kang"}
    assert "building_classes" not in data


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.0, "3"), (0.5, "0.5"), (9999, "9999"), (10_000, "10 000"), (-50_000, "-50 000"), (5e6, "5 000 000")],
)
def test_numbers_have_no_exponent(value: float, text: str) -> None:
    assert number(value) == text


def test_a_nameplate_in_one_line() -> None:
    words = {model.name: nameplate(model) for model in MODELS}
    assert words["L1PB20"] == "130 W electric, 20 000 W heat, flow_c ≤ 95 °C, water_bar ≤ 3 bar"
    assert not words["G25"]
