"""What the county measures: the same bytes each time, the catalogue's metrics, values that a sensor could show."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest

from catalogue.device_types import DEVICE_TYPE
from catalogue.event_types import EVENT_TYPE
from catalogue.metrics import METRIC
from device_sim.county import County
from device_sim.faults.schedule import Event, demo_events
from device_sim.fleet.fleet import plan
from device_sim.sensors.readings import event_payload, status_payload

NOON = datetime(2026, 1, 15, 4, tzinfo=UTC)
FLEET = plan(5, 3, 12)
EVERYBODY = np.arange(len(FLEET.devices))


def recorded(seed: int, *, fleet_seed: int = 5, steps: int = 150) -> list[bytes]:
    fleet = plan(fleet_seed, 3, 12)
    county = County(fleet, seed, NOON, demo_events(fleet, seed, 2.5))
    payloads = []
    for step in range(steps):
        county.step(1.0)
        due = np.flatnonzero((step % 10 == EVERYBODY % 10) & county.powered)
        payloads += [reading.payload for reading in county.readings(due, 1_768_449_600_000 + step * 1000)]
    return payloads


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert recorded(11) == recorded(11)


def test_another_seed_gives_other_bytes() -> None:
    assert recorded(11, steps=20) != recorded(12, steps=20)


def test_every_reading_of_a_day_has_the_catalogues_metrics_in_range_and_rounded() -> None:
    county = County(FLEET, 3, NOON)
    for step in range(24 * 30):
        county.step(120.0)
        for reading in county.readings(EVERYBODY, step):
            names = DEVICE_TYPE[FLEET.devices[reading.device].type].all_metrics
            assert tuple(reading.metrics) == names
            for name, value in reading.metrics.items():
                row = METRIC[name]
                assert row.low <= value <= row.high, (name, value)
                assert value == round(value, row.decimals)
                assert row.kind != "state" or value in {0, 1}
                assert isinstance(value, int) == (row.decimals == 0)


def test_an_ordinary_winter_day_has_no_danger_in_it() -> None:
    # not in the coldest weeks, where heaters reach their limits
    county = County(FLEET, 3, datetime(2026, 3, 1, 4, tzinfo=UTC))
    for step in range(24 * 60):
        assert county.step(60.0).alarms == ()
        for reading in county.readings(EVERYBODY, step) if step % 10 == 0 else ():
            m = reading.metrics
            assert m.get("co_ppm", 0) < 15
            assert m.get("indoor_c", 18) > 6
            assert m.get("flow_c", 40) < 85
            assert m.get("discharge_c", 80) < 105
            assert 0.8 < m.get("water_bar", 1.2) < 3.0
            assert m.get("high_bar", 30) < 39
            assert m.get("low_bar", 3) > 0.5
            assert m.get("core_c", 400) <= 660
            assert m.get("case_c", 40) < 85
            assert m.get("outlet_c", 40) < 62
            assert m.get("lockout", 0) == 0
            assert 198 < m["voltage_v"] < 235.4


def test_counters_only_grow() -> None:
    county = County(FLEET, 3, NOON)
    counters = {name for name, row in METRIC.items() if row.kind == "counter"}
    before: dict[int, dict[str, Any]] = {}
    for step in range(200):
        county.step(30.0)
        for reading in county.readings(EVERYBODY, step):
            for name in counters & reading.metrics.keys():
                assert reading.metrics[name] >= before.get(reading.device, {}).get(name, 0)
            before[reading.device] = reading.metrics


def test_a_reading_follows_the_wire_contract() -> None:
    county = County(FLEET, 3, NOON)
    county.step(1.0)
    first = county.readings(np.array([4, 0]), 1000)
    again = county.readings(np.array([0]), 1000)
    assert [reading.device for reading in first] == [4, 0]
    decoded = [msgspec.json.decode(reading.payload) for reading in [*first, *again]]
    assert [(d["ts"], d["seq"], d["boot"]) for d in decoded] == [(1000, 1, 1), (1000, 1, 1), (1001, 2, 1)]
    assert decoded[0]["m"] == first[0].metrics
    assert event_payload(7, "co_alarm", on=True) == b'{"ts":7,"type":"co_alarm","on":true}'
    assert "co_alarm" in EVENT_TYPE
    assert status_payload(8, "online", "s") == b'{"state":"online","session":"s","ts":8}'


def test_at_a_power_cut_a_village_stops_and_boots_again() -> None:
    village = FLEET.villages[0].code
    county = County(FLEET, 3, NOON, [Event("power_cut", 10.0, 20.0, village)])
    there = [row for row, device in enumerate(FLEET.devices) if device.home.startswith(village)]
    off, on = {}, {}
    for _ in range(40):
        happened = county.step(1.0)
        if len(happened.off):
            off[county.now_s] = happened.off.tolist()
        if len(happened.on):
            on[county.now_s] = happened.on.tolist()
        assert county.powered[there].all() == (not 10.0 <= county.now_s < 30.0)
        assert county.powered.sum() >= len(FLEET.devices) - len(there)
    assert off == {10.0: there}
    assert on == {30.0: there}
    reading = msgspec.json.decode(county.readings(np.array(there[:1]), 5)[0].payload)
    assert reading["boot"] == 2
    assert reading["m"]["uptime_s"] == 10


def test_a_detector_in_co_hurries() -> None:
    home = next(d for d in FLEET.devices if d.type == "co_detector")
    row = FLEET.devices.index(home)
    county = County(FLEET, 3, NOON, [Event("co_leak", 5.0, 60.0, home.home[:12], home.home, 2400.0)])
    county.step(1.0)
    assert np.isinf(county.hurried_s()).all()
    for _ in range(30):
        county.step(1.0)
    assert np.flatnonzero(np.isfinite(county.hurried_s())).tolist() == [row]
    assert county.hurried_s()[row] == pytest.approx(5.0)


def test_without_power_homes_cool_and_nothing_draws_current() -> None:
    village = FLEET.villages[2].code
    county = County(FLEET, 3, NOON, [Event("power_cut", 1.0, 1e6, village)])
    sensor = next(row for row, d in enumerate(FLEET.devices) if d.home.startswith(village) and d.type == "room_sensor")
    first = county.metrics(np.array([sensor]))[0]["indoor_c"]
    for _ in range(6 * 60):
        county.step(60.0)
    boiler = sensor - 1
    later, heater = county.metrics(np.array([sensor, boiler]))
    assert later["indoor_c"] < first - 2
    assert heater["power_w"] == 0
    assert heater["flame"] == 0
