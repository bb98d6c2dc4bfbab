"""A fleet of homes that somebody names: what can be played there is, the rest is left out."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from device_sim.county import County
from device_sim.fleet.fleet import Device, Home
from device_sim.fleet.given import UNKNOWN_HEATING, fleet_of, heating_of, playable
from device_sim.fleet.places import Region

VILLAGES = [Region("150521101202", "乙", "village", None), Region("150521101201", "甲", "village", None)]


def home(code: str, village: str, heating: str) -> Home:
    return Home(code, village, "", False, False, heating, "rural_traditional", 80.0)


def test_homes_stand_by_village_the_plants_first_and_devices_find_their_homes_and_gateway() -> None:
    homes = [
        home("b", "150521101201", "gas_wall_boiler"),
        home("d", "150521101202", "heat_substation"),
        home("c", "150521101202", "heat_substation"),
    ]
    devices = [
        Device("gw-1", "gateway", "", "b", 60),
        Device("x-1", "gas_wall_boiler", "", "b", 10, "gw-1"),
        Device("x-2", "heat_substation", "", "d", 10, "gw-1"),
        Device("x-3", "room_sensor", "", "c", 10, "gw-1"),
        Device("x-4", "gas_meter", "", "c", 10, "gw-1"),
    ]
    fleet = fleet_of(VILLAGES, homes, devices)
    assert [one.code for one in fleet.homes] == ["d", "c", "b"]
    assert [one.uid for one in fleet.devices] == ["gw-1", "x-1", "x-2", "x-3"], "no gas meter where there is no gas"
    assert [one.home for one in fleet.devices] == ["b", "b", "d", "c"]
    assert [one.gateway for one in fleet.devices] == [None, "gw-1", "gw-1", "gw-1"]
    county = County(fleet, 1, datetime(2026, 1, 15, tzinfo=UTC))
    for _ in range(60):
        county.step(60.0)
    batches = county.measure(np.arange(len(fleet.devices)), 0)
    assert [batch.type for batch in batches] == ["gas_wall_boiler", "heat_substation", "room_sensor", "gateway"]
    assert all(np.isfinite(values).all() for batch in batches for values in batch.columns.values())


def test_what_heats_a_home_is_read_from_its_devices() -> None:
    assert heating_of(["room_sensor", "pellet_stove"]) == "pellet_stove"
    assert heating_of(["co_detector", "room_sensor"]) == UNKNOWN_HEATING
    assert playable("co_detector", "pellet_stove")
    assert not playable("gas_wall_boiler", "pellet_stove")
    assert not playable("clean_coal_stove", "clean_coal_stove"), "it has no connection"
