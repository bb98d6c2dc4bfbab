"""Electric heaters: what holds for every kind, then each fault as an engineer expects to see it (SAFETY.md)."""

from __future__ import annotations

import numpy as np
import pytest

from catalogue.device_types import DEVICE_TYPE
from catalogue.metrics import METRIC
from device_sim.heaters.heat_pump import HeatPumps
from device_sim.heaters.heater import Heaters, Start
from device_sim.heaters.hot_air import HotAirUnits
from device_sim.heaters.kang import ElectricKangs
from device_sim.heaters.resistive import CarbonCrystalPanels, HeatingCables, HeatingFilms
from device_sim.heaters.storage_boiler import CUT_OUT_C, FULL_C, StorageBoilers, WaterStores
from device_sim.heaters.storage_heater import CORE_J_K, HOT_C, StorageHeaters
from device_sim.heaters.valley import Valley
from device_sim.heaters.wind_power import RESERVE_PCT, WindPowerHeaters
from device_sim.homes.house import AIR_MASS_W_K, MASS_SHARE, UA_W_K, Conductances, Houses
from tests.played import UNITS, Play, plays

KINDS: tuple[type[Heaters], ...] = (
    HeatPumps, HotAirUnits, StorageHeaters, StorageBoilers, WindPowerHeaters, CarbonCrystalPanels, HeatingFilms,
    HeatingCables, ElectricKangs,
)  # fmt: skip
_SURFACE = {"relay_stuck": 1.0, "surface_hot": 100.0, "leakage": 500.0}
FAULTS: dict[str, dict[str, float]] = {
    "air_source_heat_pump": {"refrigerant_leak": 0.6, "discharge_hot": 60, "compressor_failed": 1,
                             "defrost_failed": 0.5, "pump_failed": 1, "water_leak": 5},
    "hot_air_heat_pump": {"refrigerant_leak": 0.5, "compressor_failed": 1, "defrost_failed": 0.5, "fan_failed": 0.6},
    "storage_electric_heater": {"charge_stuck": 1000, "charge_failed": 1, "fan_failed": 1},
    "storage_electric_boiler": {"pump_failed": 1, "dry_fire": 0.95, "charge_failed": 1},
    "wind_power_heating": {"pump_failed": 1, "dry_fire": 0.95, "charge_failed": 1},
    "electric_kang": {"relay_stuck": 1, "surface_hot": 100, "left_on": 80},
    "carbon_crystal_panel": _SURFACE, "heating_film": _SURFACE, "heating_cable": _SURFACE,
}  # fmt: skip
STORES: tuple[type[WaterStores], ...] = (StorageBoilers, WindPowerHeaters)


def in_range(heaters: Heaters) -> None:
    for name, values in heaters.metrics(np.arange(UNITS)).items():
        assert np.all((values >= METRIC[name].low) & (values <= METRIC[name].high)), (name, values)  # NaN fails too


# -- every kind ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_knows_the_metrics_and_shows_the_faults_of_its_type(kind: type[Heaters]) -> None:
    own = set(DEVICE_TYPE[kind.TYPE].metrics) - {"indoor_c", "set_c"}
    if kind is ElectricKangs:
        own |= {"set_c"}  # the kang's, not the room's
    found = plays(kind).heaters.metrics(np.array([2, 0]))
    assert set(found) == own
    assert all(values.shape == (2,) and values.dtype == np.float64 for values in found.values())
    assert set(kind.SHOWS) <= set(DEVICE_TYPE[kind.TYPE].faults)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("outdoor_c", [-31.6, 10.0])
def test_values_stay_within_the_catalogue_with_every_fault(kind: type[Heaters], outdoor_c: float) -> None:
    for name, strength in FAULTS[kind.TYPE].items():
        play = plays(kind, 21.0, outdoor_c)
        play.minutes(30)
        play.hurt(**{name: strength})
        for _ in range(4):
            play.minutes(30)
            in_range(play.heaters)
            assert not play.heaters.fault[UNITS // 2 :].any()
        play.faults, play.powered = {}, np.zeros(UNITS, dtype=np.bool_)
        play.minutes(60)
        in_range(play.heaters)
        play.powered = np.ones(UNITS, dtype=np.bool_)
        play.minutes(120)
        in_range(play.heaters)
        assert not play.heaters.fault.any(), "repaired, and still showing a fault"
        assert not any(bit.any() for bit in play.heaters.bits().values())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step_s", [60.0, 300.0])
def test_a_sound_heater_holds_the_room_at_minus_19(kind: type[Heaters], step_s: float) -> None:
    ua = np.linspace(0.8, 1.3, UNITS) * UA_W_K
    set_c = np.array([18.0, 14.0, 16.0, 18.0])
    walls = Conductances(ua, np.full(UNITS, AIR_MASS_W_K))
    houses = Houses(walls, set_c, set_c + MASS_SHARE * ua / AIR_MASS_W_K * (set_c + 19.0))
    play = plays(kind, 12.0, -19.0)
    play.set_c, rooms = set_c, []
    for _ in range(round(2 * 86_400 / step_s)):
        play.room_c, play.demand_w = houses.air_c, houses.demand_w(set_c, -19.0)
        play.curtailment = play.hour < 6
        houses.step(step_s, -19.0, play.step(step_s))
        rooms.append(houses.air_c)
    second_day = np.array(rooms[len(rooms) // 2 :])
    if kind is ElectricKangs:  # warms a bed, not a home
        assert second_day.min() > 12
        assert second_day.max() < 15
    else:
        np.testing.assert_allclose(second_day.mean(axis=0), set_c, atol=0.4)
        assert np.all(second_day > set_c - 2.5)
        assert np.all(second_day < set_c + 1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_meter_counts_the_power_and_nothing_is_drawn_without_power(kind: type[Heaters]) -> None:
    play = plays(kind, 20.0)
    drawn_kwh, first_kwh = np.zeros(UNITS), play.shows("energy_kwh")
    for minute in range(6 * 60):
        play.powered = np.arange(UNITS) != (0 if minute > 180 else -1)
        play.step()
        assert minute <= 180 or play.heaters.power_w[0] == 0
        drawn_kwh += play.heaters.power_w / 60e3
        np.testing.assert_array_equal(play.shows("power_w"), play.heaters.power_w)
    np.testing.assert_allclose(play.shows("energy_kwh") - first_kwh, drawn_kwh, rtol=1e-9)
    assert np.all(drawn_kwh[1:] > 0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_dice_give_the_same_bytes(kind: type[Heaters]) -> None:
    first, second = plays(kind), plays(kind)
    for play in (first, second):
        play.hurt(**dict(list(FAULTS[kind.TYPE].items())[:1]))
        play.minutes(90)
    for name, values in first.heaters.metrics(np.arange(UNITS)).items():
        assert values.tobytes() == second.shows(name).tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_one_step_of_a_minute_is_sixty_steps_of_a_second(kind: type[Heaters]) -> None:
    coarse, fine = plays(kind, 21.9), plays(kind, 21.9)
    coarse_j, fine_j = np.zeros(UNITS), np.zeros(UNITS)
    for _ in range(30):
        coarse_j += 60.0 * coarse.step(60.0)
        for _ in range(60):
            fine_j += fine.step(1.0)
    np.testing.assert_allclose(coarse_j, fine_j, rtol=0.03)
    for name, values in fine.heaters.metrics(np.arange(UNITS)).items():
        if name.endswith("_c") or name == "energy_kwh":
            np.testing.assert_allclose(coarse.shows(name), values, atol=1.5, err_msg=name)


# -- hot air ---------------------------------------------------------------------------------------------------------


def test_hot_air_comes_at_15_to_60_degrees_and_dips_while_defrosting() -> None:
    play = plays(HotAirUnits, outdoor_c=-5.0)
    play.demand_w = play.heaters.design_w
    supply_c, defrost = [], []
    for _ in range(8 * 60):
        play.step()
        supply_c.append(play.shows("supply_c"))
        defrost.append(play.shows("defrost"))
    warm, dips = np.array(supply_c), np.array(defrost) > 0
    assert np.all((warm >= 15) & (warm <= 60))
    assert warm[~dips].mean() > 35
    assert warm[dips].min() < 20
    assert 0.02 < dips.mean() < 0.15


def test_hot_air_units_grow_with_the_load_and_shrink_with_the_cold() -> None:
    play = plays(HotAirUnits, outdoor_c=-7.0)
    assert np.all((play.heaters.nominal_w / play.heaters.indoor_units) <= 7000)
    assert np.all((play.heaters.nominal_w / play.heaters.indoor_units) >= 3500)
    play.demand_w = play.heaters.nominal_w * 2
    play.humidity_pct = 0.0  # no frost
    np.testing.assert_allclose(play.step(), play.heaters.nominal_w, rtol=1e-6)
    play.outdoor_c = -12.0
    np.testing.assert_allclose(play.step(), 0.9 * play.heaters.nominal_w, rtol=1e-6)
    play.outdoor_c = -22.0  # and an electric kilowatt in each indoor unit
    np.testing.assert_allclose(play.step(), 0.7 * play.heaters.nominal_w + 1000 * play.heaters.indoor_units, rtol=1e-6)


@pytest.mark.parametrize(
    ("fault", "strength", "shown", "locked"),
    [("compressor_failed", 1, "compressor_failed", True), ("fan_failed", 1, "fan_failed", False),
     ("refrigerant_leak", 0.5, "refrigerant_leak", False), ("defrost_failed", 0.5, "defrost_failed", False)],
)  # fmt: skip
def test_faults_of_hot_air_units(fault: str, strength: float, shown: str, locked: bool) -> None:  # noqa: FBT001 - a case
    play = plays(HotAirUnits)
    play.hurt(**{fault: strength})
    play.humidity_pct, play.demand_w, play.heaters.eta[:] = 0.0, play.heaters.design_w, 0.40
    play.minutes(30)
    sick_w, sound_w = play.step()[[0, 2]] / play.demand_w[[0, 2]]
    assert play.fault(0) == shown
    assert play.heaters.bits()["lockout"].tolist() == [locked, locked, False, False]
    if fault in {"compressor_failed", "fan_failed"}:
        assert sick_w == play.shows("compressor_hz")[0] == 0
        assert play.shows("supply_c")[0] == pytest.approx(18, abs=0.1)
    else:
        assert sick_w < 0.85 * sound_w
        # although its air is cooler, which is easier to make
        assert play.shows("supply_c")[0] < play.shows("supply_c")[2]
        drawn = play.shows("power_w")[[0, 2]] / play.demand_w[[0, 2]]
        assert drawn[0] / sick_w > drawn[1] / sound_w
        assert play.shows("compressor_hz")[0] == pytest.approx(90)
        assert play.shows("coil_c")[0] < play.shows("coil_c")[2] - 3


def test_a_slow_fan_makes_the_supply_hotter_and_the_heat_less() -> None:
    play = plays(HotAirUnits, outdoor_c=-15.0)
    play.demand_w = play.heaters.design_w
    play.hurt(fan_failed=0.6)
    play.humidity_pct = 0.0
    play.minutes(30)
    assert play.step()[0] < 0.9 * play.demand_w[0]
    assert play.shows("supply_c")[2] + 5 < play.shows("supply_c")[0] <= 60


# -- storage heaters -------------------------------------------------------------------------------------------------


def test_storage_heaters_keep_their_energy_and_are_charged_within_the_window() -> None:
    play = plays(StorageHeaters, 8.0, -6.7)
    play.heaters.core_c[:] = 640.0
    first_c, bought_kwh, given_j = play.heaters.core_c.copy(), play.shows("energy_kwh"), np.zeros(UNITS)
    low_pct = np.full(UNITS, 100.0)
    for _ in range(3 * 24 * 60):  # three ordinary winter days, from the close of the window
        given_j += 60.0 * play.step()
        low_pct = np.minimum(low_pct, play.shows("charge_pct"))
        if 8 <= play.hour < 22:
            assert not play.shows("charging").any()
        if 7.9 < play.hour < 8:
            assert play.shows("charge_pct").min() >= 90
    assert low_pct.max() < 60, "the days must empty them"
    stored_j = (play.heaters.core_c - first_c) * play.heaters.cores * CORE_J_K
    np.testing.assert_allclose(given_j + stored_j, (play.shows("energy_kwh") - bought_kwh) * 3.6e6, rtol=1e-4)
    np.testing.assert_allclose(given_j / (3 * 86_400), play.demand_w, rtol=0.02)


def test_a_stuck_contactor_heats_the_core_at_noon_and_reports_it() -> None:
    play = plays(StorageHeaters, 8.0)
    play.hurt(charge_stuck=900)
    play.minutes(4 * 60)
    core_c, case_c = play.shows("core_c"), play.shows("case_c")
    assert play.hour == 12
    assert HOT_C < core_c[0] < 900
    assert core_c[2] < 650
    assert case_c[0] > case_c[2] + 10
    assert play.shows("charging").tolist() == [1, 1, 0, 0]
    assert play.fault(0) == "core_hot"
    assert play.heaters.bits()["overheat"].tolist() == [True, True, False, False]
    play.minutes(24 * 60)
    assert play.shows("core_c")[0] == pytest.approx(900, abs=1)


def test_without_charge_the_core_stays_empty_through_the_night() -> None:
    play = plays(StorageHeaters, 22.0)
    play.hurt(charge_failed=1)
    play.minutes(60)
    assert play.fault(0) == "charge_failed"
    play.minutes(8 * 60)
    assert play.shows("charge_pct")[0] < 10
    assert play.shows("charge_pct")[2] > 80
    assert play.shows("power_w")[0] < 20


def test_without_its_fan_a_full_core_gives_little_and_its_outlet_is_hot() -> None:
    play = plays(StorageHeaters, 8.0)
    play.hurt(fan_failed=1)
    given_w = play.step()
    assert given_w[0] < 0.4 * play.demand_w[0]
    assert given_w[2] == pytest.approx(play.demand_w[2], rel=0.02)
    assert play.fault(0) == "fan_failed"
    assert play.shows("outlet_c")[0] > 18 + 30
    play.minutes(10 * 60)
    assert play.shows("core_c")[0] > play.shows("core_c")[2] + 100


def test_the_outlet_of_a_sound_storage_heater_stays_below_60() -> None:
    play = plays(StorageHeaters, 8.0)
    play.heaters.core_c[:] = 650.0
    play.demand_w *= 10
    play.step()
    assert np.all(play.shows("outlet_c") < 60)


def test_the_window_can_be_another() -> None:
    valley = Valley(13.0, 15.5)
    assert [valley.is_open(hour) for hour in (12.9, 13.0, 15.4, 15.5, 23.0)] == [False, True, True, False, False]
    heaters = StorageBoilers(np.full(2, 7600.0), Start(12.0, -10.0, np.full(2, 18.0)), np.random.default_rng(1), valley)
    play = Play(heaters, 12.5)
    play.minutes(20)
    assert not play.shows("charging").any()
    play.minutes(20)
    assert play.shows("charging").all()


# -- water stores ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", STORES)
def test_a_tank_keeps_its_energy_and_its_layers(kind: type[WaterStores]) -> None:
    play = plays(kind, 8.0)
    store = play.heaters
    water_j_k = store.volume_m3 * 4.186e6 / 2
    first_c, given_j, charged_j = store.top_c + store.bottom_c, np.zeros(UNITS), np.zeros(UNITS)
    for _ in range(48 * 60):
        play.curtailment = 2 < play.hour < 5
        given_j += 60.0 * play.step()
        charged_j += 60.0 * store.charge_w
        assert np.all(store.top_c >= store.bottom_c)
        assert np.all(play.shows("flow_c") <= np.maximum(play.shows("tank_top_c"), 40.0))
    stored_j = (store.top_c + store.bottom_c - first_c) * water_j_k
    np.testing.assert_allclose(given_j + stored_j, charged_j, rtol=1e-4)
    np.testing.assert_allclose(given_j / (48 * 3600), play.demand_w, rtol=0.05)


def test_a_storage_boiler_charges_in_the_valley_until_it_is_full() -> None:
    play = plays(StorageBoilers, 20.0)
    play.minutes(119)
    assert not play.shows("charging").any()
    play.minutes(30)
    assert play.shows("charging").all()
    play.minutes(9 * 60)
    assert play.shows("charge_pct").min() > 95
    assert play.shows("tank_top_c").max() <= FULL_C + 0.1


def test_wind_power_charges_when_wind_is_offered_and_a_reserve_in_the_valley() -> None:
    play = plays(WindPowerHeaters, 12.0)
    play.minutes(5)
    assert not play.shows("charging").any()
    assert not play.shows("curtailment").any()
    play.curtailment = True
    play.minutes(5)
    assert play.shows("charging").all()
    assert play.shows("curtailment").all()
    play.curtailment = False
    for store in (play.heaters.top_c, play.heaters.bottom_c):
        store[:2], store[2:] = 48.0, 75.0
    play.minutes(5)
    assert not play.shows("charging").any(), "by day the reserve waits for the valley"
    play.now_s, play.start_hour = 0.0, 22.0
    play.minutes(5)
    assert play.shows("charging").tolist() == [1, 1, 0, 0]
    play.demand_w *= 0.3
    play.minutes(9 * 60)
    assert play.shows("charge_pct")[:2].max() <= RESERVE_PCT[1] + 2


@pytest.mark.parametrize("kind", STORES)
def test_a_tank_without_its_pump_stays_hot_while_the_pipes_cool(kind: type[WaterStores]) -> None:
    play = plays(kind, 8.0)
    play.minutes(30)
    play.hurt(pump_failed=1)
    play.minutes(180)
    assert play.fault(0) == "no_water_flow"
    assert play.shows("flow_c")[0] == pytest.approx(18, abs=1)
    assert play.shows("flow_c")[2] > 30
    assert play.shows("tank_top_c")[0] > play.shows("tank_top_c")[2] + 1
    assert play.step()[0] < 0.1 * play.demand_w[0]


@pytest.mark.parametrize("kind", STORES)
def test_a_dry_element_cuts_out_and_locks_at_any_hour(kind: type[WaterStores]) -> None:
    play = plays(kind, 12.0)
    play.hurt(dry_fire=0.7)
    hottest_c, drew = 0.0, False
    for _ in range(20 * 20):
        play.step(3.0)
        hottest_c = max(hottest_c, float(play.shows("tank_top_c")[0]))
        drew = drew or bool(play.shows("power_w")[0] > 10_000)
    assert drew
    assert CUT_OUT_C <= hottest_c < CUT_OUT_C + 6
    assert play.shows("charging")[0] == 0
    assert play.fault(0) == "dry_fire"
    assert play.heaters.bits()["lockout"].tolist() == [True, True, False, False]
    assert play.shows("tank_top_c")[0] < hottest_c - 10


@pytest.mark.parametrize("kind", STORES)
def test_a_tank_that_is_not_charged_stays_empty(kind: type[WaterStores]) -> None:
    play = plays(kind, 22.0)
    play.curtailment = True
    play.hurt(charge_failed=1)
    play.minutes(6 * 60)
    assert play.fault(0) == "charge_failed"
    assert play.shows("charging").tolist() == [0, 0, 1, 1]
    assert play.shows("charge_pct")[0] < 10
    assert play.shows("charge_pct")[2] > 50
