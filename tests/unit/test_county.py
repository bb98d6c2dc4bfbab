"""What the county measures: the same bytes each time, the catalogue's metrics, values that a sensor could show."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from catalogue.device_types import DEVICE_TYPE
from catalogue.event_types import EVENT_TYPE
from catalogue.metrics import METRIC
from device_sim.county import AlarmBit, County
from device_sim.faults.injection import Injection
from device_sim.fleet.fleet import HEATINGS, Fleet
from device_sim.fleet.plan import TECHNOLOGIES, plan
from device_sim.heaters.kinds import KINDS
from device_sim.network.payload import event_payload, reading_payloads, status_payload
from device_sim.sensors.batch import BROKEN, Batch

NOON = datetime(2026, 1, 15, 4, tzinfo=UTC)
FLEET = plan(5, 12 * len(TECHNOLOGIES), villages=len(TECHNOLOGIES))
EVERYBODY = np.arange(len(FLEET.devices))


def at_home(fleet: Fleet, fault: str, home: int, at_s: float, lasts_s: float, strength: float = 1.0) -> Injection:
    return Injection(fault, at_s, at_s + lasts_s, strength, (home,), tuple(fleet.devices_of(home)))


def home_with(heating: str) -> int:
    return int(np.flatnonzero((FLEET.home_heating == HEATINGS.index(heating)) & ~FLEET.home_vacant)[1])


def one(county: County, uid_type: str, home: int) -> dict[str, float]:
    """What the device of a type in a home shows now."""
    row = next(row for row in county.fleet.devices_of(home) if county.fleet.devices[row].type == uid_type)
    (batch,) = county.measure(np.array([row]), int(county.now_s * 1000))
    return {name: float(values[0]) for name, values in batch.columns.items()}


def recorded(seed: int, steps: int = 100) -> Iterator[bytes]:
    county = County(FLEET, seed, NOON, [at_home(FLEET, "co_leak", home_with("gas_wall_boiler"), 30.0, 60.0, 2400.0)])
    for step in range(steps):
        county.step(1.0)
        due = np.flatnonzero((step % 10 == EVERYBODY % 10) & county.powered)
        for batch in county.measure(due, 1_768_449_600_000 + step * 1000):
            yield from reading_payloads(batch)


def test_every_heating_has_its_class_and_every_class_its_row() -> None:
    assert set(KINDS) == set(HEATINGS)
    assert all(name == KINDS[name].TYPE for name in HEATINGS)


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert list(recorded(11)) == list(recorded(11))


def test_another_seed_gives_other_bytes() -> None:
    assert list(recorded(11, 20)) != list(recorded(12, 20))


def test_every_reading_of_a_day_has_the_catalogues_metrics_in_range_and_rounded() -> None:
    county = County(FLEET, 3, NOON)
    seen = set()
    for step in range(12 * 2):
        for _ in range(30):
            county.step(60.0)
        for batch in county.measure(EVERYBODY, step):
            seen.add(batch.type)
            assert tuple(batch.columns) == DEVICE_TYPE[batch.type].all_metrics
            assert set(batch.fault) == {""}, batch.type
            for name, values in batch.columns.items():
                row = METRIC[name]
                assert np.isfinite(values).all(), (batch.type, name)
                assert values.min() >= row.low, (batch.type, name)
                assert values.max() <= row.high, (batch.type, name)
                assert np.array_equal(values, np.round(values, row.decimals)), (batch.type, name)
                assert row.kind != "state" or np.isin(values, (0, 1)).all(), (batch.type, name)
    assert seen == {device.type for device in FLEET.devices}
    assert seen >= {name for name in HEATINGS if name in DEVICE_TYPE and DEVICE_TYPE[name].reports}


LIMITS = {
    "co_ppm": (0, 80), "indoor_c": (6, 32), "discharge_c": (-40, 105), "water_bar": (0.8, 4.0), "high_bar": (0, 39),
    "low_bar": (0.5, 20), "core_c": (-40, 660), "case_c": (-40, 85), "outlet_c": (-40, 62), "lockout": (0, 0),
    "voltage_v": (198, 235.4), "ch4_lel": (0, 3), "leakage_ma": (0, 10), "alarm": (0, 0), "fumes_c": (-40, 300),
    "end_of_life": (0, 0),
}  # fmt: skip
"""SAFETY.md: what an ordinary day may show."""


def test_an_ordinary_winter_day_has_no_danger_in_it() -> None:
    # not in the coldest weeks, where heaters reach their limits
    county = County(FLEET, 3, datetime(2026, 3, 1, 4, tzinfo=UTC))
    for step in range(24 * 60):
        assert county.step(60.0).alarms == ()
        for batch in county.measure(EVERYBODY, step) if step % 10 == 0 else ():
            for name, (low, high) in LIMITS.items():
                values = batch.columns.get(name)
                if values is not None:
                    worst = FLEET.devices[int(batch.device[np.argmax(values)])].uid
                    assert values.min() >= low, (batch.type, name, values.min(), step)
                    assert values.max() <= high, (worst, name, values.max(), step)


def test_homes_are_warm_on_an_ordinary_winter_day_whatever_heats_them() -> None:
    county = County(FLEET, 4, datetime(2026, 1, 20, 4, tzinfo=UTC))
    for _ in range(26 * 60):
        county.step(60.0)
    lived_in = ~FLEET.home_vacant
    short_k = (county.set_c - county.houses.air_c)[lived_in]
    by_heating = {
        name: float(np.median(short_k[FLEET.home_heating[lived_in] == place])) for place, name in enumerate(HEATINGS)
    }
    # a kang warms who lies on it; the room is left to a small stove (device_sim/heaters/kang.py)
    assert by_heating.pop("electric_kang") < 6
    assert all(abs(median) < 1 for median in by_heating.values()), by_heating


def test_counters_only_grow() -> None:
    county = County(FLEET, 3, NOON)
    before: dict[str, dict[str, np.ndarray]] = {}
    for step in range(100):
        county.step(60.0)
        for batch in county.measure(EVERYBODY, step):
            held = before.setdefault(batch.type, {})
            for name, values in batch.columns.items():
                if METRIC[name].kind == "counter":
                    assert (values >= held.get(name, values)).all(), (batch.type, name)
                    held[name] = values


def test_a_reading_follows_the_wire_contract() -> None:
    county = County(FLEET, 3, NOON)
    county.step(1.0)
    home = home_with("gas_wall_boiler")
    boiler, sensor = FLEET.devices_of(home)[:2]
    batches = county.measure(np.array([boiler, sensor]), 1000)
    assert [batch.type for batch in batches] == ["gas_wall_boiler", "room_sensor"]
    (again,) = county.measure(np.array([sensor]), 1000)
    decoded = [msgspec.json.decode(payload) for batch in [*batches, again] for payload in reading_payloads(batch)]
    assert [(d["ts"], d["seq"], d["boot"]) for d in decoded] == [(1000, 1, 1), (1000, 1, 1), (1001, 2, 1)]
    shown = batches[0].columns
    assert decoded[0]["m"] == {name: pytest.approx(float(values[0]), abs=1e-3) for name, values in shown.items()}
    assert "fault" not in decoded[0]
    named = msgspec.json.decode(reading_payloads(batches[1], ["kz01-001-rs"])[0])
    assert next(iter(named.items())) == ("id", "kz01-001-rs")
    assert event_payload(7, "co_alarm", on=True) == b'{"ts":7,"type":"co_alarm","on":true}'
    assert event_payload(7, "co_alarm", on=True, uid="a-b") == b'{"id":"a-b","ts":7,"type":"co_alarm","on":true}'
    assert "co_alarm" in EVENT_TYPE
    assert status_payload(8, "online", "s") == b'{"state":"online","session":"s","ts":8}'


def test_values_that_are_missing_or_broken_are_written_as_devices_write_them() -> None:
    numbers = np.array([1, 2, 3], dtype=np.int64)
    columns = {
        "indoor_c": np.array([21.3, np.nan, BROKEN], dtype=np.float32),
        "rh_pct": np.array([40, 41, 42], dtype=np.float32),
    }
    batch = Batch("room_sensor", numbers, numbers, numbers, numbers, numbers, ["", "E1", ""], columns)
    assert reading_payloads(batch) == [
        b'{"ts":1,"seq":1,"boot":1,"m":{"indoor_c":21.3,"rh_pct":40}}',
        b'{"ts":2,"seq":2,"boot":2,"m":{"rh_pct":41},"fault":"E1"}',
        b'{"ts":3,"seq":3,"boot":3,"m":{"indoor_c":NaN,"rh_pct":42}}',
    ]


def test_at_a_power_cut_a_village_stops_and_boots_again() -> None:
    homes = tuple(np.flatnonzero(FLEET.home_village == 0).tolist())
    there = [row for home in homes for row in FLEET.devices_of(home)]
    county = County(FLEET, 3, NOON, [Injection("power_cut", 10.0, 30.0, 1.0, homes, tuple(there))])
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
    (batch,) = county.measure(np.array(there[:1]), 5)
    assert batch.boot.tolist() == [2]
    assert batch.columns["uptime_s"].tolist() == [10]


def test_a_detector_in_co_hurries_and_tells() -> None:
    home = home_with("gas_wall_boiler")
    row = next(row for row in FLEET.devices_of(home) if FLEET.devices[row].type == "co_detector")
    county = County(FLEET, 3, NOON, [at_home(FLEET, "co_leak", home, 5.0, 200.0, 2400.0)])
    county.step(1.0)
    assert np.isinf(county.hurried_s()).all()
    told: list[AlarmBit] = []
    for _ in range(200):
        told += county.step(1.0).alarms
        if len(told) == 1:
            break
    assert [(bit.device, bit.type, bit.on) for bit in told] == [(row, "co_alarm", True)]
    assert np.flatnonzero(np.isfinite(county.hurried_s())).tolist() == [row]
    assert county.hurried_s()[row] == pytest.approx(5.0)


def test_a_dead_detector_says_nothing_and_its_neighbours_go_on() -> None:
    home = home_with("gas_wall_boiler")
    row = next(row for row in FLEET.devices_of(home) if FLEET.devices[row].type == "co_detector")
    dead = Injection("detector_dead", 1.0, 1e6, 1.0, (home,), (row,))
    county = County(FLEET, 3, NOON, [dead, at_home(FLEET, "co_leak", home, 5.0, 500.0, 2400.0)])
    alarms = [bit for _ in range(300) for bit in county.step(1.0).alarms]
    assert alarms == []
    assert np.flatnonzero(~county.powered).tolist() == [row]
    assert county.air.ppm[home] > 1000


def test_without_power_homes_cool_and_nothing_draws_current() -> None:
    home = home_with("gas_wall_boiler")
    homes = tuple(np.flatnonzero(FLEET.home_village == FLEET.home_village[home]).tolist())
    there = tuple(row for each in homes for row in FLEET.devices_of(each))
    county = County(FLEET, 3, NOON, [Injection("power_cut", 1.0, 1e6, 1.0, homes, there)])
    first = one(county, "room_sensor", home)["indoor_c"]
    for _ in range(6 * 60):
        county.step(60.0)
    assert one(county, "room_sensor", home)["indoor_c"] < first - 2
    boiler = one(county, "gas_wall_boiler", home)
    assert boiler["power_w"] == 0
    assert boiler["flame"] == 0


def test_a_sagging_feeder_is_seen_by_its_village_alone() -> None:
    home = home_with("air_source_heat_pump")
    homes = tuple(np.flatnonzero(FLEET.home_village == FLEET.home_village[home]).tolist())
    county = County(FLEET, 3, NOON, [Injection("low_voltage", 1.0, 1e6, 40.0, homes, ())])
    county.step(60.0)
    assert one(county, "air_source_heat_pump", home)["voltage_v"] < 195
    assert one(county, "gas_wall_boiler", home_with("gas_wall_boiler"))["voltage_v"] > 205


def test_a_home_that_burns_coal_again_is_warm_without_its_heater() -> None:
    home = home_with("air_source_heat_pump")
    faults = [at_home(FLEET, "heater_off", home, 1.0, 1e6), at_home(FLEET, "loose_coal", home, 1.0, 1e6, 1.5)]
    warm, cold = County(FLEET, 3, NOON, faults), County(FLEET, 3, NOON, faults[:1])
    for _ in range(6 * 60):
        warm.step(60.0)
        cold.step(60.0)
    assert one(warm, "room_sensor", home)["indoor_c"] > one(cold, "room_sensor", home)["indoor_c"] + 2
    assert one(warm, "air_source_heat_pump", home)["power_w"] < 100
    assert warm.air.ppm[home] > cold.air.ppm[home]


def test_a_meter_counts_what_the_home_draws() -> None:
    meters = FLEET.rows_of("electricity_meter")
    home = int(FLEET.device_home[meters[0]])
    county = County(FLEET, 3, NOON)
    county.step(60.0)
    first = one(county, "electricity_meter", home)["energy_kwh"]
    total_wh = 0.0
    for _ in range(60):
        county.step(60.0)
        total_wh += one(county, "electricity_meter", home)["power_w"] / 60
    assert one(county, "electricity_meter", home)["energy_kwh"] - first == pytest.approx(total_wh / 1000, abs=0.2)


def test_gas_in_one_home_is_not_in_the_plant_and_its_detector_hurries() -> None:
    plant_village = np.flatnonzero(FLEET.home_heating == HEATINGS.index("gas_boiler_plant"))
    leaking = next(
        int(home)
        for home in plant_village[1:]
        if any(FLEET.devices[row].type == "co_detector" for row in FLEET.devices_of(int(home)))
    )
    county = County(FLEET, 3, NOON, [at_home(FLEET, "gas_leak", leaking, 1.0, 1e6, 2.0)])
    for _ in range(120):
        county.step(10.0)
    assert one(county, "gas_boiler_plant", int(plant_village[0]))["ch4_lel"] < 2
    assert one(county, "co_detector", leaking)["ch4_lel"] > 5
    (row,) = np.flatnonzero(np.isfinite(county.hurried_s()))
    assert FLEET.device_home[row] == leaking


def test_a_home_takes_less_than_a_kilobyte() -> None:
    homes = 20_000
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        county = County(plan(1, homes), 1, NOON)
        county.step(60.0)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (held - before) / homes < 1024
