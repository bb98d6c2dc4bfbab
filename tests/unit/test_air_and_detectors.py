"""Gases in a room against the closed solution, and what a detector makes of them (SIMULATION.md check 3, EN 50291)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_sim.homes.air import BEDROOM_M3, OUTDOOR_PPM, STOVE_ROOM_M3, HomeAir, rise_from
from device_sim.sensors.detector import GAS_ALARM_LEL, HURRY_PPM, SPAN_PPM, Detectors, seconds_to_alarm

DAY_S = 86_400.0


def room(volume_m3: float = STOVE_ROOM_M3, changes_per_h: float = 0.5) -> HomeAir:
    """One room."""
    return HomeAir(np.array([volume_m3]), np.array([changes_per_h]))


# -- air -------------------------------------------------------------------------------------------------------------


@given(
    st.floats(0.2, 3.0), st.floats(20.0, 60.0), st.floats(0.001, 2.0), st.floats(0.0, 2500.0), st.floats(1.0, 7200.0)
)
def test_carbon_monoxide_rises_as_the_mass_balance_says(
    changes_per_h: float, volume_m3: float, source_m3_h: float, rise_ppm_min: float, seconds: float
) -> None:
    air, steps = room(volume_m3, changes_per_h), 40
    for _ in range(steps):
        air.step(seconds / steps, np.array([source_m3_h]), np.array([rise_ppm_min]))
    rise = rise_ppm_min + source_m3_h / volume_m3 * 1e6 / 60
    settles = OUTDOOR_PPM + rise * 60 / changes_per_h
    analytic = settles + (OUTDOOR_PPM - settles) * np.exp(-changes_per_h * seconds / 3600)
    assert air.ppm[0] == pytest.approx(analytic, rel=1e-6)


def test_a_blocked_vent_brings_111_ppm_a_minute_and_its_decay_gives_the_air_change_back() -> None:
    assert rise_from(0.2, BEDROOM_M3) == pytest.approx(111, rel=0.01)
    air = room(BEDROOM_M3, 0.5)
    air.step(60.0, np.array([0.2]))
    assert air.ppm[0] - OUTDOOR_PPM == pytest.approx(111, rel=0.02)
    air.step(540.0, np.array([0.2]))
    first = air.ppm[0] - OUTDOOR_PPM
    air.step(3600.0, np.array([0.0]))
    assert np.log(first / (air.ppm[0] - OUTDOOR_PPM)) == pytest.approx(0.5, rel=1e-6)


def test_methane_settles_where_the_source_and_the_air_change_meet() -> None:
    air = room(40.0, 0.5)
    nothing = np.zeros(1)
    for _ in range(60):
        air.step(60.0, nothing, ch4_m3_h=np.array([0.5]))
    # 0.5 m³/h into 20 m³/h of air: 2.5 % of the volume, half of what burns
    assert air.lel_pct[0] == pytest.approx(50.0 * (1 - np.exp(-0.5)), rel=1e-6)
    for _ in range(60):
        air.step(60.0, nothing)
    assert air.lel_pct[0] == pytest.approx(50.0 * (1 - np.exp(-0.5)) * np.exp(-0.5), rel=1e-6)
    assert air.ppm[0] == pytest.approx(OUTDOOR_PPM)


def test_an_open_window_clears_the_air_only_where_it_is_open() -> None:
    air = HomeAir(np.full(2, 40.0), np.full(2, 0.5))
    air.step(600.0, np.full(2, 0.2))
    before = air.ppm[0]
    assert air.ppm[1] == before
    air.step(3600.0, np.zeros(2), extra_changes_per_h=np.array([4.0, 0.0]))
    left = (air.ppm - OUTDOOR_PPM) / (before - OUTDOOR_PPM)
    np.testing.assert_allclose(left, np.exp([-4.5, -0.5]), rtol=1e-6)
    air.step(3600.0, np.zeros(2))
    np.testing.assert_allclose((air.ppm - OUTDOOR_PPM) / (before - OUTDOOR_PPM), np.exp([-5.0, -1.0]), rtol=1e-6)


# -- detectors -------------------------------------------------------------------------------------------------------


def detectors(units: int = 1) -> Detectors:
    """Detectors with their dice."""
    return Detectors(units, np.random.default_rng(1))


def smell(
    own: Detectors,
    ppm: float,
    seconds: float,
    *,
    lel: float = 0.0,
    dt_s: float = 1.0,
    powered: bool = True,
    **faults: float,
) -> None:
    """A steady room around all of them; `faults` hit the first."""
    units = len(own.cell_ppm)
    hurt = {name: np.where(np.arange(units) == 0, strength, np.nan) for name, strength in faults.items()}
    for _ in range(round(seconds / dt_s)):
        own.step(dt_s, np.full(units, ppm), np.full(units, lel), np.full(units, powered), hurt)


def shows(own: Detectors, metric: str) -> np.ndarray:
    """One metric of all of them."""
    return own.metrics(np.arange(len(own.cell_ppm)))[metric]


def test_the_cell_shows_90_percent_after_a_minute() -> None:
    own = detectors()
    own.cell_ppm[:] = 0.0
    smell(own, 200.0, 60.0, dt_s=0.25)
    assert own.cell_ppm[0] == pytest.approx(180.0, rel=0.001)


def test_the_alarm_times_lie_in_the_windows_of_en_50291() -> None:
    at_30, at_50, at_100, at_300 = seconds_to_alarm(np.array([30.0, 50.0, 100.0, 300.0])) / 60
    assert at_30 > 120
    assert 60 <= at_50 <= 90
    assert 10 <= at_100 <= 40
    assert at_300 < 3


@pytest.mark.parametrize(("ppm", "from_min", "to_min"), [(50.0, 60, 90), (100.0, 10, 40), (300.0, 0, 3)])
@pytest.mark.parametrize("dt_s", [5.0, 60.0])
def test_a_steady_concentration_trips_the_alarm_within_its_window(
    ppm: float, from_min: float, to_min: float, dt_s: float
) -> None:
    own, minutes = detectors(), 0.0
    while not own.bits()["co_alarm"][0]:
        smell(own, ppm, dt_s, dt_s=dt_s)
        minutes += dt_s / 60
        assert minutes <= to_min
    assert minutes >= from_min


def test_a_stove_that_peaks_at_75_ppm_for_minutes_does_not_trip_the_alarm() -> None:
    own = detectors()
    smell(own, 75.0, 15 * 60.0)
    assert not own.bits()["co_alarm"].any()
    assert shows(own, "co_ppm")[0] > HURRY_PPM


def test_the_alarm_goes_on_in_co_and_off_in_clean_air() -> None:
    own = detectors()
    smell(own, 600.0, 120.0)
    assert own.bits()["co_alarm"][0]
    assert shows(own, "alarm")[0] == 1
    smell(own, 0.0, 600.0)
    assert not own.bits()["co_alarm"][0]
    smell(own, 0.0, 3600.0, dt_s=60.0)
    assert own.dose[0] == 0


def test_methane_alarms_from_10_percent_of_lel_on_and_within_30_seconds() -> None:
    own = detectors()
    smell(own, 0.0, 300.0, lel=GAS_ALARM_LEL - 1)
    assert not own.bits()["gas_alarm"][0]
    smell(own, 0.0, 30.0, lel=2 * GAS_ALARM_LEL)
    assert own.bits()["gas_alarm"][0]
    assert not own.bits()["co_alarm"][0]
    assert shows(own, "alarm")[0] == 1
    assert shows(own, "ch4_lel")[0] > GAS_ALARM_LEL
    smell(own, 0.0, 120.0, lel=7.0)
    assert own.bits()["gas_alarm"][0], "still above where it clears"
    smell(own, 0.0, 120.0)
    assert not own.bits()["gas_alarm"][0]
    smell(own, 0.0, 120.0, lel=400.0)
    assert shows(own, "ch4_lel")[0] == 100


def test_a_detector_without_power_is_silent_and_forgets() -> None:
    own = detectors()
    smell(own, 90.0, 25 * 60.0, dt_s=5.0)
    assert own.dose[0] > 0.5
    smell(own, 90.0, 5.0, powered=False)
    assert own.dose[0] == 0
    smell(own, 900.0, 60.0, lel=50.0, powered=False)
    assert not any(bit.any() for bit in own.bits().values())


def test_a_stuck_detector_shows_one_value_and_never_alarms() -> None:
    own = detectors(2)
    smell(own, 900.0, 300.0, lel=50.0, detector_stuck=3.0)
    assert shows(own, "co_ppm")[0] == 3.0
    assert shows(own, "co_ppm")[1] > 800
    assert own.bits()["co_alarm"].tolist() == own.bits()["gas_alarm"].tolist() == [False, True]
    smell(own, 900.0, 300.0)
    assert own.bits()["co_alarm"].all()


def test_a_drifting_zero_wanders_and_is_set_again() -> None:
    own = detectors(2)
    before = shows(own, "co_ppm")
    smell(own, 10.0, 10 * DAY_S, dt_s=3600.0, detector_drift=5.0)
    after = shows(own, "co_ppm")
    assert after[0] - after[1] == pytest.approx(50.0 + own.zero_ppm[0] - own.zero_ppm[1], abs=0.1)
    assert own.bits()["co_alarm"].tolist() == [True, False], "60 ppm for hours: it believes itself"
    smell(own, 0.4, DAY_S, dt_s=3600.0)
    np.testing.assert_allclose(shows(own, "co_ppm"), before, atol=0.01)
    smell(own, 0.4, 10 * DAY_S, dt_s=3600.0, detector_drift=-5.0)
    assert shows(own, "co_ppm")[0] == 0


def test_an_expired_cell_says_so_at_once_and_goes_blind_over_weeks() -> None:
    own = detectors(2)
    smell(own, 300.0, 600.0, detector_expired=1.0)
    assert shows(own, "end_of_life").tolist() == [1, 0]
    assert shows(own, "self_test").tolist() == [0, 1]
    assert shows(own, "co_ppm")[0] == pytest.approx(shows(own, "co_ppm")[1], abs=10)
    smell(own, 300.0, 40 * DAY_S, dt_s=3600.0, detector_expired=1.0)
    assert 0.3 < shows(own, "co_ppm")[0] / shows(own, "co_ppm")[1] < 0.5
    smell(own, 300.0, 60.0)
    assert shows(own, "co_ppm")[0] == pytest.approx(300, abs=5)


def test_values_stay_in_the_cells_span_and_the_battery_lasts_for_years() -> None:
    own = detectors(50)
    before = shows(own, "battery_pct")
    smell(own, 20_000.0, 30 * DAY_S, dt_s=3600.0)
    assert np.all(shows(own, "co_ppm") == SPAN_PPM)
    np.testing.assert_allclose(before - shows(own, "battery_pct"), 100 * 30 / (3 * 365), rtol=1e-6)
    smell(own, 0.0, 1000 * DAY_S, dt_s=DAY_S)
    assert np.all((shows(own, "battery_pct") > 7) & (shows(own, "battery_pct") <= 100))


def test_one_step_of_a_minute_is_sixty_of_a_second_and_the_same_dice_give_the_same_bytes() -> None:
    coarse, fine, again = detectors(3), detectors(3), detectors(3)
    for ppm in (0.0, 120.0, 500.0, 5.0):
        smell(coarse, ppm, 300.0, lel=ppm / 20, dt_s=60.0)
        smell(fine, ppm, 300.0, lel=ppm / 20)
        smell(again, ppm, 300.0, lel=ppm / 20)
        np.testing.assert_allclose(coarse.cell_ppm, fine.cell_ppm, rtol=1e-9)
        np.testing.assert_allclose(coarse.cell_lel, fine.cell_lel, rtol=1e-9)
        assert coarse.bits()["co_alarm"].tolist() == fine.bits()["co_alarm"].tolist()
    for name, values in fine.metrics(np.arange(3)).items():
        assert values.tobytes() == again.metrics(np.arange(3))[name].tobytes()
