"""Heat pumps with water against sources, then each fault as an engineer expects to see it (SAFETY.md)."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from device_sim.climate.weather import Weather
from device_sim.heaters.frost import frost_rate
from device_sim.heaters.heat_pump import HIGH_BAR, LOW_BAR, READY_C, TRIP_C, HeatPumps, cop
from device_sim.homes.house import GAINS_W
from tests.played import UNITS, plays

KEYMARK = [(-22, 35, 2.19), (-22, 55, 1.69), (-7, 30, 3.71), (-7, 52, 2.16), (2, 42, 3.34), (7, 36, 4.58)]


@pytest.mark.parametrize(("air_c", "flow_c", "median"), KEYMARK)
def test_cop_is_within_15_percent_of_the_keymark_medians(air_c: float, flow_c: float, median: float) -> None:
    assert float(cop(np.array([air_c]), np.array([flow_c]))[0]) == pytest.approx(median, rel=0.15)


def test_cop_falls_with_the_outdoor_temperature_and_stays_sane_in_great_cold() -> None:
    curve = cop(np.arange(15.0, -35.0, -1.0), np.full(50, 45.0))
    assert np.all(np.diff(curve) <= 0)
    assert curve[-1] > 1.5


def test_the_seasonal_cop_lies_between_2_and_2_7() -> None:
    weather = Weather(3, datetime(2026, 10, 14, 16, tzinfo=UTC))
    play = plays(HeatPumps, 0.0, weather.outdoor_c(0.0), units=40)
    given_j, first_kwh, ua = np.zeros(40), play.shows("energy_kwh"), play.heaters.design_w / 37.0
    for step in range(91 * 32):  # 15 October to 15 April, every other day, by three quarters of an hour
        if step % 32 == 0:
            play.now_s += 86_400.0
        play.outdoor_c, play.humidity_pct = weather.outdoor_c(play.now_s), weather.humidity_pct(play.now_s)
        play.demand_w = np.maximum(ua * (18.0 - play.outdoor_c) - GAINS_W, 0.0)
        given_j += 2700.0 * play.step(2700.0)
    seasonal = given_j / 3.6e6 / (play.shows("energy_kwh") - first_kwh)
    assert 15_000 < 2 * given_j.mean() / 3.6e6 < 25_000, "a traditional home takes about 20 MWh a season"
    assert 2.0 < seasonal.mean() < 2.7
    assert np.all(np.abs(seasonal / seasonal.mean() - 1) < 0.20), "machines differ by their part of Carnot"


def test_defrosts_are_most_between_minus_12_and_0_and_rare_below_minus_18() -> None:
    shares = {}
    for outdoor_c in (-25.0, -18.5, -15.0, -10.0, -5.0, -1.0, 4.0):
        play = plays(HeatPumps, outdoor_c=outdoor_c, units=200)
        defrosting = np.zeros(200)
        for _ in range(6 * 60):
            play.step()
            defrosting += play.heaters.frost.share
        shares[outdoor_c] = float(defrosting.mean()) / (6 * 60)
    assert max(shares, key=lambda c: shares[c]) == -5.0
    assert min(shares[-10.0], shares[-1.0]) > max(shares[-15.0], shares[4.0])
    assert max(shares[-18.5], shares[-25.0]) < 0.25 * shares[-10.0]
    # 60 % humid: 75 minutes of growth, then 3 to 10 minutes of melting
    assert shares[-5.0] == pytest.approx(6.5 / (75 + 6.5), rel=0.1)
    assert frost_rate(-5.0, 100.0) == pytest.approx(1 / 2700)


def test_a_defrost_draws_its_heat_back_from_the_water() -> None:
    play = plays(HeatPumps, outdoor_c=-5.0, units=40)
    drops = []
    for _ in range(240):
        before_c = play.shows("flow_c")
        play.step(30.0)
        begun = (play.shows("defrost") > 0) & (play.heaters.frost.share == 1)
        assert np.all(play.shows("heat_w")[begun] < 0)
        assert np.all(
            np.abs(play.shows("power_w")[begun] - 1300) < 100 + 600 * (play.heaters.nominal_w[begun] > 12_000)
        )
        drops += (before_c - play.shows("flow_c"))[begun].tolist()
    assert 5 < max(drops) < 10


def test_the_radiators_give_all_heat_of_the_water_only_later() -> None:
    play = plays(HeatPumps, outdoor_c=5.0)
    play.humidity_pct, asked_w = 0.0, play.demand_w
    play.demand_w = np.zeros(UNITS)
    play.minutes(240)
    given_j, made_j = np.zeros(UNITS), np.zeros(UNITS)
    for minute in range(360):
        play.demand_w = asked_w if minute < 120 and minute % 40 < 20 else np.zeros(UNITS)
        given_w = play.step()
        if minute == 25:
            assert np.all(play.shows("heat_w") == 0)
            assert np.all(given_w > 0.3 * asked_w), "five minutes after the compressor the radiators are warm"
        given_j += 60.0 * given_w
        made_j += 60.0 * play.shows("heat_w")
    np.testing.assert_allclose(given_j, made_j, rtol=1e-3)
    assert np.all(made_j > 3600 * 0.9 * asked_w)


def test_a_hot_discharge_trips_at_120_clears_below_90_and_the_third_trip_locks_out() -> None:
    play = plays(HeatPumps, outdoor_c=-15.0)
    play.minutes(30)
    assert play.shows("discharge_c").max() < 105
    play.hurt(discharge_hot=45)
    ran = play.shows("compressor_hz")[0] > 0
    trips = []
    for second in range(0, 40 * 60, 4):
        before_c = play.shows("discharge_c")[0]
        play.step(4.0)
        runs = play.shows("compressor_hz")[0] > 0
        if ran and not runs:
            assert before_c >= TRIP_C
            assert play.fault(0) == "discharge_hot"
            trips.append(second)
        if runs and not ran:
            assert before_c < READY_C
        ran = runs
    assert len(trips) == 3
    assert trips[2] - trips[0] < 30 * 60
    assert play.heaters.bits()["lockout"].tolist() == [True, True, False, False]
    play.faults = {}
    play.minutes(10)
    assert not play.heaters.bits()["lockout"].any()
    assert not play.heaters.protection.locked.any()
    assert play.shows("compressor_hz")[0] > 0


def test_without_water_flow_the_pressure_rises_and_it_stops_after_10_seconds() -> None:
    play = plays(HeatPumps)
    play.minutes(20)
    sound_bar = play.shows("high_bar")[0]
    play.hurt(pump_failed=1)
    seen = []
    for _ in range(12):
        play.step(1.0)
        seen.append((play.shows("high_bar")[0], play.shows("compressor_hz")[0] > 0, play.fault(0)))
        assert play.shows("flow_lpm")[0] == 0
    assert [fault for _, _, fault in seen].index("no_water_flow") == 9
    assert [runs for _, runs, _ in seen] == [True] * 10 + [False] * 2
    assert sound_bar + 4 < seen[9][0] < HIGH_BAR
    play.minutes(20)
    assert play.heaters.bits()["lockout"][0]
    assert play.shows("flow_lpm")[2] > 15
    play.minutes(6 * 60)  # the standing water cools, and the controller sees it
    assert play.heaters.bits()["freeze"].tolist() == [True, True, False, False]


def test_lost_refrigerant_costs_heat_and_trips_on_low_pressure_in_the_cold() -> None:
    play = plays(HeatPumps, outdoor_c=-19.0)
    play.minutes(20)
    assert play.shows("low_bar").min() > 2 * LOW_BAR
    play.hurt(refrigerant_leak=0.5)
    play.humidity_pct, play.demand_w = 0.0, play.heaters.nominal_w
    play.step(30.0)
    low_bar, heat_w = play.shows("low_bar"), play.shows("heat_w")
    assert low_bar[0] < LOW_BAR
    assert heat_w[0] / play.heaters.nominal_w[0] == pytest.approx(0.5 * 0.76 + 0.25)  # half of its heat, and the rod
    assert heat_w[2] / play.heaters.nominal_w[2] == pytest.approx(0.76 + 0.24)
    play.minutes(30)
    assert play.fault(0) == "low_pressure"
    assert play.heaters.bits()["lockout"].tolist() == [True, True, False, False]


def test_a_coil_that_stays_iced_gives_less_and_never_defrosts() -> None:
    play = plays(HeatPumps, outdoor_c=-5.0)
    play.hurt(defrost_failed=0.7)
    defrosts = np.zeros(UNITS)
    for _ in range(180):
        play.step()
        defrosts += play.shows("defrost")
    assert defrosts[0] == 0
    assert defrosts[2] > 0
    assert play.shows("coil_c")[0] < play.shows("coil_c")[2] - 4
    assert play.shows("compressor_hz")[0] == pytest.approx(90)
    assert play.fault(0) == "defrost_failed"
    assert not play.heaters.bits()["lockout"].any()


def test_a_failed_compressor_locks_out_and_only_the_pump_runs() -> None:
    play = plays(HeatPumps)
    play.hurt(compressor_failed=1)
    play.minutes(60)
    assert play.fault(0) == "compressor_failed"
    assert play.heaters.bits()["lockout"].tolist() == [True, True, False, False]
    assert play.shows("compressor_hz")[0] == play.shows("heat_w")[0] == 0
    assert 50 < play.heaters.power_w[0] < 100
    assert play.shows("return_c")[0] == pytest.approx(18, abs=4)


def test_a_leaking_loop_loses_pressure_until_the_unit_stops() -> None:
    play = plays(HeatPumps)
    first_bar = play.shows("water_bar")
    play.hurt(water_leak=0.4)
    play.minutes(60)
    np.testing.assert_allclose(first_bar - play.shows("water_bar"), [0.4, 0.4, 0, 0], atol=1e-9)
    play.minutes(150)
    assert play.fault(0) == "low_water_pressure"
    assert play.shows("compressor_hz")[0] == 0
    play.faults = {}
    play.step()
    np.testing.assert_array_equal(play.shows("water_bar"), first_bar)


def test_without_power_the_water_sinks_towards_the_frost_and_the_alarm_comes_with_the_power() -> None:
    play = plays(HeatPumps, outdoor_c=-19.0)
    play.minutes(10)
    play.powered = np.zeros(UNITS, dtype=np.bool_)
    play.minutes(5 * 60)
    assert play.shows("return_c").max() < 4
    assert not play.heaters.bits()["freeze"].any()
    play.powered, play.demand_w = ~play.powered, np.zeros(UNITS)  # nobody asks for heat, the guard does
    play.step()
    assert play.heaters.bits()["freeze"].all()
    assert play.fault(0) == "freeze_risk"
    assert play.shows("heat_w").min() > 1000
    play.minutes(60)
    assert not play.heaters.bits()["freeze"].any()


def test_the_rod_helps_when_the_cold_leaves_too_little_capacity() -> None:
    play = plays(HeatPumps, outdoor_c=-30.0)
    play.minutes(30)
    assert play.shows("backup_heater").all()
    play.demand_w *= 0.3
    play.minutes(1)
    assert not play.shows("backup_heater").any()
    play.outdoor_c, play.demand_w = -5.0, play.demand_w * 30
    play.minutes(1)
    assert not play.shows("backup_heater").any()
