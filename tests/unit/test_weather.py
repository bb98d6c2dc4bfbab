"""The weather over the county against GB 50736, and what a scenario does to it."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from device_sim.climate.sun import clear_sky_wm2
from device_sim.climate.weather import (
    DESIGN_C,
    EXTREMES_C,
    PLAYED_C,
    Weather,
    anomalies,
    autoregressive,
    climate_c,
    daily_means_c,
)

MIDNIGHT = datetime(2026, 1, 14, 16, tzinfo=UTC)
HOUR_S = 3600.0
SEEDS = range(30)


def daily_means() -> np.ndarray:
    """Thirty years, shape (30, 365)."""
    return np.array([daily_means_c(seed, 0, 365) for seed in SEEDS])


def test_the_climate_and_the_years_have_the_heating_season_of_gb_50736() -> None:
    assert np.sum(climate_c(np.arange(365.0)) <= 5.0) == pytest.approx(166, abs=8)
    assert np.mean(np.sum(daily_means() <= 5.0, axis=1)) == pytest.approx(166, abs=8)


def test_the_design_temperature_is_passed_on_five_days_a_year() -> None:
    # the daily mean below which five days of a year lie, over all years
    passed_c = np.sort(daily_means(), axis=None)[5 * len(SEEDS)]
    assert passed_c == pytest.approx(DESIGN_C, abs=0.5)


def test_the_coldest_month_and_the_spread_of_days_are_those_of_the_station() -> None:
    assert climate_c(np.arange(31.0)).mean() == pytest.approx(-13.5, abs=0.3)
    assert climate_c(np.arange(181.0, 212.0)).mean() == pytest.approx(24.1, abs=0.3)
    days = anomalies(3, 20_000, 4.2)
    assert days.std() == pytest.approx(4.2, rel=0.05)
    assert np.corrcoef(days[1:], days[:-1])[0, 1] == pytest.approx(0.7, abs=0.02)


def test_the_series_is_the_recursion_that_it_unrolls() -> None:
    found = autoregressive(np.random.default_rng(1), 300, 0.9)
    shocks = np.random.default_rng(1).standard_normal(300)
    value = shocks[0]
    for day in range(1, 300):
        value = 0.9 * value + np.sqrt(1 - 0.81) * shocks[day]
        assert found[day] == pytest.approx(value, abs=1e-12)


def test_mornings_are_coldest() -> None:
    weather = Weather(3, MIDNIGHT)
    assert weather.local_hour(0.0) == 0.0
    hours = np.arange(0, 24, 0.25)
    many = [Weather(seed, MIDNIGHT) for seed in range(40)]
    mean = [np.mean([one.outdoor_c(hour * HOUR_S) for one in many]) for hour in hours]
    assert hours[np.argmin(mean)] == pytest.approx(6.5, abs=0.5)
    assert all(15 <= weather.humidity_pct(h * HOUR_S) <= 100 for h in hours)


def test_without_a_scenario_nothing_leaves_what_was_ever_measured() -> None:
    weather = Weather(1, MIDNIGHT)
    weather._daily_c[:] = -29.0  # colder than any day on record
    assert min(weather.outdoor_c(hour * HOUR_S) for hour in range(24)) == EXTREMES_C[0]


def test_a_cold_wave_deepens_to_its_peak_and_leaves_no_step_behind() -> None:
    plain, wave = Weather(5, MIDNIGHT), Weather(5, MIDNIGHT, events=[(10 * HOUR_S, 82 * HOUR_S, -12.0)])
    gap = [wave.outdoor_c(h * HOUR_S) - plain.outdoor_c(h * HOUR_S) for h in range(100)]
    assert gap[:11] == [0.0] * 11
    assert gap[82:] == [0.0] * 18
    assert min(gap) == pytest.approx(-12.0, abs=0.01)
    assert int(np.argmin(gap)) == 46
    assert np.abs(np.diff(gap)).max() < 0.6


def test_a_wave_of_minus_30_degrees_can_be_played_but_not_more_than_36() -> None:
    long = (0.0, 96 * HOUR_S)
    for peak_k, coldest_c in ((-10.0, -33.6), (-30.0, PLAYED_C[0])):
        weather = Weather(1, MIDNIGHT, events=[(*long, peak_k)])
        weather._daily_c[:] = -18.0
        coldest = min(weather.outdoor_c(hour * HOUR_S) for hour in np.arange(0, 96, 0.5))
        assert coldest == pytest.approx(coldest_c, abs=0.5)


def test_a_thaw_warms_and_an_offset_shifts_the_whole_run() -> None:
    plain, at_s = Weather(5, MIDNIGHT), 24 * HOUR_S
    thaw = Weather(5, MIDNIGHT, events=[(0.0, 48 * HOUR_S, 8.0)])
    shifted = Weather(5, MIDNIGHT, offset_k=-6.0)
    assert thaw.outdoor_c(at_s) == pytest.approx(plain.outdoor_c(at_s) + 8.0)
    assert all(shifted.outdoor_c(h * HOUR_S) == pytest.approx(plain.outdoor_c(h * HOUR_S) - 6.0) for h in range(50))


def test_the_same_seed_gives_the_same_weather_and_another_another() -> None:
    def shown(seed: int) -> list[tuple[float, float, float, bool]]:
        weather = Weather(seed, MIDNIGHT)
        return [
            (weather.outdoor_c(s), weather.humidity_pct(s), weather.irradiance_wm2(s), weather.curtailment(s))
            for s in np.arange(0, 10 * 24 * HOUR_S, 2000.0)
        ]

    assert shown(1) == shown(1)
    for mine, others in zip(zip(*shown(1), strict=True), zip(*shown(2), strict=True), strict=True):
        assert mine != others


def test_the_sun_is_highest_at_noon_and_gone_at_night() -> None:
    for day, first, last in ((14, 7, 17), (172, 4, 20)):
        by_hour = np.array([clear_sky_wm2(day, hour) for hour in np.arange(0, 24, 0.25)])
        assert np.argmax(by_hour) / 4 == pytest.approx(11.85, abs=0.3)
        assert not by_hour[: first * 4].any()
        assert not by_hour[(last + 1) * 4 :].any()
        assert 800 < by_hour.max() < 1050
    # on a steep slope the clear winter day gives not much less than the summer's
    january, july = (sum(clear_sky_wm2(day, hour / 4) for hour in range(96)) / 4000 for day in (14, 195))
    assert 4.5 < january < 5.5
    assert january > 0.7 * july


def test_clouds_take_a_quarter_of_the_winters_sun_and_never_all_of_it() -> None:
    days = 60
    sun, clear = np.zeros(days * 24), np.zeros(days * 24)
    weather = Weather(2, MIDNIGHT)
    for hour in range(days * 24):
        sun[hour] = weather.irradiance_wm2(hour * HOUR_S)
        clear[hour] = clear_sky_wm2(14 + hour // 24, hour % 24)
    up = clear > 0
    assert np.array_equal(sun > 0, up)
    assert np.all((sun[up] / clear[up] > 0.1) & (sun[up] / clear[up] <= 1.0 + 1e-12))
    assert 0.6 < sun.sum() / clear.sum() < 0.85


def test_surplus_wind_comes_in_spells_and_mostly_at_night() -> None:
    many = [Weather(seed, MIDNIGHT) for seed in range(10)]
    hours = np.array([[one.curtailment(hour * HOUR_S) for hour in range(60 * 24)] for one in many])
    by_hour = hours.reshape(-1, 24).mean(axis=0)
    night = np.r_[0:8, 22:24]
    assert 0.15 < by_hour[night].mean() < 0.4
    assert by_hour[np.setdiff1d(np.arange(24), night)].mean() < 0.05
    nights = hours.reshape(-1, 24)[:, :8]
    again = (nights[:, 1:] & nights[:, :-1]).sum() / nights[:, :-1].sum()
    assert again > 0.6, "it lasts for hours"
