"""Models, limits, faults and building classes: rows that fit each other and the safety page."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from catalogue.building_classes import BUILDING_CLASS, BUILDING_CLASSES, BuildingClass
from catalogue.device_types import COMMON_LIMITS, DEVICE_TYPE, DEVICE_TYPES, DeviceType
from catalogue.faults import FAULT, FAULTS, Fault
from catalogue.limits import Limit, misplaced
from catalogue.metrics import METRIC
from catalogue.models import MODEL, MODELS, Model, limit
from catalogue.rows import parse_rows
from foundation.errors import CatalogueError


def model(**more: object) -> dict[str, object]:
    return {"name": "TJB-08", "vendor": "acme", "type": "carbon_crystal_panel", "source": "a nameplate", **more}


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        (model(type="oven"), "unknown device type 'oven'"),
        (model(limits={"co_ppm": 30}), "limits: co_ppm is not among its metrics"),
        (model(limits={"surface_c": 400}), "limits: surface_c 400 lies outside -40…300, where it is nulled"),
        (model(limits={"surface_c": float("nan")}), "finite number"),
        (model(rated_w=0), "greater than 0"),
        (model(vendor="ACME"), "should match pattern"),
        (model(name=" TJB"), "should match pattern"),
        (model(name=""), "should match pattern"),
        (model(source=""), "at least 1 character"),
        (model(colour="red"), "Extra inputs"),
    ],
)
def test_a_wrong_model_is_refused(row: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        Model.model_validate(row)


def test_a_name_in_any_script_names_a_model_once() -> None:
    one = "- {name: 碳晶板 800W, vendor: acme, type: carbon_crystal_panel, source: a nameplate}\n"
    assert parse_rows(one, "models.yaml", Model)[0].name == "碳晶板 800W"
    with pytest.raises(CatalogueError, match=r"models.yaml, row 2, name: '碳晶板 800W' stands there twice"):
        parse_rows(one * 2, "models.yaml", Model)


@pytest.mark.parametrize("row", MODELS, ids=lambda row: row.name)
def test_every_model_is_of_a_type_that_measures_what_it_limits(row: Model) -> None:
    kind = DEVICE_TYPE[row.type]
    assert not misplaced(row.own_limits, kind.all_metrics)
    for name, level in row.limits.items():
        assert METRIC[name].low < level < METRIC[name].high, "beyond the limit a value must still be kept"
        found = limit(name, row.type, row.name)
        assert found is not None
        assert found.at_most == level
        assert found.source.startswith(f"nameplate of {row.name}")


def test_the_simulator_has_a_model_of_every_type() -> None:
    assert {row.type for row in MODELS if row.vendor == "nuanshao-sim"} == set(DEVICE_TYPE)
    assert all("invented" in row.source for row in MODELS if row.vendor == "nuanshao-sim")
    assert {"KFRS-10", "KFRS-12", "XRQ-16", "L1PB20", "L1PB24", "JT-CO1", "WSD-2"} <= MODEL.keys()


def test_the_nameplate_goes_before_the_type_and_the_type_before_what_all_have() -> None:
    kang = DEVICE_TYPE["electric_kang"].limits["surface_c"]
    assert limit("surface_c", "electric_kang") == limit("surface_c", "electric_kang", "unheard of") == kang
    own = limit("surface_c", "electric_kang", "DRK-10")
    assert own is not None
    assert (own.at_most, kang.at_most) == (55, 60)
    assert limit("surface_c", "heating_film", "DRK-10") == DEVICE_TYPE["heating_film"].limits["surface_c"], "other type"
    assert limit("voltage_v", "electric_kang", "DRK-10") == COMMON_LIMITS["voltage_v"]
    assert limit("power_w", "electric_kang", "DRK-10") is None


def test_a_nameplate_leaves_the_lower_end_to_the_type() -> None:
    pressure = limit("water_bar", "gas_wall_boiler", "L1PB20")
    assert pressure is not None
    assert (pressure.at_least, pressure.at_most) == (0.8, 3.0)


def test_the_limits_of_the_safety_page() -> None:
    usual = {
        (kind.name, name): (one.at_least, one.at_most) for kind in DEVICE_TYPES for name, one in kind.limits.items()
    }
    leakage = {(name, "leakage_ma"): (None, 30) for name in ("carbon_crystal_panel", "heating_film", "heating_cable")}
    told = {
        ("gas_wall_boiler", "flow_c"): (None, 95),
        ("gas_wall_boiler", "water_bar"): (0.8, 3.0),
        ("air_source_heat_pump", "discharge_c"): (None, 120),
        ("air_source_heat_pump", "high_bar"): (None, 39),
        ("air_source_heat_pump", "low_bar"): (0.5, None),
        ("air_source_heat_pump", "flow_c"): (4, None),
        ("storage_electric_heater", "core_c"): (None, 700),
        ("storage_electric_heater", "case_c"): (None, 95),
        ("storage_electric_heater", "outlet_c"): (None, 60),
        ("electric_kang", "surface_c"): (None, 60),
        ("heating_film", "surface_c"): (None, 60),
        ("heating_cable", "surface_c"): (None, 30),
        **leakage,
    }
    assert {place: usual.get(place) for place in told} == told
    supply = COMMON_LIMITS["voltage_v"]
    assert (supply.at_least, supply.at_most) == (198, 235.4)


@pytest.mark.parametrize("kind", DEVICE_TYPES, ids=lambda kind: kind.name)
def test_the_range_of_a_metric_contains_every_limit_with_room_beyond(kind: DeviceType) -> None:
    assert not misplaced(kind.limits, kind.all_metrics)
    for name, one in (COMMON_LIMITS | kind.limits).items():
        assert one.source.strip()
        for level in (one.at_least, one.at_most):
            assert level is None or METRIC[name].low < level < METRIC[name].high


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"source": "x"}, "give at_least, at_most or both"),
        ({"at_least": 3, "at_most": 3, "source": "x"}, "at_least must lie below at_most"),
        ({"at_most": 3}, "Field required"),
        ({"at_most": float("inf"), "source": "x"}, "finite"),
    ],
)
def test_a_limit_says_what_and_why(fields: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        Limit.model_validate(fields)


@pytest.mark.parametrize("kind", DEVICE_TYPES, ids=lambda kind: kind.name)
def test_every_fault_of_a_type_is_a_row(kind: DeviceType) -> None:
    assert kind.all_faults
    assert set(kind.all_faults) <= FAULT.keys()
    assert len(set(kind.all_faults)) == len(kind.all_faults)


def test_every_fault_can_happen_to_some_type() -> None:
    assert {name for kind in DEVICE_TYPES for name in kind.all_faults} == FAULT.keys()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_what_can_kill_says_what_to_do_first(fault: Fault) -> None:
    assert 0 < len(fault.do) <= 35, "an SMS takes no more"
    if fault.subsystem in {"co", "gas"} and fault.name != "low_gas_pressure":
        assert fault.danger == "life"


def test_what_burns_can_fill_a_room_with_gas_and_what_does_not_cannot() -> None:
    for kind in DEVICE_TYPES:
        burns = kind.heats and kind.energy in {"gas", "biomass", "coal"}
        assert ("back_draught" in kind.all_faults) is burns, kind.name


def test_building_classes_are_those_of_the_plan() -> None:
    load = {row.name: (row.low_w_m2, row.heat_load_w_m2, row.high_w_m2) for row in BUILDING_CLASSES}
    told = {
        "rural_traditional": (80, 95, 110),
        "rural_new_community": (50, 55, 60),
        "rural_public": (70, 85, 100),
        "urban_unrenovated": (60, 60, 60),
        "urban_renovated": (42, 42, 42),
        "urban_public_unrenovated": (62, 62, 62),
        "urban_public_renovated": (50, 50, 50),
    }
    assert {name: load[name] for name in told} == told
    first = {row.zh for row in BUILDING_CLASSES if row.priority}
    assert first == {"幼儿园", "中小学", "卫生院", "养老院", "便民服务中心"}


@pytest.mark.parametrize(
    ("name", "w_m2k"), [("rural_traditional", 2.57), ("rural_new_community", 1.49), ("rural_public", 2.30)]
)
def test_the_loss_of_a_building_is_that_of_the_simulation_page(name: str, w_m2k: float) -> None:
    assert BUILDING_CLASS[name].loss_w_m2k == pytest.approx(w_m2k, abs=0.005)


def test_a_building_outside_its_own_spread_is_refused() -> None:
    fields = BUILDING_CLASS["rural_public"].model_dump() | {"heat_load_w_m2": 101}
    with pytest.raises(ValidationError, match="low_w_m2 ≤ heat_load_w_m2 ≤ high_w_m2"):
        BuildingClass.model_validate(fields)
