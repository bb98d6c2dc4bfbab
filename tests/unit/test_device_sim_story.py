"""The fleet and the demo's story: deterministic, unique, and a story that fits."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogue.device_types import DEVICE_TYPE
from catalogue.wire import is_uid
from device_sim.county import County
from device_sim.faults.injection import Injection
from device_sim.fleet.fleet import Fleet
from device_sim.fleet.plan import TECHNOLOGIES, plan
from device_sim.runs.demo_story import demo_injections

NOON = datetime(2026, 1, 15, 4, tzinfo=UTC)
DEFAULT = plan(1)


@given(st.integers(0, 2**31), st.integers(1, 6), st.integers(0, 300))
@settings(max_examples=25, deadline=None)
def test_a_fleet_is_whole_and_unique(seed: int, villages: int, more: int) -> None:
    homes = villages + more
    fleet = plan(seed, homes, villages=villages)
    assert list(fleet.devices) == list(plan(seed, homes, villages=villages).devices)
    codes = [region.code for region in fleet.regions]
    assert len(set(codes)) == len(codes)
    for region in fleet.regions:
        assert region.parent is None or codes.index(region.parent) < codes.index(region.code)
        assert {"city": 6, "county": 6, "township": 9, "village": 12}[region.level] == len(region.code)
    assert len(fleet.villages) == villages
    assert len({home.code for home in fleet.homes}) == len(fleet.homes) == homes
    assert np.bincount(fleet.home_village).max() - np.bincount(fleet.home_village).min() <= 1
    uids = [device.uid for device in fleet.devices]
    assert len(set(uids)) == len(uids)
    assert all(map(is_uid, uids))
    assert all(device.type in DEVICE_TYPE and device.interval_s == 10 for device in fleet.devices)
    assert [contact.region for contact in fleet.contacts] == [village.code for village in fleet.villages]
    assert len({contact.phone for contact in fleet.contacts}) == villages
    assert all(re.fullmatch(r"1380000\d{4}", contact.phone) for contact in fleet.contacts)


def types_by_home(fleet: Fleet) -> dict[str, list[str]]:
    having: dict[str, list[str]] = {home.code: [] for home in fleet.homes}
    for device in fleet.devices:
        having[device.home].append(device.type)
    return having


def test_one_technology_a_village_and_detectors_where_gas_burns() -> None:
    fleet, having = DEFAULT, types_by_home(DEFAULT)
    for number, village in enumerate(fleet.villages):
        homes = [home.code for home in fleet.homes if home.village == village.code]
        assert len(homes) == 100
        assert all(having[code][:2] == [TECHNOLOGIES[number], "room_sensor"] for code in homes)
        with_detector = sum("co_detector" in having[code] for code in homes)
        assert with_detector == (100 if TECHNOLOGIES[number] == "gas_wall_boiler" else 34)


def test_intervals_can_be_the_catalogues_own() -> None:
    fleet = plan(1, 3, villages=1, interval_s=None)
    assert all(device.interval_s == DEVICE_TYPE[device.type].interval_s for device in fleet.devices)


@pytest.mark.parametrize(("villages", "homes"), [(0, 0), (3, 2), (3, 3000), (1, 1000)])
def test_a_fleet_that_does_not_fit_its_codes_is_refused(villages: int, homes: int) -> None:
    with pytest.raises(ValueError, match="plan 1–999 homes a village"):
        plan(1, homes, villages=villages)


def test_behind_a_gateway_everybody_but_the_gateway_is_named_by_it() -> None:
    fleet = plan(1, 20, villages=2, gateways=True)
    own = [device for device in fleet.devices if device.gateway is None]
    assert [device.type for device in own] == ["gateway", "gateway"]
    for device in fleet.devices:
        if device.gateway is not None:
            assert device.gateway[:4] == device.uid[:4], "of its own village"


def test_ten_thousand_homes_have_names_of_their_own() -> None:
    fleet = plan(3, 150_000)
    rows = [0, 99, 100, 77_777, 149_999]
    codes = {fleet.homes[row].code for row in rows}
    assert len(codes) == 5
    assert len({fleet.uid(int(row)) for row in np.linspace(0, len(fleet.device_home) - 1, 2000)}) == 2000
    assert all(is_uid(fleet.uid(int(row))) for row in np.linspace(0, len(fleet.device_home) - 1, 2000))


def home_of(fleet: Fleet, injection: Injection) -> str:
    (row,) = injection.homes
    return fleet.homes[row].code


@given(st.integers(0, 2**31), st.floats(2.0, 24 * 60.0))
@settings(deadline=None)
def test_the_story_fits_into_its_length(seed: int, minutes: float) -> None:
    story = {injection.fault: injection for injection in demo_injections(DEFAULT, seed, minutes)}
    assert story == {injection.fault: injection for injection in demo_injections(DEFAULT, seed, minutes)}
    assert set(story) == {"co_leak", "overheat", "power_cut"}
    leak, heat, cut = story["co_leak"], story["overheat"], story["power_cut"]
    total_s = minutes * 60
    assert all(injection.ends_s <= total_s for injection in story.values())
    # silent for three intervals of 10 s is seen before the power is back, and the return is seen before the end
    assert cut.ends_s - cut.at_s >= 30 + 10 + 10
    assert total_s - cut.ends_s >= 25
    # every device has reported before
    assert cut.at_s >= 30
    assert leak.homes != heat.homes
    assert len(cut.homes) == 100
    assert cut.village not in {leak.village, heat.village}
    assert {DEFAULT.homes[row].village for row in cut.homes} == {cut.village}
    assert {DEFAULT.devices[row].home for row in cut.devices} == {DEFAULT.homes[row].code for row in cut.homes}
    having = types_by_home(DEFAULT)
    assert "co_detector" in having[home_of(DEFAULT, leak)]
    assert "gas_wall_boiler" in having[home_of(DEFAULT, heat)]
    assert not DEFAULT.homes[leak.homes[0]].vacant
    assert not DEFAULT.homes[heat.homes[0]].vacant


def test_the_story_is_numbered_in_the_order_of_time() -> None:
    story = demo_injections(DEFAULT, 1, 3)
    assert [injection.number for injection in story] == [0, 1, 2]
    assert [injection.at_s for injection in story] == sorted(injection.at_s for injection in story)


@given(st.integers(0, 1000), st.integers(1, 2))
@settings(deadline=None, max_examples=30)
def test_a_smaller_fleet_plays_what_it_can(seed: int, villages: int) -> None:
    faults = [injection.fault for injection in demo_injections(plan(seed, 4 * villages, villages=villages), seed, 3)]
    assert faults == (["co_leak"] if villages == 1 else ["co_leak", "power_cut"])


def test_a_demo_below_two_minutes_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 minutes"):
        demo_injections(DEFAULT, 1, 1.9)


@pytest.mark.parametrize(("seed", "minutes"), [(0, 2.0), (7, 2.0), (42, 3.0), (7, 3.0), (0, 5.0), (42, 30.0)])
def test_the_story_can_be_seen_in_the_readings(seed: int, minutes: float) -> None:
    story = demo_injections(DEFAULT, seed, minutes)
    county = County(DEFAULT, seed, NOON, story)
    by_fault = {injection.fault: injection for injection in story}

    def device_in(fault: str, device_type: str) -> int:
        return next(row for row in by_fault[fault].devices if DEFAULT.devices[row].type == device_type)

    detector, boiler = device_in("co_leak", "co_detector"), device_in("overheat", "gas_wall_boiler")
    over: dict[str, float] = {}
    alarm_on_s = None
    dark: set[str] = set()
    for second in range(int(minutes * 60)):
        happened = county.step(1.0)
        for bit in happened.alarms:
            assert bit.device in {detector, boiler}
            if bit.on and bit.type == "co_alarm":
                alarm_on_s = county.now_s
        dark |= {DEFAULT.devices[row].home[:12] for row in happened.off.tolist()}
        for batch in county.measure(np.array([detector, boiler]), 1000 * second):
            for name, metric, limit in (("co", "co_ppm", 300), ("95", "flow_c", 95), ("102", "flow_c", 102)):
                if metric in batch.columns and batch.columns[metric][0] >= limit:
                    over.setdefault(name, county.now_s)
    assert set(over) == {"co", "95", "102"}
    assert alarm_on_s is not None
    assert dark == {by_fault["power_cut"].village}
    # two more readings and their rules fit before the end
    assert max(over["co"], over["102"], alarm_on_s) <= minutes * 60 - 8
    if minutes == 3.0:
        assert 20 <= over["co"] - by_fault["co_leak"].at_s <= 30
