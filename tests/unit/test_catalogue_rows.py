"""Rows of data: a wrong one is named by file, row and field; the shipped ones are sound."""

from __future__ import annotations

import pytest

from catalogue import device_types
from catalogue.device_types import COMMON_METRICS, DEVICE_TYPE, DEVICE_TYPES
from catalogue.event_types import EVENT_TYPE
from catalogue.faults import FAULT
from catalogue.metrics import METRIC, METRIC_INDEX, METRIC_NAMES, METRICS, Metric
from catalogue.rows import Row, parse_rows
from catalogue.wire import is_uid, topic
from foundation.errors import CatalogueError

GOOD = "{name: co_ppm, unit: ppm, low: 0, high: 20000, decimals: 0, kind: measure, en: carbon monoxide, zh: 一氧化碳}"
CODED = (
    "{name: state, unit: '', low: 0, high: 20, decimals: 0, kind: measure, en: state, zh: 状态,"
    " values: {0: {en: 'off', zh: 停机}, 5: {en: fault, zh: 故障}}}"
)


class Kiln(Row):
    heat: int


def test_rows_come_in_the_order_of_the_file() -> None:
    rows = parse_rows("- {name: zeta, heat: 1}\n- {name: alpha, heat: 2}\n", "kilns.yaml", Kiln)
    assert [(row.name, row.heat) for row in rows] == [("zeta", 1), ("alpha", 2)]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (f"- {GOOD}\n- {GOOD.replace('low: 0, ', '').replace('co_', 'co2_')}", "metrics.yaml, row 2, low: "),
        (f"- {GOOD.replace('high: 20000', 'high: much')}", "metrics.yaml, row 1, high: "),
        (f"- {GOOD.replace('measure', 'guess')}", "metrics.yaml, row 1, kind: "),
        (f"- {GOOD.replace('unit: ppm', 'unit: ppm, units: ppm')}", "metrics.yaml, row 1, units: "),
        (f"- {GOOD.replace('co_ppm', 'CO ppm')}", "metrics.yaml, row 1, name: "),
        (f"- {GOOD.replace('co_ppm', 'x' * 49)}", "metrics.yaml, row 1, name: "),
        (f"- {GOOD.replace('一氧化碳', '')}", "metrics.yaml, row 1, zh: "),
        (f"- {GOOD.replace('low: 0', 'low: 20000')}", "metrics.yaml, row 1, : Value error, low must lie below high"),
        (f"- {CODED.replace('5:', '21:')}", "metrics.yaml, row 1, : Value error, values: 21 lies outside 0…20"),
        (f"- {CODED.replace('measure', 'counter')}", "metrics.yaml, row 1, : Value error, values are for a measure"),
        (f"- {CODED.replace('zh: 故障}}', 'de: Fehler}}')}", "metrics.yaml, row 1, values.5.zh: "),
        (f"- {GOOD}\n- {GOOD}", "metrics.yaml, row 2, name: 'co_ppm' stands there twice"),
        ("- just text", "metrics.yaml, row 1, : "),
        ("{}", "metrics.yaml: expected a list of rows"),
        ("", "metrics.yaml: expected a list of rows"),
        ("- {name: [", "metrics.yaml: while parsing a flow"),
    ],
)
def test_a_wrong_row_is_named_by_file_row_and_field(text: str, named: str) -> None:
    with pytest.raises(CatalogueError) as refused:
        parse_rows(text, "metrics.yaml", Metric)
    assert str(refused.value).startswith(named)
    assert "\n" not in str(refused.value)
    assert refused.value.do


def test_a_row_cannot_be_changed() -> None:
    (row,) = parse_rows("- {name: alpha, heat: 2}", "kilns.yaml", Kiln)
    with pytest.raises(ValueError, match="frozen"):
        setattr(row, "heat", 3)  # noqa: B010 (mypy knows already that it cannot be set)


def test_a_type_with_a_metric_that_nobody_knows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(METRIC, "core_c")
    with pytest.raises(CatalogueError, match=r"device_types.yaml, storage_electric_heater, metrics: unknown core_c"):
        device_types._load()


@pytest.mark.parametrize(
    ("table", "name", "told"),
    [
        (
            FAULT,
            "core_hot",
            "device_types.yaml, storage_electric_heater, faults: unknown core_hot: add rows to faults.yaml",
        ),
        (FAULT, "communication", "device_types.yaml, air_source_heat_pump, faults: unknown communication"),
    ],
)
def test_a_type_with_a_fault_that_nobody_knows_is_refused(
    table: dict[str, object], name: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(table, name)
    with pytest.raises(CatalogueError) as refused:
        device_types._load()
    assert str(refused.value).startswith(told)


def test_a_limit_that_its_type_does_not_measure_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row.model_copy(update={"metrics": ("power_w",)}) for row in DEVICE_TYPES if row.name == "electric_kang"]
    monkeypatch.setattr(device_types, "load_rows", lambda *_: tuple(rows))
    with pytest.raises(CatalogueError, match=r"device_types\.yaml, electric_kang, limits: surface_c is not among its"):
        device_types._load()


def test_the_codes_of_a_stove_have_their_words() -> None:
    words = {value: (meaning.en, meaning.zh) for value, meaning in METRIC["state"].values.items()}
    assert list(words) == [0, 1, 2, 3, 4, 5]
    assert words[0] == ("off", "停机")
    assert words[5] == ("fault", "故障")


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_can_be_stored_shown_and_read(metric: Metric) -> None:
    assert metric.low < metric.high
    assert metric.decimals >= 0
    assert metric.en
    assert metric.zh
    if metric.kind == "state":
        assert (metric.low, metric.high, metric.unit) == (0, 1, "")
    if metric.kind == "counter":
        assert metric.low == 0


def test_places_of_metrics_are_places_in_a_row() -> None:
    assert [METRIC_NAMES[METRIC_INDEX[name]] for name in METRIC] == list(METRIC)
    taken = {"ts", "device_id", "received_at", "device_ts", "seq", "boot", "flags", "fault"}
    assert not taken & METRIC.keys(), "a metric would be a second column of that name"


def test_every_type_reports_what_every_device_reports() -> None:
    for kind in DEVICE_TYPES:
        assert set(COMMON_METRICS) <= set(kind.all_metrics)
        assert len(set(kind.all_metrics)) == len(kind.all_metrics), kind.name
        assert kind.interval_s > 0


def test_every_metric_is_reported_by_some_type() -> None:
    assert {name for kind in DEVICE_TYPES for name in kind.all_metrics} == set(METRIC)


def test_a_carbon_monoxide_detector_can_tell_what_is_dangerous() -> None:
    assert {"co_ppm", "ch4_lel"} <= set(DEVICE_TYPE["co_detector"].metrics)
    assert {"co_alarm", "gas_alarm"} <= EVENT_TYPE.keys()


@pytest.mark.parametrize(
    ("text", "can_be"),
    [
        ("tl-kz-0001-hp", True), ("0abc", True), ("a" * 32, True), ("a---", True),
        ("abc", False), ("a" * 33, False), ("-abc", False), ("Abcd", False), ("ab_c", False), ("abc/d", False),
        ("abcd\n", False), ("室温计一", False), ("", False), ("ab c", False), ("ab\0c", False), ("+abc", False),
        ("١٢٣٤", False),
    ],
)  # fmt: skip
def test_what_can_name_a_device(text: str, *, can_be: bool) -> None:
    assert is_uid(text) is can_be


def test_the_topic_of_a_channel() -> None:
    assert topic("tl-kz-0001-hp", "telemetry") == "heat/v1/tl-kz-0001-hp/telemetry"
