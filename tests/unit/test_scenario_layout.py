"""A scenario over a fleet: the seed draws who is hit, nobody is hit twice by chance, and what cannot be is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_sim.faults.fault_rows import FAULT
from device_sim.faults.injection import Injection
from device_sim.fleet.fleet import HEATINGS, TYPES, Fleet
from device_sim.fleet.plan import plan
from device_sim.scenario.lay_out import lay_out
from device_sim.scenario.parse import parse_scenario
from foundation.errors import ScenarioError

TECHNOLOGIES = ("gas_wall_boiler", "air_source_heat_pump", "pellet_stove", "gas_boiler_plant", "loose_coal")
FLEET = plan(5, 250, villages=5, technologies=TECHNOLOGIES)
HEAD = "name: night\nen: a night\nzh: 一夜\nlasts: 01:00\ntimeline:\n"
FIRST_VILLAGE = FLEET.villages[0].code


def laid(*entries: str, fleet: Fleet = FLEET, seed: int = 1) -> tuple[Injection, ...]:
    text = HEAD + "".join(f"  - {{at: 00:05, {entry}}}\n" for entry in entries)
    return lay_out(parse_scenario(text, "night.yaml"), fleet, seed)


def refused(*entries: str, fleet: Fleet = FLEET) -> list[str]:
    with pytest.raises(ScenarioError) as wrong:
        laid(*entries, fleet=fleet)
    return wrong.value.what.splitlines()


def homes_of(injections: tuple[Injection, ...], number: int) -> set[int]:
    return {home for each in injections if each.number == number for home in each.homes}


def test_homes_and_devices_by_name() -> None:
    code, uid = FLEET.homes[3].code, FLEET.devices[0].uid
    leak, stuck = laid(f"fault: co_leak, home: {code}, for: 00:10, strength: 7", f"fault: value_stuck, device: {uid}")
    assert (leak.homes, leak.devices, leak.village) == ((3,), tuple(FLEET.devices_of(3)), FIRST_VILLAGE)
    assert (leak.at_s, leak.ends_s, leak.strength, leak.number, leak.line) == (300, 900, 7, 0, 6)
    assert (stuck.devices, stuck.homes, stuck.number, stuck.ends_s) == ((0,), (0,), 1, 3601)


@pytest.mark.parametrize("village", ["2", FLEET.villages[1].code])
def test_a_village_by_code_or_place(village: str) -> None:
    (cut,) = laid(f"fault: power_cut, village: {village}")
    rows = np.flatnonzero(FLEET.home_village == 1)
    assert cut.homes == tuple(rows.tolist())
    assert cut.devices == tuple(np.flatnonzero(FLEET.home_village[FLEET.device_home] == 1).tolist())
    assert cut.village == FLEET.villages[1].code


def test_what_is_scored_is_one_event_a_place_and_the_rest_one_an_entry() -> None:
    injections = laid(
        "fault: co_leak, homes: {count: 3}",
        "fault: window_open, homes: {count: 3}",
        "fault: detector_dead, devices: {count: 2}",
        "fault: flapping, devices: {count: 4}",
        "fault: low_voltage, villages: {count: 2}",
        "fault: cold_wave",
    )
    numbers = [each.number for each in injections]
    assert numbers == [0, 0, 0, 1, 2, 2, 3, 4, 4, 5]
    assert len(injections[3].homes) == 3
    assert len(injections[6].homes) == 4
    assert injections[6].devices == tuple(device for home in injections[6].homes for device in FLEET.devices_of(home))
    assert injections[-1].homes == injections[-1].devices == ()
    assert all(each.devices == (device,) for each in injections[4:6] for device in each.devices)


def test_a_choice_takes_only_what_fits() -> None:
    injections = laid(
        "fault: blocked_flue, homes: {count: 9, heating: pellet_stove, occupied: true, with: co_detector}",
        "fault: water_leak, homes: {share: 0.2, vulnerable: true}",
        "fault: co_leak, homes: {count: 5, village: 2, without: co_detector, building_class: rural_traditional}",
        "fault: link_down, devices: {count: 3, types: [co_detector, room_sensor], heating: loose_coal}",
        "fault: home_dark, homes: {count: 2, occupied: false}",
    )
    homes, detector = FLEET.homes, TYPES.index("co_detector")
    for home in homes_of(injections, 0):
        assert homes[home].heating == "pellet_stove"
        assert not homes[home].vacant
    can_leak = [home for home in homes if home.heating in FAULT["water_leak"].types and home.vulnerable]
    assert len(homes_of(injections, 1)) == round(0.2 * len(can_leak))
    for home in homes_of(injections, 1):
        assert homes[home].vulnerable
        assert homes[home].heating in FAULT["water_leak"].types
    for home in homes_of(injections, 2):
        assert homes[home].village == FLEET.villages[1].code
        assert homes[home].building_class == "rural_traditional"
        assert detector not in FLEET.device_type[FLEET.devices_of(home)]
    down = [each for each in injections if each.number == 3]
    assert {TYPES[FLEET.device_type[each.devices[0]]] for each in down} == {"co_detector", "room_sensor"}
    assert len({each.homes for each in down}) == 3
    assert all(homes[home].vacant for home in homes_of(injections, 4))


def test_one_plant_is_one_fault_however_many_homes_it_heats() -> None:
    assert len(laid("fault: overheat, homes: {all: true, heating: gas_boiler_plant}")) == 1
    (plant,) = laid("fault: overheat, homes: {count: 1, heating: gas_boiler_plant}")
    assert "gas_boiler_plant" in {TYPES[FLEET.device_type[device]] for device in plant.devices}
    heated = next(home.code for home in FLEET.homes[::-1] if home.heating == "gas_boiler_plant")
    (line,) = refused(f"fault: overheat, home: {heated}")
    assert f"overheat cannot happen in {heated}, heated by gas_boiler_plant; its plant stands in another home" in line


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 2**16))
def test_nobody_is_hit_twice_by_chance(seed: int, fleet_seed: int) -> None:
    fleet = plan(fleet_seed, 120, villages=6, technologies=TECHNOLOGIES)
    named = fleet.homes[7].code
    injections = laid(
        "fault: window_open, homes: {share: 0.3, occupied: true}",
        "id: dark, fault: power_cut, villages: {count: 2}",
        "fault: co_leak, homes: {count: 8}",
        f"fault: co_leak, home: {named}",
        "id: all, fault: duplicates, devices: {all: true}",
        "fault: flapping, devices: {count: 5, not_in: dark}",
        "fault: co_leak, homes: {same_as: dark, count: 2}",
        fleet=fleet,
        seed=seed,
    )
    by_entry = [homes_of(injections, number) for number in range(7)]
    for one in (0, 1, 2, 3, 5):
        for other in (0, 1, 2, 3, 5):
            assert one == other or not by_entry[one] & by_entry[other]
    assert len(by_entry[4]) == 120
    assert by_entry[6] < by_entry[1]
    again = laid("fault: window_open, homes: {count: 9}", fleet=fleet, seed=seed)
    assert again == laid("fault: window_open, homes: {count: 9}", fleet=fleet, seed=seed)


def test_another_seed_draws_other_homes() -> None:
    drawn = {laid("fault: co_leak, homes: {count: 4}", seed=seed)[0].homes for seed in range(20)}
    assert len(drawn) > 10


def test_same_as_is_the_same_home() -> None:
    dead, leak = laid(
        "id: blind, fault: detector_dead, homes: {count: 1, occupied: true}",
        "fault: co_leak, homes: {same_as: blind}, unseen: true",
    )
    assert dead.homes == leak.homes
    assert (dead.unseen, leak.unseen) == (False, True)


def test_not_in_keeps_even_all_out() -> None:
    cut, doubled, some = laid(
        "id: dark, fault: power_cut, villages: {count: 1}",
        "id: twice, fault: duplicates, devices: {all: true, not_in: dark}",
        "fault: flapping, devices: {same_as: twice, heating: loose_coal, not_in: [dark]}",
    )
    assert set(doubled.homes) == set(range(250)) - set(cut.homes)
    assert some.homes
    assert not set(some.homes) & set(cut.homes)


def test_a_village_fault_hits_the_homes_that_can_have_it_and_all_devices() -> None:
    (cut,) = laid("fault: gas_cut, villages: {count: 1, heating: gas_boiler_plant}")
    assert {HEATINGS[FLEET.home_heating[home]] for home in cut.homes} == {"gas_boiler_plant"}
    assert set(FLEET.device_home[list(cut.devices)].tolist()) == set(cut.homes)


def test_a_village_fault_takes_homes_that_cannot_have_it_too() -> None:
    heating = FLEET.home_heating.copy()
    heating[:25] = HEATINGS.index("heating_film")
    mixed = replace(FLEET, home_heating=heating)
    cut, *leaks = laid("fault: gas_cut, village: 1", "fault: co_leak, homes: {count: 199}", fleet=mixed)
    assert cut.homes == tuple(range(25, 50))
    assert min(leak.homes[0] for leak in leaks) >= 50


def test_a_lost_gateway_takes_its_devices_along() -> None:
    fleet = plan(1, 30, villages=2, gateways=True)
    (loss,) = laid("fault: gateway_loss, village: 1, backlog: backfill, back_within: 5s", fleet=fleet)
    types = [TYPES[fleet.device_type[device]] for device in loss.devices]
    assert types.count("gateway") == 1
    assert set(loss.devices) == set(np.flatnonzero(fleet.home_village[fleet.device_home] == 0).tolist())
    assert (loss.backfill, loss.back_within_s) == (True, 5.0)
    assert "no device there is behind a gateway" in refused("fault: gateway_loss, village: 1")[0]


def test_what_the_fleet_cannot_play_is_said_in_one_go() -> None:
    heated = FLEET.homes[60].code
    found = refused(
        "fault: co_leak, home: 150521101201-999",
        "fault: co_leak, home: nowhere",
        f"fault: blocked_flue, home: {heated}",
        "fault: power_cut, village: 9",
        "fault: power_cut, village: 150521101299",
        "fault: link_down, device: kz99",
        "fault: detector_dead, device: kz01-001-rs",
        "fault: refrigerant_leak, homes: {count: 60}",
        "fault: defrost_failed, homes: {all: true, heating: hot_air_heat_pump}",
        "fault: gas_cut, village: 2",
        "fault: power_cut, villages: {count: 3}",
        "fault: cell_outage, villages: {count: 3}",
    )
    last = FLEET.homes[249].code
    expected = [
        f"there is no home '150521101201-999' in this fleet; expected one from {FIRST_VILLAGE}-001 to",
        f"there is no home 'nowhere' in this fleet; expected one from {FIRST_VILLAGE}-001 to {last}",
        f"blocked_flue cannot happen in {heated}, heated by air_source_heat_pump; expected gas_wall_boiler or",
        "there is no village 9; expected 1 to 5, or a village's code",
        f"there is no village '150521101299'; expected 1 to 5, or a code from {FIRST_VILLAGE} to",
        f"there is no device 'kz99' in this fleet; expected a uid such as {FLEET.devices[0].uid}",
        "detector_dead cannot happen to kz01-001-rs; expected a co_detector",
        "refrigerant_leak wants 60 homes; expected that many in this fleet, but 50 fit",
        "defrost_failed wants homes; expected that many in this fleet, but 0 fit",
        "gas_cut cannot happen there; expected a village with gas_wall_boiler or gas_boiler_plant",
        "cell_outage wants 3 villages; expected that many in this fleet, but 2 fit and 3 more belong to other entries",
    ]
    lines = [int(line.split(":")[1]) for line in found]
    assert lines == sorted(lines)
    assert len(found) == len(expected)
    for line, text in zip(found, expected, strict=True):
        assert text in line
