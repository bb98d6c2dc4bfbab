"""Panels, film, cable and kangs: surfaces, relays, limits, and what breaks (SIMULATION.md, SAFETY.md)."""

from __future__ import annotations

import numpy as np
import pytest

from catalogue.device_types import DEVICE_TYPE
from device_sim.arrays import Floats
from device_sim.heaters.kang import LIMIT_C, ElectricKangs
from device_sim.heaters.resistive import CarbonCrystalPanels, HeatingCables, HeatingFilms, ResistiveHeaters
from tests.played import UNITS, Play, plays

RESISTIVE: tuple[type[ResistiveHeaters], ...] = (CarbonCrystalPanels, HeatingFilms, HeatingCables)


def called(play: Play[ResistiveHeaters], hours: float) -> Floats:
    """Surfaces after some hours in which the thermostat calls."""
    play.set_c = np.full(UNITS, 25.0)
    play.minutes(hours * 60)
    return play.shows("surface_c")


@pytest.mark.parametrize(
    ("kind", "least_c", "most_c"), [(CarbonCrystalPanels, 60, 95), (HeatingFilms, 35, 60), (HeatingCables, 27, 30)]
)
def test_surfaces_at_full_power_are_those_of_the_type(
    kind: type[ResistiveHeaters], least_c: float, most_c: float
) -> None:
    surface_c = called(plays(kind), 24)
    assert np.all((surface_c > least_c) & (surface_c <= most_c)), surface_c


def test_a_floor_is_slow_and_its_limiter_keeps_it_below_30() -> None:
    play = plays(HeatingCables)
    play.room_c = np.full(UNITS, 22.0)
    highest, relays = 0.0, []
    play.set_c = np.full(UNITS, 25.0)
    for _ in range(48 * 60):
        play.step()
        highest = max(highest, float(play.shows("surface_c").max()))
        relays.append(play.shows("relay"))
    assert 29 < highest <= 30
    assert 0.2 < np.mean(relays[24 * 60 :]) < 0.9
    play.set_c = np.full(UNITS, 10.0)
    play.step(60.0)
    hot_c = play.shows("surface_c") - 22
    play.minutes(60)
    assert np.all(play.shows("surface_c") - 22 > 0.6 * hot_c), "an hour later most of the warmth is still there"


@pytest.mark.parametrize("kind", RESISTIVE)
def test_the_relay_keeps_its_state_within_the_band(kind: type[ResistiveHeaters]) -> None:
    play = plays(kind)
    states = []
    for room_c in (17.0, 18.2, 18.5, 17.8, 17.6):
        play.room_c = np.full(UNITS, room_c)
        play.step()
        states.append(play.shows("relay")[0])
        np.testing.assert_array_equal(play.shows("power_w") > 0, play.shows("relay") > 0)
    assert states == [1, 1, 0, 0, 1]


@pytest.mark.parametrize("kind", RESISTIVE)
def test_what_a_surface_stores_it_gives_back(kind: type[ResistiveHeaters]) -> None:
    play = plays(kind)
    first_c, first_kwh, given_j = play.shows("surface_c"), play.shows("energy_kwh"), np.zeros(UNITS)
    for minute in range(300):
        play.room_c = np.full(UNITS, 17.0 if minute % 100 < 50 else 19.0)
        given_j += 60.0 * play.step()
    slab = play.heaters.slab
    stored_j = (play.shows("surface_c") - first_c) * slab.loss_w_k * slab.lag_s
    np.testing.assert_allclose(given_j + stored_j, (play.shows("energy_kwh") - first_kwh) * 3.6e6, rtol=1e-9)


@pytest.mark.parametrize("kind", RESISTIVE)
def test_a_stuck_relay_draws_power_though_commanded_off(kind: type[ResistiveHeaters]) -> None:
    play = plays(kind)
    play.room_c = np.full(UNITS, 24.0)
    play.hurt(relay_stuck=0.5)
    play.minutes(10)
    assert not play.shows("relay").any()
    np.testing.assert_allclose(play.shows("power_w"), play.heaters.rated_w * [0.5, 0.5, 0, 0])
    assert play.fault(0) == "relay_stuck"
    play.room_c = np.full(UNITS, 12.0)
    play.step()
    np.testing.assert_allclose(play.shows("power_w"), play.heaters.rated_w)
    assert play.fault(0) == "", "commanded on nobody sees it"


@pytest.mark.parametrize("kind", RESISTIVE)
def test_a_covered_surface_climbs_past_its_limit(kind: type[ResistiveHeaters]) -> None:
    play = plays(kind)
    called(play, 4)
    play.hurt(surface_hot=25)
    surface_c = called(play, 12)
    limit_c = play.shows("limit_c")[0]
    assert surface_c[0] == pytest.approx(limit_c + 25, abs=3)
    assert surface_c[2] <= limit_c
    assert play.fault(0) == "surface_hot"


@pytest.mark.parametrize("kind", RESISTIVE)
def test_leakage_is_small_until_it_leaks(kind: type[ResistiveHeaters]) -> None:
    play = plays(kind)
    called(play, 0.1)
    assert np.all((play.shows("leakage_ma") >= 0.2) & (play.shows("leakage_ma") <= 3))
    play.hurt(leakage=45)
    play.step()
    assert np.all(play.shows("leakage_ma")[:2] > 45)
    assert np.all(play.shows("leakage_ma")[2:] <= 3)
    assert play.fault(0) == "leakage"
    play.hurt(leakage=10)
    play.step()
    assert play.fault(0) == ""


def test_panels_are_of_some_hundred_watts_and_cover_the_load() -> None:
    heaters = plays(CarbonCrystalPanels, units=50).heaters
    each_w = heaters.rated_w / heaters.pieces
    assert np.all((each_w >= 400) & (each_w <= 1000))
    assert np.all(heaters.rated_w >= 1.3 * heaters.design_w)
    assert heaters.pieces.min() > 5


# -- kangs -----------------------------------------------------------------------------------------------------------


def test_a_kang_is_warm_at_night_and_switches_itself_off_in_the_morning() -> None:
    play = plays(ElectricKangs, 18.0)
    play.room_c = np.full(UNITS, 13.0)
    seen: dict[int, tuple[Floats, Floats, Floats]] = {}
    for _ in range(24 * 60):
        play.step()
        seen[round(play.hour * 60)] = play.shows("surface_c"), play.shows("auto_off_min"), play.shows("power_w")
    set_c = play.shows("set_c")
    assert np.all((set_c >= 35) & (set_c <= 45))
    for minute in range(23 * 60, 24 * 60):
        assert np.all(np.abs(seen[minute][0] - set_c) < 3.5)
        assert np.all(seen[minute][0] < set_c + 0.5)
    np.testing.assert_allclose(seen[60][1] - seen[180][1], 120, atol=0.1)
    assert np.all((seen[5 * 60][1] > 80) & (seen[5 * 60][1] <= 120))
    assert not any(seen[minute][part].any() for minute in range(7 * 60 + 2, 19 * 60) for part in (1, 2))
    assert np.all(seen[17 * 60][0] < 14)


def test_a_kang_left_on_keeps_its_heat_without_a_timer_by_day() -> None:
    play = plays(ElectricKangs, 8.0)
    play.hurt(left_on=55)
    play.minutes(6 * 60)
    assert play.shows("set_c")[0] == 55
    assert play.shows("surface_c")[0] == pytest.approx(53.5, abs=1.5)
    assert play.shows("surface_c")[2] < 30
    assert not play.shows("auto_off_min").any()
    play.minutes(9 * 60)
    assert (play.shows("auto_off_min") > 0).tolist() == [False, False, True, True]


def test_a_kangs_stuck_relay_heats_beyond_60_degrees_by_day() -> None:
    play = plays(ElectricKangs, 10.0)
    play.hurt(relay_stuck=1)
    play.minutes(6 * 60)
    assert not play.shows("relay").any()
    assert play.shows("power_w")[0] == play.heaters.rated_w[0]
    most_c = DEVICE_TYPE["electric_kang"].limits["surface_c"].at_most
    assert most_c is not None
    assert play.shows("surface_c")[0] > most_c
    assert play.fault(0) == "relay_stuck"


def test_a_covered_kang_climbs_past_its_limit() -> None:
    play = plays(ElectricKangs, 21.0)
    play.hurt(surface_hot=25)
    play.minutes(5 * 60)
    assert play.shows("surface_c")[0] == pytest.approx(LIMIT_C + 25, abs=4)
    assert play.shows("surface_c")[2] < LIMIT_C
    assert play.fault(0) == "surface_hot"


def test_the_stove_beside_a_kang_needs_no_power() -> None:
    play = plays(ElectricKangs, 12.0, -19.0)
    play.room_c, play.powered = np.full(UNITS, 12.0), np.zeros(UNITS, dtype=np.bool_)
    assert np.all(play.step() > 0.8 * play.heaters.design_w)
    play.outdoor_c, play.room_c = 20.0, np.full(UNITS, 20.0)
    play.minutes(600)
    assert np.all(play.step() < 100)


def test_nobody_heats_the_bed_in_summer() -> None:
    play = plays(ElectricKangs, 22.0, 20.0)
    play.minutes(240)
    assert not play.shows("power_w").any()
    assert not play.shows("auto_off_min").any()
