"""The physics against sources and closed solutions (SIMULATION.md, "Checks a good simulator passes")."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_sim.climate.weather import DESIGN_C, Weather, climate_c, daily_means_c
from device_sim.heaters.gas_boiler import LIMIT_C, Burner, GasBoilers
from device_sim.heaters.heat_pump import HeatPumps, cop, frost_rate
from device_sim.heaters.storage_heater import CORE_J_K, EMPTY_C, FULL_C, StorageHeaters
from device_sim.homes.air import OUTDOOR_PPM, Rooms, rise_from
from device_sim.homes.house import GAINS_W, UA_W_K, Conductances, Houses
from device_sim.sensors.detector import Detectors, seconds_to_alarm

KEYMARK = [(-22, 35, 2.19), (-22, 55, 1.69), (-7, 30, 3.71), (-7, 52, 2.16), (2, 42, 3.34), (7, 36, 4.58)]


@pytest.mark.parametrize(("air_c", "flow_c", "median"), KEYMARK)
def test_cop_is_within_15_percent_of_the_keymark_medians(air_c: float, flow_c: float, median: float) -> None:
    assert float(cop(np.array([air_c]), np.array([flow_c]))[0]) == pytest.approx(median, rel=0.15)


def test_cop_falls_with_the_outdoor_temperature_and_stays_sane_in_great_cold() -> None:
    curve = cop(np.arange(15.0, -35.0, -1.0), np.full(50, 45.0))
    assert np.all(np.diff(curve) <= 0)
    assert curve[-1] > 1.5


def test_frost_is_worst_between_minus_12_and_0_and_rare_below_minus_18() -> None:
    worst = min(frost_rate(c, 60.0) for c in (-9.0, -6.0, -3.0, -1.0))
    assert worst > frost_rate(-14.0, 60.0)
    assert frost_rate(-18.5, 60.0) < 0.25 * worst


def test_a_heat_pump_defrosts_and_draws_its_heat_back() -> None:
    pumps = HeatPumps(np.full(50, 7600.0), -5.0, np.random.default_rng(1))
    defrosting = 0
    for _ in range(24 * 60):
        heat_w = pumps.step(60.0, -5.0, 60.0, np.full(50, 5000.0), np.ones(50, dtype=np.bool_))
        during = pumps.defrost_left_s > 0
        defrosting += int(during.sum())
        assert np.all(heat_w[during] < 0)
    assert 0.02 < defrosting / (24 * 60 * 50) < 0.15


def heavy_house(air_c: float) -> Houses:
    # air and mass tightly coupled: the one-node house of the check
    return Houses(Conductances(np.array([UA_W_K]), np.array([1e6])), np.array([air_c]), np.array([air_c]))


def hours_until(house: Houses, below_c: float) -> float:
    hours = 0.0
    while house.mass_c[0] > below_c:
        house.step(60.0, DESIGN_C, np.array([-GAINS_W]))  # nobody at home: the gains are taken out again
        hours += 1 / 60
    return hours


def test_a_heavy_house_cools_from_18_to_5_in_12_hours_and_to_0_in_19() -> None:
    assert hours_until(heavy_house(18.0), 5.0) == pytest.approx(12.0, rel=0.10)
    assert hours_until(heavy_house(18.0), 0.0) == pytest.approx(19.0, rel=0.10)


@given(st.floats(1.0, 1e6), st.floats(0.0, 2e4), st.floats(-35.0, 30.0))
def test_one_long_step_is_the_same_as_many_short_ones(dt_s: float, heat_w: float, outdoor_c: float) -> None:
    walls = Conductances(np.array([120.0, 205.0, 400.0]), np.array([900.0, 1240.0, 2000.0]))
    start = np.array([18.0, 5.0, -10.0])
    long, short = Houses(walls, start, start), Houses(walls, start, start)
    heat = np.full(3, heat_w)
    long.step(dt_s, outdoor_c, heat)
    for _ in range(50):
        short.step(dt_s / 50, outdoor_c, heat)
    np.testing.assert_allclose(long.air_c, short.air_c, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(long.mass_c, short.mass_c, rtol=1e-9, atol=1e-6)


def test_a_house_settles_where_heat_and_loss_are_equal() -> None:
    house = Houses(Conductances(np.array([205.0]), np.array([1240.0])), np.array([0.0]), np.array([0.0]))
    design_w = 205.0 * 37.0
    house.step(1e9, DESIGN_C, np.array([design_w - GAINS_W]))
    assert house.air_c[0] == pytest.approx(18.0)


@given(st.floats(0.2, 3.0), st.floats(1.0, 2500.0), st.floats(1.0, 7200.0))
def test_co_rises_as_the_mass_balance_says(changes_per_h: float, rise_ppm_min: float, seconds: float) -> None:
    rooms = Rooms(np.array([changes_per_h]))
    steps = 40
    for _ in range(steps):
        rooms.step(seconds / steps, np.array([rise_ppm_min]))
    settles = OUTDOOR_PPM + rise_ppm_min * 60 / changes_per_h
    analytic = settles + (OUTDOOR_PPM - settles) * np.exp(-changes_per_h * seconds / 3600)
    assert rooms.ppm[0] == pytest.approx(analytic, rel=0.02)


def test_a_blocked_vent_brings_111_ppm_a_minute_and_its_decay_gives_the_air_change_back() -> None:
    rise = rise_from(0.2, 30.0)
    assert rise == pytest.approx(111, rel=0.01)
    rooms = Rooms(np.array([0.5]))
    rooms.step(600.0, np.array([rise]))
    first = rooms.ppm[0] - OUTDOOR_PPM
    rooms.step(3600.0, np.array([0.0]))
    assert np.log(first / (rooms.ppm[0] - OUTDOOR_PPM)) == pytest.approx(0.5, rel=1e-6)


def test_the_cell_shows_90_percent_after_a_minute() -> None:
    detectors = Detectors(1, np.random.default_rng(1))
    detectors.cell_ppm[:] = 0.0
    for _ in range(240):
        detectors.step(0.25, np.array([200.0]), np.array([True]))
    assert detectors.cell_ppm[0] == pytest.approx(180.0, rel=0.001)


def test_the_alarm_times_lie_in_the_windows_of_en_50291() -> None:
    at_30, at_50, at_100, at_300 = seconds_to_alarm(np.array([30.0, 50.0, 100.0, 300.0])) / 60
    assert at_30 > 120
    assert 60 <= at_50 <= 90
    assert 10 <= at_100 <= 40
    assert at_300 < 3


def test_a_stove_that_peaks_at_75_ppm_for_minutes_does_not_trip_the_alarm() -> None:
    detectors = Detectors(1, np.random.default_rng(1))
    for _ in range(15 * 60):
        assert not detectors.step(1.0, np.array([75.0]), np.array([True])).any()
    assert not detectors.alarm.any()


def test_the_alarm_goes_on_in_co_and_off_in_clean_air() -> None:
    detectors = Detectors(1, np.random.default_rng(1))
    powered = np.array([True])
    changes = [bool(detectors.alarm[0]) for _ in range(180) if detectors.step(1.0, np.array([600.0]), powered).any()]
    changes += [bool(detectors.alarm[0]) for _ in range(600) if detectors.step(1.0, np.array([0.0]), powered).any()]
    assert changes == [True, False]


def test_a_stuck_boiler_passes_95_and_102_but_not_the_limit() -> None:
    boilers = GasBoilers(2, np.random.default_rng(1))
    rooms, load, powered = np.full(2, 17.0), np.full(2, 5000.0), np.ones(2, dtype=np.bool_)
    passed: dict[float, float] = {}
    for second in range(180):
        boilers.step(1.0, rooms, load, powered, np.array([np.nan, 105.5]))
        for mark_c in (95.0, 102.0):
            if boilers.flow_c[1] >= mark_c:
                passed.setdefault(mark_c, second)
    assert 40 <= passed[95.0] <= 80
    assert 30 <= passed[102.0] - passed[95.0] <= 60
    assert boilers.flow_c[0] < 80
    assert boilers.flow_c[1] < LIMIT_C
    assert boilers.state[1] != Burner.LOCKOUT


def test_a_boiler_beyond_its_limit_locks_out_and_cools() -> None:
    boilers = GasBoilers(1, np.random.default_rng(1))
    rooms, load, powered = np.full(1, 17.0), np.full(1, 5000.0), np.ones(1, dtype=np.bool_)
    for _ in range(600):
        boilers.step(1.0, rooms, load, powered, np.array([125.0]))
    assert boilers.state[0] == Burner.LOCKOUT
    assert boilers.flow_c[0] < LIMIT_C
    assert boilers.metrics(np.array([0]))["lockout"][0] == 1


def test_a_boiler_follows_its_sequence_and_heats_what_is_asked() -> None:
    boilers = GasBoilers(40, np.random.default_rng(1))
    rooms, powered = np.full(40, 17.0), np.ones(40, dtype=np.bool_)
    starts, heat = boilers.starts.copy(), 0.0
    steps = 6 * 3600
    seen: set[int] = set()
    for _ in range(steps):
        heat += float(boilers.step(1.0, rooms, np.full(40, 4500.0), powered, np.full(40, np.nan)).mean())
        seen |= set(boilers.state.tolist())
    assert seen >= {Burner.OFF, Burner.PREPURGE, Burner.IGNITE, Burner.RUN, Burner.POSTPURGE}
    assert heat / steps == pytest.approx(4500.0, rel=0.15)
    assert 0 < (boilers.starts - starts).mean() < 60


def test_storage_heaters_keep_their_energy_balance_and_charge_in_the_window() -> None:
    heaters = StorageHeaters(np.full(20, 7600.0), 22.0, np.random.default_rng(1))
    rooms, powered = np.full(20, 17.0), np.ones(20, dtype=np.bool_)
    first_c, bought_kwh = heaters.core_c.copy(), heaters.energy_kwh.copy()
    given_j = np.zeros(20)
    for minute in range(24 * 60):
        hour = (22.0 + minute / 60) % 24
        given_j += 60.0 * heaters.step(60.0, hour, rooms, np.full(20, 4000.0), powered)
        assert hour >= 22.0 or hour < 8.0 or not heaters.charge_w.any()
        if minute == 10 * 60:
            assert np.all(heaters.core_c > EMPTY_C + 0.9 * (FULL_C - EMPTY_C))
    stored_j = (heaters.core_c - first_c) * heaters.cores * CORE_J_K
    np.testing.assert_allclose(given_j + stored_j, (heaters.energy_kwh - bought_kwh) * 3.6e6, rtol=0.01)


def test_the_climate_has_the_heating_season_of_gb_50736() -> None:
    assert np.sum(climate_c(np.arange(365.0)) <= 5.0) == pytest.approx(166, abs=8)


def test_the_design_temperature_is_passed_on_five_days_a_year() -> None:
    years = np.array([np.sort(daily_means_c(seed, 0, 365))[:10] for seed in range(30)])
    # the fifth coldest day of a typical year
    assert years[:, 4].mean() == pytest.approx(DESIGN_C, abs=1.0)


def test_mornings_are_coldest() -> None:
    weather = Weather(3, datetime(2026, 1, 14, 16, tzinfo=UTC))
    assert weather.local_hour(0.0) == 0.0
    hours = np.arange(0, 24, 0.25)
    mean = np.mean(
        [[Weather(s, datetime(2026, 1, 14, 16, tzinfo=UTC)).outdoor_c(h * 3600) for h in hours] for s in range(40)],
        axis=0,
    )
    assert hours[np.argmin(mean)] == pytest.approx(6.5, abs=0.5)
    assert all(15 <= weather.humidity_pct(h * 3600) <= 100 for h in hours)
