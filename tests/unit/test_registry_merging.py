"""What a row of a file makes of what the registry holds."""

from __future__ import annotations

from datetime import date

import pytest

from catalogue.device_types import DEVICE_TYPE
from registry.merging import Merged, may_log_in, merge
from registry.results import Result
from registry.rows import Parsed, parse
from registry.sheets import read_csv
from registry.tables import tables
from store.registry_rows import DeviceRow, HomeRow

TODAY = date(2026, 1, 15)
DETECTOR = DeviceRow("kz01-co", "co_detector", "JT-CO1", home="h1", interval_s=999, state="accepted", owner="镇政府")


def row(text: str, file: str = "x.csv") -> Parsed:
    (table,) = tables([read_csv(text.encode(), file)], None)
    (found,) = parse(table)
    assert isinstance(found, Parsed), found
    return found


def merged(text: str, before: DeviceRow | HomeRow | None = None) -> Merged:
    found = merge(row(text), before, TODAY)
    assert isinstance(found, Merged), found
    return found


def refused(text: str, before: DeviceRow | None = None) -> Result:
    found = merge(row(text), before, TODAY)
    assert isinstance(found, Result), found
    return found


def test_a_new_device_takes_what_is_usual() -> None:
    found = merged("uid,type\nkz01-co,co_detector\n")
    assert found.after == DeviceRow("kz01-co", "co_detector", interval_s=DEVICE_TYPE["co_detector"].interval_s)
    assert (found.outcome, found.result.fields) == ("added", ())


def test_columns_that_the_file_lacks_stay_as_they_were() -> None:
    found = merged("uid,type,model\nkz01-co,co_detector,JT-CO2\n", DETECTOR)
    assert (found.outcome, found.fields) == ("changed", ("model",))
    assert isinstance(found.after, DeviceRow)
    assert (found.after.interval_s, found.after.owner, found.after.home) == (999, "镇政府", "h1")


def test_an_empty_cell_empties_but_a_state_and_a_day_stay() -> None:
    found = merged("uid,type,home,owner,interval_s,state,installed_on\nkz01-co,co_detector,,,,,\n", DETECTOR)
    assert found.fields == ("home", "interval_s", "owner")
    assert isinstance(found.after, DeviceRow)
    assert (found.after.state, found.after.interval_s) == ("accepted", DEVICE_TYPE["co_detector"].interval_s)


def test_the_same_again_is_unchanged() -> None:
    assert merged("uid,type,model,interval_s\nkz01-co,co_detector,JT-CO1,999\n", DETECTOR).outcome == "unchanged"


@pytest.mark.parametrize(
    ("state", "why", "expected"),
    [
        ("planned", "there is no way from accepted to planned", "accepted or in_service or stored or retired"),
        ("installed", "there is no way from accepted to installed", "accepted or in_service or stored or retired"),
    ],
)
def test_an_impossible_step_is_refused(state: str, why: str, expected: str) -> None:
    result = refused(f"uid,type,state\nkz01-co,co_detector,{state}\n", DETECTOR)
    assert (result.column, result.why, result.expected) == ("state", why, expected)


def test_a_day_to_come_is_refused() -> None:
    result = refused("uid,type,installed_on\nkz01-co,co_detector,2026-01-16\n")
    assert (result.column, result.why) == ("installed_on", "2026-01-16 is still to come")


def test_a_home_of_a_class_keeps_its_own_area() -> None:
    before = HomeRow("h1", "v1", area_m2=86.5, building_class="school")
    found = merged("code,village,building_class\nh1,v1,\n", before)
    assert found.after == HomeRow("h1", "v1", area_m2=86.5, building_class="rural_traditional")


@pytest.mark.parametrize(
    ("device", "may"),
    [
        (DeviceRow("kz01-co", "co_detector"), True),
        (DeviceRow("kz01-gw", "gateway"), True),
        (DeviceRow("kz01-co", "co_detector", gateway="kz01-gw"), False),
        (DeviceRow("kz01-cs", "clean_coal_stove"), False),
        (DeviceRow("kz01-co", "co_detector", state="retired"), False),
        (DeviceRow("kz01-co", "co_detector", state="planned"), True),
    ],
)
def test_who_needs_a_password(device: DeviceRow, *, may: bool) -> None:
    assert may_log_in(device) is may
