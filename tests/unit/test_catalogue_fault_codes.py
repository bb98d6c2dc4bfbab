"""Makers' fault codes: a wrong table is named by file, table and code; the shipped ones can be looked up both ways."""

from __future__ import annotations

import string

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from catalogue.device_types import DEVICE_TYPE, DEVICE_TYPES, DeviceType
from catalogue.fault_codes import FAULT_CODES, FaultCode, _meet, canonical, code_for, parse_fault_codes, same_code
from catalogue.faults import FAULT
from foundation.errors import CatalogueError

SIMULATED = [row for row in FAULT_CODES if row.vendor == "nuanshao-sim"]


def table(*codes: tuple[str, str], **more: object) -> dict[str, object]:
    return {
        "vendor": "acme", "type": "gas_wall_boiler", "confidence": "S", "source": "a manual",
        "codes": [{"code": code, "fault": fault} for code, fault in codes or (("E1", "overheat"),)],
        **more,
    }  # fmt: skip


def parse(*tables: object) -> tuple[FaultCode, ...]:
    return parse_fault_codes(yaml.safe_dump(list(tables), allow_unicode=True), "codes.yaml")


def test_a_code_takes_its_faults_lockout_unless_the_document_says_otherwise() -> None:
    stays, goes = parse(
        {
            **table(),
            "codes": [{"code": "E1", "fault": "overheat"}, {"code": "E2", "fault": "overheat", "lockout": False}],
        }
    )
    assert FAULT["overheat"].lockout
    assert (stays.lockout, goes.lockout) == (True, False)
    assert (stays.vendor, stays.models, stays.code, stays.source) == ("acme", "*", "E1", "a manual")


@pytest.mark.parametrize(
    ("tables", "named"),
    [
        ([table(("E1", "melted"))], "codes.yaml, row 1, : Value error, code E1: unknown fault 'melted'"),
        (
            [table(("E1", "core_hot"))],
            "codes.yaml, row 1, : Value error, code E1: gas_wall_boiler cannot have core_hot",
        ),
        ([table(type="oven")], "codes.yaml, row 1, : Value error, type: unknown device type 'oven'"),
        (
            [table(confidence="M")],
            "codes.yaml, row 1, : Value error, source: what is from memory must say 'unconfirmed'",
        ),
        ([table(confidence="sure")], "codes.yaml, row 1, confidence: "),
        ([table(vendor="Acme Ltd")], "codes.yaml, row 1, vendor: "),
        ([table(source=" ")], "codes.yaml, row 1, source: "),
        ([table(codes=[])], "codes.yaml, row 1, codes: "),
        ([table(models="L[12]")], "codes.yaml, row 1, models: "),
        ([table(), table((" ", "overheat"))], "codes.yaml, row 2, codes.0.code: "),
        ([table(), table()], "codes.yaml, row 2, code E1: row 1 says what acme * means by it already"),
        ([table(("E1", "overheat"), ("e.1", "fan_failed"))], "codes.yaml, row 1, code e.1: row 1 says what acme *"),
        ([table(models="L1*"), table(models="*20")], "codes.yaml, row 2, code E1: row 1 says what acme L1* means"),
        ([table(models="L1PB20"), table(models="l1pb20")], "codes.yaml, row 2, code E1: row 1 says what acme L1PB20"),
        (["text"], "codes.yaml, row 1, : "),
    ],
)
def test_a_wrong_table_is_named_by_file_row_and_code(tables: list[object], named: str) -> None:
    with pytest.raises(CatalogueError) as refused:
        parse(*tables)
    assert str(refused.value).startswith(named)
    assert "\n" not in str(refused.value)
    assert refused.value.do


def test_a_file_that_is_no_list_of_tables_is_refused() -> None:
    with pytest.raises(CatalogueError, match=r"codes\.yaml: expected a list of rows"):
        parse_fault_codes("{}", "codes.yaml")


@pytest.mark.parametrize(
    "others",
    [
        table(vendor="emca"),
        table(("E1", "high_pressure"), type="air_source_heat_pump"),
        table(models="L1PB20"),
        table(models="L*"),
        table(("E11", "fan_failed")),
    ],
)
def test_the_same_code_may_mean_something_else_elsewhere(others: dict[str, object]) -> None:
    assert len(parse(table(), others)) == 2


def test_tables_for_models_that_have_nothing_in_common_do_not_disturb_each_other() -> None:
    assert len(parse(table(models="L1*"), table(models="K1*"))) == 2


@given(
    one=st.text(alphabet="ab*?", max_size=6), other=st.text(alphabet="ab*?", max_size=6), name=st.text("ab", max_size=6)
)
def test_patterns_that_both_fit_a_name_are_known_to_meet(one: str, other: str, name: str) -> None:
    def fits(pattern: str) -> bool:
        return FaultCode("v", pattern, "t", "c", "f", "", False, "S", "s").fits(name)

    if fits(one) and fits(other):
        assert _meet(one, other)


@pytest.mark.parametrize(
    ("one", "other", "meets"),
    [("", "", True), ("*", "", True), ("a", "", False), ("a*", "*b", True), ("a*", "b*", False), ("a?", "ab", True),
     ("a?", "a", False), ("*a", "b?", True), ("**", "abc", True)],
)  # fmt: skip
def test_whether_patterns_meet(one: str, other: str, *, meets: bool) -> None:
    assert _meet(one, other) is meets
    assert _meet(other, one) is meets


@pytest.mark.parametrize("code", ["F.22", "f22", "F 22", " F.22 ", "F-22"])
def test_a_code_is_read_as_displays_and_manuals_write_it(code: str) -> None:
    found = canonical("vaillant", "ecoTEC plus VU 246/5-5", "gas_wall_boiler", code)
    assert found is not None
    assert (found.fault, found.lockout, found.confidence) == ("low_water_pressure", True, "S")


@pytest.mark.parametrize(
    ("vendor", "model", "device_type", "code"),
    [
        ("vaillant", "ecoTEC", "gas_wall_boiler", "F.99"),
        ("vaillant", "auroSTEP", "gas_wall_boiler", "F.22"),
        ("vaillant", "", "gas_wall_boiler", "F.22"),
        ("vaillant", "ecoTEC", "air_source_heat_pump", "F.22"),
        ("nobody", "ecoTEC", "gas_wall_boiler", "F.22"),
        ("vaillant", "ecoTEC", "gas_wall_boiler", ""),
    ],
)
def test_what_no_table_knows_is_not_guessed(vendor: str, model: str, device_type: str, code: str) -> None:
    assert canonical(vendor, model, device_type, code) is None


def test_the_table_that_names_the_model_most_closely_counts() -> None:
    close = canonical("midea", "MHC-V8W/D2N8-B", "air_source_heat_pump", "P4")
    general = canonical("midea", "MHA-V8W", "air_source_heat_pump", "P4")
    unknown = canonical("midea", "", "air_source_heat_pump", "P4")
    assert close is not None
    assert general is not None
    assert (close.confidence, general.confidence) == ("S", "2")
    assert unknown == general
    exact, prefix, anything = (
        FaultCode("v", models, "t", "c", "f", "", False, "S", "s").exactness
        for models in ("L1PB20", "L1PB20-condensing*", "*")
    )
    assert exact > prefix > anything


def test_one_code_says_different_things_at_different_makers() -> None:
    meanings = {
        vendor: found.fault
        for vendor, kind in (("daikin", "air_source_heat_pump"), ("gree", "hot_air_heat_pump"))
        for model in ("ERHQ011", "GUD50PS/A-T")
        if (found := canonical(vendor, model, kind, "E1")) is not None
    }
    assert meanings == {"daikin": "control_failed", "gree": "high_pressure"}


def test_the_numbers_of_the_safety_page_are_in_the_tables() -> None:
    told = {
        (vendor, code): found.fault
        for vendor, model, code in (
            ("ariston", "", "101"), ("ariston", "", "1 08"), ("ariston", "Clas HE", "501"),
            ("vokera", "Linea 24", "02"), ("vokera", "", "04"), ("viessmann", "Vitodens 100-W", "F5"),
        )
        if (found := canonical(vendor, model, "gas_wall_boiler", code)) is not None
    }  # fmt: skip
    assert told == {
        ("ariston", "101"): "overheat", ("ariston", "1 08"): "low_water_pressure",
        ("ariston", "501"): "ignition_failed",
        ("vokera", "02"): "overheat", ("vokera", "04"): "low_water_pressure", ("viessmann", "F5"): "flue_blocked",
    }  # fmt: skip


@pytest.mark.parametrize("vendor", dict.fromkeys(row.vendor for row in FAULT_CODES))
def test_every_code_maps_to_a_fault_that_its_type_can_have_and_back(vendor: str) -> None:
    for row in (one for one in FAULT_CODES if one.vendor == vendor):
        assert row.fault in DEVICE_TYPE[row.type].all_faults
        assert row.source
        model = row.models.replace("*", "").replace("?", "x")
        found = canonical(vendor, model, row.type, row.code)
        assert found is not None
        assert found == row or found.exactness > row.exactness
        back = code_for(vendor, model, row.fault, row.type)
        again = canonical(vendor, model, row.type, back or "")
        assert again is not None
        assert again.fault == row.fault


@pytest.mark.parametrize("kind", [kind for kind in DEVICE_TYPES if kind.reports], ids=lambda kind: kind.name)
def test_the_simulator_can_say_every_fault_of_a_type(kind: DeviceType) -> None:
    codes = [code_for("nuanshao-sim", "", fault, kind.name) for fault in kind.all_faults]
    assert None not in codes
    assert len(set(codes)) == len(codes)
    for code, fault in zip(codes, kind.all_faults, strict=True):
        found = canonical("nuanshao-sim", "anything", kind.name, code or "")
        assert found is not None
        assert found.fault == fault


def test_what_the_simulator_says_is_marked_as_invented() -> None:
    assert SIMULATED
    assert {(row.confidence, row.source) for row in SIMULATED} == {("A", "invented for the simulator")}
    assert all(row.confidence != "A" for row in FAULT_CODES if row not in SIMULATED)


def test_without_a_type_the_first_fitting_code_of_the_vendor_is_taken() -> None:
    assert code_for("kidde", "K7DCO", "battery_low") == "Lb"
    assert code_for("kidde", "K7DCO", "battery_low", "gateway") is None
    assert code_for("kidde", "", "battery_low") is None, "its table is for K7 models only"
    assert code_for("nobody", "", "battery_low") is None


@given(code=st.text(string.ascii_letters + string.digits + " .-", max_size=8))
def test_reading_a_code_twice_reads_the_same(code: str) -> None:
    assert same_code(same_code(code)) == same_code(code.swapcase()) == same_code(f" {code} ")
