"""The fleet and the demo's schedule: deterministic, unique, and a story that fits."""

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
from device_sim.faults.faults import Faults, showing_device
from device_sim.faults.schedule import Event, demo_events
from device_sim.fleet.fleet import HEATERS, Fleet, plan
from foundation.errors import NotFound

NOON = datetime(2026, 1, 15, 4, tzinfo=UTC)
DEFAULT = plan(1)


@given(st.integers(0, 2**31), st.integers(1, 6), st.integers(1, 120))
@settings(max_examples=25, deadline=None)
def test_a_fleet_is_whole_and_unique(seed: int, villages: int, homes: int) -> None:
    fleet = plan(seed, villages, homes)
    assert fleet == plan(seed, villages, homes)
    codes = [region.code for region in fleet.regions]
    assert len(set(codes)) == len(codes)
    for region in fleet.regions:
        assert region.parent is None or codes.index(region.parent) < codes.index(region.code)
        assert {"city": 6, "county": 6, "township": 9, "village": 12}[region.level] == len(region.code)
    assert len(fleet.villages) == villages
    assert len({home.code for home in fleet.homes}) == len(fleet.homes) == villages * homes
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
        assert all(having[code][:2] == [HEATERS[number], "room_sensor"] for code in homes)
        with_detector = sum("co_detector" in having[code] for code in homes)
        assert with_detector == (100 if HEATERS[number] == "gas_wall_boiler" else 34)


def test_intervals_can_be_the_catalogues_own() -> None:
    fleet = plan(1, 1, 3, interval_s=None)
    assert all(device.interval_s == DEVICE_TYPE[device.type].interval_s for device in fleet.devices)


@pytest.mark.parametrize(("villages", "homes"), [(0, 10), (100, 10), (3, 0), (3, 1000)])
def test_a_fleet_that_does_not_fit_its_codes_is_refused(villages: int, homes: int) -> None:
    with pytest.raises(ValueError, match="plan 1–99 villages"):
        plan(1, villages, homes)


@given(st.integers(0, 2**31), st.floats(2.0, 24 * 60.0))
def test_the_story_fits_into_its_length(seed: int, minutes: float) -> None:
    events = {event.kind: event for event in demo_events(DEFAULT, seed, minutes)}
    assert events == {event.kind: event for event in demo_events(DEFAULT, seed, minutes)}
    assert set(events) == {"co_leak", "overheat", "power_cut"}
    leak, heat, cut = events["co_leak"], events["overheat"], events["power_cut"]
    total_s = minutes * 60
    assert all(event.ends_s <= total_s for event in events.values())
    # silent for three intervals of 10 s is seen before the power is back, and the return is seen before the end
    assert cut.duration_s >= 30 + 10 + 10
    assert total_s - cut.ends_s >= 25
    # every device has reported before
    assert cut.at_s >= 30
    assert leak.home != heat.home
    assert cut.home is None
    assert cut.village not in {leak.village, heat.village}
    homes = {home.code: home for home in DEFAULT.homes}
    having = types_by_home(DEFAULT)
    assert leak.home is not None
    assert heat.home is not None
    assert "co_detector" in having[leak.home]
    assert "gas_wall_boiler" in having[heat.home]
    assert not homes[leak.home].vacant
    assert not homes[heat.home].vacant


@given(st.integers(0, 1000), st.integers(1, 2))
def test_a_smaller_fleet_plays_what_it_can(seed: int, villages: int) -> None:
    kinds = [event.kind for event in demo_events(plan(seed, villages, 4), seed, 3)]
    assert kinds == (["co_leak"] if villages == 1 else ["co_leak", "power_cut"])


def test_a_demo_below_two_minutes_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 minutes"):
        demo_events(DEFAULT, 1, 1.9)


@pytest.mark.parametrize("minutes", [2.0, 3.0, 5.0, 30.0])
@pytest.mark.parametrize("seed", [0, 7, 42])
def test_the_story_can_be_seen_in_the_readings(seed: int, minutes: float) -> None:
    events = demo_events(DEFAULT, seed, minutes)
    rows = {device.uid: row for row, device in enumerate(DEFAULT.devices)}
    county = County(DEFAULT, seed, NOON, events)
    by_kind = {event.kind: event for event in events}
    detector = rows[str(showing_device(DEFAULT, by_kind["co_leak"]))]
    boiler = rows[str(showing_device(DEFAULT, by_kind["overheat"]))]
    over: dict[str, float] = {}
    alarm_on_s = None
    dark: set[str] = set()
    for _ in range(int(minutes * 60)):
        happened = county.step(1.0)
        for bit in happened.alarms:
            assert bit.device == detector
            if bit.on:
                alarm_on_s = county.now_s
        dark |= {DEFAULT.devices[row].home[:12] for row in happened.off.tolist()}
        co, water = county.metrics(np.array([detector, boiler]))
        for name, value, limit in (
            ("co", co["co_ppm"], 300),
            ("95", water["flow_c"], 95),
            ("102", water["flow_c"], 102),
        ):
            if value >= limit:
                over.setdefault(name, county.now_s)
    assert set(over) == {"co", "95", "102"}
    assert alarm_on_s is not None
    assert dark == {by_kind["power_cut"].village}
    # two more readings and their rules fit before the end
    assert max(over["co"], over["102"], alarm_on_s) <= minutes * 60 - 8
    if minutes == 3.0:
        assert 20 <= over["co"] - by_kind["co_leak"].at_s <= 30


def test_events_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="neither may be negative"):
        Event("power_cut", -1.0, 10.0, "v")
    with pytest.raises(ValueError, match="a power cut hits a village"):
        Event("power_cut", 1.0, 10.0, "v", home="h")
    home = next(home for home in DEFAULT.homes if "co_detector" not in types_by_home(DEFAULT)[home.code])
    with pytest.raises(NotFound, match="no co_detector there"):
        showing_device(DEFAULT, Event("co_leak", 1.0, 10.0, home.village, home.code, 100.0))


def test_faults_act_while_their_event_runs_and_only_there() -> None:
    events = (Event("co_leak", 10.0, 5.0, "v1", "h1", 120.0), Event("power_cut", 12.0, 5.0, "v2"))
    faults = Faults(events, ["h0", "h1", "h2"], ["v1", "v1", "v2"])
    assert [sorted(faults.active(at)) for at in (9.9, 10.0, 12.0, 15.0, 17.0)] == [[], [0], [0, 1], [1], []]
    assert faults.co_rise_ppm_min({0}).tolist() == [0.0, 120.0, 0.0]
    assert faults.powered({0, 1}).tolist() == [True, True, False]
    assert np.isnan(faults.overheat_c({0, 1})).all()
