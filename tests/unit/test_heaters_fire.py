"""Fires in the home: gas boilers, pellet and coal stoves; what they heat, what they leak, and what breaks in them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from device_sim.heaters.burner import Burner
from device_sim.heaters.coal_stove import CleanCoalStoves, LooseCoalStoves
from device_sim.heaters.fumes import leaked_co_m3_h
from device_sim.heaters.gas_boiler import GasBoilers
from device_sim.heaters.gas_fire import LIMIT_C
from device_sim.heaters.heater import Heaters
from device_sim.heaters.pellet_fire import State
from device_sim.heaters.pellet_stove import PelletStoves
from device_sim.homes.air import HomeAir
from tests.heated import DESIGN_W, Rig

# -- gas wall boilers ------------------------------------------------------------------------------------------------


def test_a_stuck_boiler_passes_95_and_102_but_not_the_limit() -> None:
    rig = Rig(GasBoilers, units=2, faults={"overheat": 105.5}, sick=[1])
    passed: dict[float, float] = {}
    for second in range(180):
        rig.step(1.0)
        for mark_c in (95.0, 102.0):
            if rig.shown("flow_c")[1] >= mark_c:
                passed.setdefault(mark_c, second)
    assert 40 <= passed[95.0] <= 80
    assert 30 <= passed[102.0] - passed[95.0] <= 60
    assert rig.shown("flow_c")[0] < 80
    assert rig.shown("flow_c")[1] < LIMIT_C
    assert not rig.bit("lockout").any()
    assert not rig.bit("overheat").any()


@pytest.mark.parametrize("dt_s", [1.0, 60.0])
def test_a_boiler_beyond_its_limit_locks_out_cools_and_is_reset_once_it_is_mended(dt_s: float) -> None:
    rig = Rig(GasBoilers, units=3, faults={"overheat": 125.0}, sick=[1])
    rig.run(10, dt_s)
    assert rig.shown("lockout").tolist() == rig.bit("overheat").tolist() == rig.bit("lockout").tolist() == [0, 1, 0]
    assert rig.says() == ["", "overheat", ""]
    assert rig.shown("flow_c")[1] < LIMIT_C
    rig.run(60)
    assert rig.says() == ["", "overheat", ""], "while the cause is there, a reset does not hold"
    rig.faults = {}
    rig.run(4)
    assert rig.says() == ["", "overheat", ""], "nobody has been there yet"
    rig.run(40)
    assert rig.says() == ["", "", ""]
    assert rig.heat_w()[1] > 0.8 * rig.demand_w[1]


def test_a_boiler_follows_its_sequence_and_heats_what_is_asked() -> None:
    rig = Rig(GasBoilers, units=40)
    rig.demand_w[:] = 4500.0
    starts, heat, seen = rig.shown("burner_starts"), 0.0, set[int]()
    for _ in range(3600):
        heat += rig.step(2.0).mean() / 3600
        seen |= set(rig.heaters.fire.burners.state(np.arange(40)).tolist())
    assert seen >= {Burner.OFF, Burner.PREPURGE, Burner.IGNITE, Burner.RUN, Burner.POSTPURGE}
    assert heat == pytest.approx(4500.0, rel=0.15)
    assert 0 < (rig.shown("burner_starts") - starts).mean() < 20


def test_a_burner_that_does_not_light_gives_up_after_three_tries_and_locks_out() -> None:
    rig = Rig(GasBoilers, units=60, faults={"ignition_failed": 1.0}, sick=range(30))
    rig.run(60, 30.0)
    locked = rig.bit("lockout")
    assert locked[:30].mean() > 0.9
    assert not locked[30:].any()
    assert {rig.says()[row] for row in np.flatnonzero(locked)} == {"ignition_failed"}
    assert not rig.shown("flame")[locked].any()
    assert rig.shown("flow_c")[locked].max() < rig.shown("flow_c")[30:].min()


def test_one_try_of_three_takes_fourteen_seconds() -> None:
    rig = Rig(GasBoilers, units=1, faults={"ignition_failed": 1.0})
    rig.powered[:] = False
    rig.run(1)
    rig.powered[:] = True
    rig.heaters.fire.loop.flow_c[:] = 20.0
    states = [rig.step(1.0) is not None and rig.heaters.fire.burners.state(np.array([0]))[0] for _ in range(43)]
    assert states[:9] == [Burner.PREPURGE] * 9
    assert states[10:13] == [Burner.IGNITE] * 3
    assert states[14:23] == [Burner.PREPURGE] * 9
    assert states[41:] == [Burner.LOCKOUT] * 2


def test_a_flame_that_is_lost_again_and_again_locks_out_and_a_rare_loss_does_not() -> None:
    often = Rig(GasBoilers, units=60, faults={"flame_lost": 12.0})
    rarely = Rig(GasBoilers, units=60, faults={"flame_lost": 0.5})
    for rig in (often, rarely):
        rig.run(120)
    assert often.bit("lockout").mean() > 0.9
    assert set(often.says()) <= {"flame_lost", ""}
    assert rarely.bit("lockout").mean() < 0.1


def test_without_gas_a_village_goes_out_at_once_and_with_less_gas_it_burns_lower() -> None:
    rig = Rig(GasBoilers, units=60, faults={"gas_cut": 1.0})
    rig.run(1)
    assert not rig.shown("flame").any()
    rig.run(20)
    assert rig.bit("lockout").all()
    gas_m3 = rig.shown("gas_m3")
    rig.run(30)
    assert np.array_equal(gas_m3, rig.shown("gas_m3"))
    rig.faults = {}
    rig.run(45)
    assert not rig.bit("lockout").any()
    low = Rig(GasBoilers, units=60, faults={"gas_cut": 0.45})
    low.demand_w[:] = 30_000.0
    low.run(60)
    assert low.shown("modulation_pct").max() <= 55 + 1e-9
    assert low.shown("flame").mean() > 0.8


def test_a_blocked_flue_brings_carbon_monoxide_while_it_fires_and_half_of_the_boilers_say_so() -> None:
    rig = Rig(GasBoilers, units=200, faults={"blocked_flue": 0.2}, sick=range(100))
    healthy = Rig(GasBoilers, units=200)
    for one in (rig, healthy):
        one.run(20)
    assert healthy.heaters.co_m3_h() is None
    source = rig.co_m3_h()
    assert not source[100:].any()
    firing = rig.shown("flame")[:100] > 0
    assert firing.mean() > 0.8
    np.testing.assert_allclose(source[:100][firing].max(), 0.2)
    assert np.median(rig.shown("exhaust_c")[:100] - healthy.shown("exhaust_c")[:100]) == pytest.approx(45, abs=2)
    said = [text == "flue_blocked" for text in rig.says()]
    assert 0.3 < np.mean(said[:100]) < 0.7
    assert not any(said[100:])
    rig.demand_w[:] = 0.0
    rig.room_c[:] = 25.0
    rig.run(5)
    assert not rig.co_m3_h().any(), "no fire, no fumes"


def test_a_leaking_loop_loses_its_pressure_until_the_burner_is_blocked_and_is_filled_again() -> None:
    rig = Rig(GasBoilers, units=4, faults={"water_leak": 0.4}, sick=[0, 1])
    before = rig.shown("water_bar")
    rig.run(60)
    assert before[0] - rig.shown("water_bar")[0] == pytest.approx(0.4, abs=0.1)
    rig.run(180)
    assert rig.says() == ["low_water_pressure", "low_water_pressure", "", ""]
    assert not rig.shown("flame")[:2].any()
    assert rig.shown("water_bar")[2] == pytest.approx(before[2], abs=0.1)
    rig.faults = {}
    rig.run(30)
    assert rig.says() == [""] * 4
    assert np.all(rig.shown("water_bar") > 0.9)


def test_frost_protection_works_only_while_powered() -> None:
    rig = Rig(GasBoilers, units=2)
    rig.room_c[:], rig.demand_w[:], rig.powered[:] = 1.0, 0.0, [True, False]
    coldest = np.full(2, 99.0)
    for _ in range(300):
        rig.step()
        coldest = np.minimum(coldest, rig.shown("flow_c"))
    assert coldest[0] > 4.0
    assert coldest[1] < 1.5
    assert not rig.bit("freeze")[1], "without power nobody says so"


def test_a_locked_boiler_in_a_freezing_home_says_that_it_freezes() -> None:
    rig = Rig(GasBoilers, units=2, faults={"ignition_failed": 1.0}, sick=[0])
    rig.room_c[:] = 2.0
    rig.run(300)
    assert rig.bit("freeze").tolist() == [True, False]


# -- pellet stoves ---------------------------------------------------------------------------------------------------


def test_a_pellet_stove_starts_runs_modulates_and_cools_down() -> None:
    rig = Rig(PelletStoves, units=8)
    rig.powered[:] = False
    rig.run(60)
    assert not rig.shown("fan_rpm").any()
    rig.powered[:] = True
    rig.room_c[:] = 16.0
    seen = []
    for minute in range(240):
        rig.room_c[:] = 16.0 if minute < 60 else 18.0 if minute < 120 else 20.0
        rig.demand_w = np.full(8, DESIGN_W if minute < 60 else 1000.0)
        rig.step()
        seen.append(int(rig.shown("state")[0]))
    order = [state for place, state in enumerate(seen) if place == 0 or seen[place - 1] != state]
    assert order == [State.STARTING, State.RUNNING, State.MODULATING, State.COOLING, State.OFF]
    assert seen.count(State.STARTING) == 10
    assert not rig.shown("feed_pct").any()


def test_level_fan_fumes_and_hopper_follow_the_demand() -> None:
    rig = Rig(PelletStoves, units=8)
    rig.hour = 12.0
    shown = []
    for demand_w in (2500.0, 5000.0, 9000.0):
        rig.demand_w[:] = demand_w
        rig.run(60)
        shown.append({name: rig.shown(name) for name in ("power_level", "fan_rpm", "fumes_c", "feed_pct")})
    for weak, strong in pairwise(shown):
        assert all(np.all(strong[name] > weak[name]) for name in weak)
    assert np.all((shown[0]["power_level"] >= 1) & (shown[2]["power_level"] <= 5))
    before = rig.shown("hopper_pct")
    rig.run(60)
    kg = (before - rig.shown("hopper_pct")) / 100 * 24 * rig.heaters.fire.rated_kg_h
    np.testing.assert_allclose(kg, 9000.0 * 3600 / (0.85 * 17e6), rtol=0.05)


def test_the_household_fills_the_hopper_every_morning() -> None:
    rig = Rig(PelletStoves, units=20)
    lowest, before, hours = np.full(20, 100.0), rig.shown("hopper_pct"), []
    for _ in range(2 * 24 * 30):
        rig.step(120.0)
        lowest, filled = np.minimum(lowest, rig.shown("hopper_pct")), rig.shown("hopper_pct") > before
        before = rig.shown("hopper_pct")
        hours += [rig.hour] * int(filled.sum())
    assert len(hours) == 2 * 20, "each of them once a morning"
    assert len(set(hours)) > 10, "not all at once"
    assert 6.5 <= min(hours) < max(hours) <= 9.1
    assert np.all(lowest > 5)
    assert np.all(lowest < 60)
    assert rig.says() == [""] * 20


@pytest.mark.parametrize("fault", ["feed_jam", "out_of_fuel"])
def test_without_pellets_the_fire_dies_and_the_stove_says_why(fault: str) -> None:
    rig = Rig(PelletStoves, units=3, faults={fault: 1.0}, sick=[0])
    warm = rig.run(60)
    assert rig.says() == [fault, "", ""]
    assert rig.shown("state")[0] == State.FAULT
    assert rig.bit("lockout").tolist() == [True, False, False]
    assert rig.shown("fumes_c")[0] < 60 < rig.shown("fumes_c")[1]
    assert warm[0] < 0.05 * warm[1]
    rig.faults = {}
    rig.room_c[:] = 17.0
    rig.run(90)
    assert rig.says() == ["", "", ""]
    assert rig.heat_w()[0] > 0.8 * rig.demand_w[0]


def test_burning_soot_makes_the_fumes_hot_and_stops_the_feed() -> None:
    rig = Rig(PelletStoves, units=2, faults={"fumes_hot": 420.0}, sick=[0])
    rig.run(30)
    assert rig.says() == ["fumes_hot", ""]
    assert rig.shown("fumes_c")[0] == pytest.approx(420, abs=5)
    assert rig.bit("overheat").tolist() == [True, False]
    assert rig.shown("feed_pct")[0] == 0


# -- carbon monoxide of solid fires ----------------------------------------------------------------------------------


def test_one_kilogram_an_hour_settles_at_358_ppm() -> None:
    air = HomeAir(np.array([40.0]), np.array([0.3]))
    source = leaked_co_m3_h(np.array([1.0]), 100.0, 0.05)
    air.step(1e9, source)
    assert air.ppm[0] == pytest.approx(358.0, abs=1.0)
    rig = Rig(LooseCoalStoves, units=1, faults={"back_draught": 0.05})
    rig.heaters.co_g_kg[:] = 100.0
    rig.hour = 11.0
    rig.demand_w[:] = rig.heaters.heat_w(np.array([1.0]))
    rig.run(240)
    np.testing.assert_allclose(rig.co_m3_h(), source, rtol=0.01)


def ppm_of_a_day(rig: Rig, volume_m3: float = 40.0, changes_per_h: float = 0.4) -> np.ndarray:
    """Carbon monoxide in the stove rooms, by minute of a day from noon on, after a day to settle."""
    units = len(rig.room_c)
    air = HomeAir(np.full(units, volume_m3), np.full(units, changes_per_h))
    rig.hour, seen = 12.0, []
    for minute in range(0, 2 * 1440, 2):
        rig.step(120.0)
        air.step(120.0, rig.co_m3_h())
        if minute >= 1440:
            seen += [air.ppm] * 2
    return np.array(seen)


def test_pellet_stoves_keep_their_rooms_under_10_ppm() -> None:
    assert ppm_of_a_day(Rig(PelletStoves, units=60), changes_per_h=0.3).max() < 10


@pytest.mark.parametrize("kind", [CleanCoalStoves, LooseCoalStoves])
def test_coal_stoves_stay_low_and_peak_when_they_are_stoked(kind: type[Heaters]) -> None:
    ppm = ppm_of_a_day(Rig(kind, units=100))
    peaks = ppm.max(axis=0)
    assert np.median(ppm) < 15
    assert peaks.max() < 75
    assert 0.05 < (peaks > 15).mean() < 0.35, "some draw badly"
    worst = int(np.argmax(ppm[:, np.argmax(peaks)]))
    assert 4 * 60 < worst < 11 * 60 or worst > 17 * 60, "when stoked: in the evening or in the morning"


@pytest.mark.parametrize("kind", [CleanCoalStoves, LooseCoalStoves])
def test_ordinary_coal_stoves_do_not_alarm_in_the_smallest_and_tightest_room(kind: type[Heaters]) -> None:
    rig = Rig(kind, units=300, outdoor_c=-19.0)
    rig.demand_w[:] = DESIGN_W
    ppm = ppm_of_a_day(rig, 30.0, 0.3)
    # the weakest of the default rules: 30 ppm for 120 min
    beyond, longest = np.zeros(300), np.zeros(300)
    for now in ppm:
        beyond = np.where(now >= 30.0, beyond + 1, 0.0)
        longest = np.maximum(longest, beyond)
    assert longest.max() < 120
    assert ppm.max() < 60


@pytest.mark.parametrize(("fault", "strength"), [("smouldering", 150.0), ("back_draught", 0.05), ("blocked_flue", 0.2)])
def test_faults_of_a_coal_stove_are_dangerous_at_night(fault: str, strength: float) -> None:
    rig = Rig(CleanCoalStoves, units=10, faults={fault: strength}, sick=range(5))
    ppm = ppm_of_a_day(rig)
    night = ppm[11 * 60 : 17 * 60]
    assert night[:, :5].max(axis=0).min() > 100
    assert night[:, 5:].max() < 75


def test_a_coal_stove_burns_in_a_power_cut_and_tells_nothing() -> None:
    rig = Rig(CleanCoalStoves, units=2)
    rig.powered[:] = False
    rig.run(120)
    assert np.all(rig.heat_w() > 0.5 * rig.demand_w)
    assert rig.heaters.metrics(np.array([0, 1])) == {}
    assert rig.heaters.bits() == {}


def test_loose_coal_beside_a_heating_brings_its_heat() -> None:
    kg_h = np.array([0.0, 1.0, 2.0])
    np.testing.assert_allclose(LooseCoalStoves.heat_w(kg_h), kg_h * 0.5 * 22e6 / 3600)
    assert np.all(np.diff(LooseCoalStoves.co_into_room_m3_h(kg_h)) > 0)


def test_pellet_stoves_let_fumes_in_when_the_wind_presses_or_the_flue_is_blocked() -> None:
    normal = Rig(PelletStoves, units=40)
    pressed = Rig(PelletStoves, units=40, faults={"back_draught": 0.05})
    blocked = Rig(PelletStoves, units=40, faults={"blocked_flue": 0.2})
    for rig in (normal, pressed, blocked):
        rig.run(30)
    assert np.all(pressed.co_m3_h() > 50 * normal.co_m3_h())
    np.testing.assert_allclose(blocked.co_m3_h(), 0.2, rtol=0.01)
    assert np.all(blocked.shown("fumes_c") > normal.shown("fumes_c") + 30)
    assert 5 < blocked.says().count("flue_blocked") < 35
