"""What holds for every heater that burns, takes the sun or serves a village; then the plants' faults, one by one."""

from __future__ import annotations

import numpy as np
import pytest

from catalogue.device_types import DEVICE_TYPE
from catalogue.metrics import METRIC
from device_sim.climate.sun import clear_sky_wm2
from device_sim.heaters.biomass_boiler import BiomassBoilers
from device_sim.heaters.coal_stove import CleanCoalStoves, LooseCoalStoves
from device_sim.heaters.energy_centre import EnergyCentres
from device_sim.heaters.gas_boiler import GasBoilers
from device_sim.heaters.gas_plant import GasPlants
from device_sim.heaters.heater import Heaters
from device_sim.heaters.loop import WaterLoop
from device_sim.heaters.pellet_fire import State
from device_sim.heaters.pellet_stove import PelletStoves
from device_sim.heaters.solar import SolarHeaters
from device_sim.heaters.substation import Substations
from device_sim.homes.house import AIR_MASS_W_K, MASS_SHARE, UA_W_K, Conductances, Houses
from tests.heated import DESIGN_W, Rig

REPORTING: tuple[type[Heaters], ...] = (
    GasBoilers, PelletStoves, SolarHeaters, GasPlants, BiomassBoilers, Substations, EnergyCentres,
)  # fmt: skip
ALL = (*REPORTING, CleanCoalStoves, LooseCoalStoves)
HOMES = 100
FAULTS: dict[type[Heaters], dict[str, float]] = {
    GasBoilers: {"overheat": 130, "ignition_failed": 1, "flame_lost": 120, "gas_cut": 1, "blocked_flue": 2,
                 "water_leak": 20},
    GasPlants: {"overheat": 130, "ignition_failed": 1, "flame_lost": 120, "gas_cut": 1, "gas_leak": 5},
    PelletStoves: {"blocked_flue": 2, "back_draught": 1, "feed_jam": 1, "out_of_fuel": 1, "fumes_hot": 900},
    BiomassBoilers: {"water_leak": 20, "dry_fire": 0.95, "feed_jam": 1, "out_of_fuel": 1, "fumes_hot": 900},
    SolarHeaters: {"pump_failed": 1},
    Substations: {"water_leak": 20, "pump_failed": 1, "heat_cut": 1},
    EnergyCentres: {},
}  # fmt: skip


def is_shared(kind: type[Heaters]) -> bool:
    """Whether a unit of this kind serves a village."""
    return kind.TYPE in DEVICE_TYPE and DEVICE_TYPE[kind.TYPE].shared


def bench(kind: type[Heaters], units: int = 4, **more: object) -> Rig:
    """Units of their usual size: a home's, or a village's of a hundred homes."""
    design_w = DESIGN_W * HOMES if is_shared(kind) else DESIGN_W
    return Rig(kind, units, design_w=design_w, **more)  # type: ignore[arg-type]


def in_range(rig: Rig) -> None:
    """Every value is a number that the catalogue lets a sensor put out."""
    for name, values in rig.heaters.metrics(np.arange(len(rig.room_c))).items():
        assert np.isfinite(values).all(), name
        assert np.all(values >= METRIC[name].low), (name, values)
        assert np.all(values <= METRIC[name].high), (name, values)


# -- every kind ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", REPORTING)
def test_a_kind_knows_the_metrics_and_shows_the_faults_of_its_type(kind: type[Heaters]) -> None:
    found = bench(kind).heaters.metrics(np.array([2, 0]))
    assert set(found) == set(DEVICE_TYPE[kind.TYPE].metrics) - {"indoor_c", "set_c"}
    assert all(values.shape == (2,) and values.dtype == np.float64 for values in found.values())
    assert set(kind.SHOWS) <= set(DEVICE_TYPE[kind.TYPE].faults)


@pytest.mark.parametrize("kind", REPORTING)
@pytest.mark.parametrize("outdoor_c", [-35.0, 30.0])
def test_values_stay_in_range_through_every_fault_and_a_power_cut_and_recover(
    kind: type[Heaters], outdoor_c: float
) -> None:
    for fault, strength in (FAULTS[kind] or {"nothing": 1.0}).items():
        rig = bench(kind, 3, faults={fault: strength}, sick=[0], outdoor_c=outdoor_c)
        rig.sun_wm2 = 1000.0
        rig.demand_w *= 0.0 if outdoor_c > 20 else 2.0
        for _ in range(6):
            rig.run(20, 120.0)
            in_range(rig)
            assert not rig.heaters.fault[1:].any()
        rig.faults, rig.sun_wm2 = {}, 0.0
        rig.powered[:] = False
        rig.run(30, 120.0)
        in_range(rig)
        assert not rig.heaters.power_w.any()
        rig.powered[:] = True
        rig.demand_w[:] /= 2
        rig.run(150, 120.0)
        in_range(rig)
        assert rig.says() == [""] * 3, f"{fault} is mended, and still shown"


@pytest.mark.parametrize("kind", ALL)
def test_a_sound_heater_holds_the_rooms_at_minus_19(kind: type[Heaters]) -> None:
    homes, out_c = 6, -19.0
    ua = np.linspace(0.8, 1.3, homes) * UA_W_K
    set_c = np.array([18.0, 14.0, 16.0, 18.0, 20.0, 19.0])
    houses = Houses(
        Conductances(ua, np.full(homes, AIR_MASS_W_K)), set_c, set_c + MASS_SHARE * ua / AIR_MASS_W_K * (set_c - out_c)
    )
    shared, design_w = is_shared(kind), ua * 37.0
    # a village: each of the six homes stands for many
    share = HOMES / homes
    rig = Rig(kind, 1 if shared else homes, design_w=share * float(design_w.sum()), outdoor_c=out_c)
    if not shared:
        rig.heaters = kind(design_w, rig.start, np.random.default_rng(1))
        rig.set_c[:] = set_c
    rooms = []
    for _ in range(36 * 30):
        demand_w = houses.demand_w(set_c, out_c)
        rig.room_c[:] = houses.air_c.mean() if shared else houses.air_c
        rig.demand_w = np.array([share * demand_w.sum()]) if shared else demand_w
        heat_w = rig.step(120.0)
        houses.step(120.0, out_c, heat_w / share * demand_w / demand_w.sum() if shared else heat_w)
        rooms.append(houses.air_c - set_c)
    last_day = np.array(rooms[12 * 30 :])
    if "coal" in kind.TYPE:  # banked at night
        assert last_day.min() > -3.0
        assert last_day.max() < 1.0
        assert -1.5 < last_day.mean() < 0
    else:
        assert np.abs(last_day.mean(axis=0)).max() < 0.4
        assert np.abs(last_day).max() < 1.0


@pytest.mark.parametrize("kind", REPORTING)
def test_the_same_dice_give_the_same_bytes(kind: type[Heaters]) -> None:
    first, second = (bench(kind, faults=FAULTS[kind], sick=[0]) for _ in range(2))
    other = bench(kind, faults=FAULTS[kind], sick=[0], seed=2)
    for rig in (first, second, other):
        rig.run(45)
    rows = np.arange(4)
    shown = [
        b"".join(values.tobytes() for values in rig.heaters.metrics(rows).values()) for rig in (first, second, other)
    ]
    assert shown[0] == shown[1] != shown[2]


@pytest.mark.parametrize("kind", ALL)
def test_one_step_of_a_minute_is_sixty_steps_of_a_second(kind: type[Heaters]) -> None:
    coarse, fine = bench(kind, 40), bench(kind, 40)
    coarse.sun_wm2 = fine.sun_wm2 = 500.0
    heat = np.zeros((2, 40))
    for _ in range(15):
        heat[0] += 60.0 * coarse.step(60.0)
        for _ in range(60):
            heat[1] += fine.step(1.0)
    assert heat[0].mean() == pytest.approx(heat[1].mean(), rel=0.02)
    if kind in REPORTING:
        for name in METRIC.keys() & coarse.heaters.metrics(np.arange(1)).keys():
            if name.endswith("_c"):
                assert coarse.shown(name).mean() == pytest.approx(fine.shown(name).mean(), abs=2.5), name


@pytest.mark.parametrize("dt_s", [1.0, 60.0, 3600.0])
@pytest.mark.parametrize("moving", [None, 0.2])
def test_the_water_keeps_its_energy_balance(dt_s: float, moving: float | None) -> None:
    loop = WaterLoop(
        np.array([7600.0]), np.array([30.0]), np.random.default_rng(1), water_s=14.0, filled_bar=(1.0, 1.5)
    )
    share, given_j, first_c = None if moving is None else np.array([moving]), 0.0, loop.flow_c[0]
    for _ in range(5):
        given_j += dt_s * loop.step(dt_s, np.array([18.0]), np.array([5000.0]), share)[0]
    stored_j = loop.water_j_k[0] * (loop.flow_c[0] - first_c)
    assert given_j + stored_j == pytest.approx(5 * dt_s * 5000.0, rel=1e-9)


@pytest.mark.parametrize("kind", [SolarHeaters, Substations, EnergyCentres])
def test_the_meter_counts_the_power(kind: type[Heaters]) -> None:
    rig = bench(kind)
    before, drawn_kwh = rig.shown("energy_kwh"), np.zeros(4)
    for _ in range(240):
        rig.step()
        drawn_kwh += rig.shown("power_w") / 60e3
    np.testing.assert_allclose(rig.shown("energy_kwh") - before, drawn_kwh, rtol=1e-6)
    assert np.all(drawn_kwh > 0.01)


# -- village plants --------------------------------------------------------------------------------------------------


def test_a_gas_plant_shows_its_combustion_and_the_gas_in_its_room() -> None:
    rig = bench(GasPlants, faults={"gas_leak": 1.0}, sick=[0])
    rig.run(180)
    assert np.all(rig.heaters.fire.rated_w >= 1.0e6)
    assert np.all((rig.shown("o2_pct") > 2.5) & (rig.shown("o2_pct") < 9))
    assert np.all((rig.shown("flue_co_ppm") > 5) & (rig.shown("flue_co_ppm") < 100))
    assert rig.shown("ch4_lel")[0] > 10
    assert not rig.shown("ch4_lel")[1:].any()
    assert rig.says() == ["gas_leak", "", "", ""]
    assert rig.bit("gas_alarm").tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("fault", "strength", "says", "minutes"),
    [("ignition_failed", 1, "ignition_failed", 120), ("flame_lost", 60, "flame_lost", 60),
     ("gas_cut", 1, "low_gas_pressure", 2), ("overheat", 125, "overheat", 20)],
)  # fmt: skip
def test_a_gas_plant_locks_out_and_its_water_cools(fault: str, strength: float, says: str, minutes: float) -> None:
    rig = bench(GasPlants, faults={fault: strength}, sick=[0, 1])
    rig.run(minutes)
    assert rig.says() == [says, says, "", ""]
    assert rig.bit("lockout").tolist() == rig.shown("lockout").tolist() == [True, True, False, False]
    assert rig.bit("overheat").tolist() == [fault == "overheat"] * 2 + [False] * 2
    rig.run(180)
    assert rig.shown("flow_c")[:2].max() < rig.shown("flow_c")[2:].min() - 5
    assert np.all(rig.shown("o2_pct")[:2] > 20)


def test_a_biomass_boiler_uses_up_its_store_and_a_lorry_comes() -> None:
    rig = bench(BiomassBoilers, 6)
    store = []
    for _ in range(4 * 24 * 12):
        rig.step(300.0)
        store.append(rig.shown("fuel_t"))
    tonnes = np.array(store)
    burnt = -np.minimum(np.diff(tonnes, axis=0), 0).sum(axis=0) / 4
    # 0.7 of 760 kW from 17 MJ/kg at 82 %, and what the network loses
    np.testing.assert_allclose(burnt, 0.7 * 760e3 * 86_400 / (0.82 * 17e6) / 1000 / 0.94, rtol=0.1)
    assert np.all(tonnes > 0)
    assert (np.diff(tonnes, axis=0) > 5).any()
    assert np.all(rig.shown("hopper_pct") > 40)


@pytest.mark.parametrize(("fault", "hot"), [("feed_jam", False), ("out_of_fuel", False), ("fumes_hot", True)])
def test_a_biomass_boiler_stops_and_says_why(fault: str, hot: bool) -> None:  # noqa: FBT001 - a case
    rig = bench(BiomassBoilers, faults={fault: 420.0 if hot else 1.0}, sick=[0])
    rig.run(90)
    assert rig.says() == [fault, "", "", ""]
    assert rig.shown("state").tolist() == [State.FAULT, State.RUNNING, State.RUNNING, State.RUNNING]
    assert rig.bit("overheat")[0] == hot
    assert (rig.shown("fumes_c")[0] > 380) == hot
    assert (rig.shown("fuel_t")[0] == 0) == (fault == "out_of_fuel")
    assert rig.shown("feed_pct")[0] == 0


def test_a_biomass_boiler_without_water_runs_hot_and_locks_out() -> None:
    rig = bench(BiomassBoilers, faults={"dry_fire": 0.7}, sick=[0])
    hottest = np.zeros(4)
    for _ in range(60):
        rig.step()
        hottest = np.maximum(hottest, rig.shown("water_c"))
    assert hottest[0] > 100
    assert hottest[1:].max() < 90
    assert rig.says() == ["dry_fire", "", "", ""]
    assert rig.bit("overheat").tolist() == [True, False, False, False]
    assert rig.shown("water_bar")[0] < 0.4 * rig.shown("water_bar")[1]


@pytest.mark.parametrize("kind", [BiomassBoilers, Substations])
def test_a_leak_sinks_the_pressure_of_a_village_and_stops_the_plant(kind: type[Heaters]) -> None:
    rig = bench(kind, faults={"water_leak": 0.4}, sick=[0])
    before = rig.shown("water_bar")
    rig.run(60)
    assert before[0] - rig.shown("water_bar")[0] == pytest.approx(0.4, abs=0.1)
    rig.run(360)
    assert rig.says() == ["low_water_pressure", "", "", ""]
    assert rig.step()[0] < 0.5 * rig.step()[1]


def test_a_substation_without_its_network_cools_down() -> None:
    rig = bench(Substations, faults={"heat_cut": 1.0}, sick=[0], outdoor_c=-19.0)
    rig.run(120)
    assert rig.says() == ["supply_cold", "", "", ""]
    assert rig.shown("supply_c")[0] < 35
    assert rig.shown("supply_c")[1] > 100
    assert rig.step()[0] < 0.6 * rig.step()[1]
    assert rig.shown("heat_w")[0] == 0
    assert rig.shown("flow_m3h")[0] == rig.shown("flow_m3h")[1] > 30


def test_a_substation_without_its_pump_moves_no_water() -> None:
    rig = bench(Substations, faults={"pump_failed": 1.0}, sick=[0])
    rig.run(60)
    assert rig.says() == ["pump_failed", "", "", ""]
    assert rig.shown("flow_m3h")[0] == rig.shown("heat_w")[0] == 0
    assert rig.shown("pump")[0] == 1, "commanded on: that is the fault"
    assert rig.step()[0] < 0.1 * rig.step()[1]


def test_a_heat_meter_shows_flow_times_spread() -> None:
    for kind, flow in ((Substations, "flow_c"), (EnergyCentres, "supply_c")):
        rig = bench(kind)
        before = rig.shown("heat_gj")
        rig.run(24 * 60)
        spread_w = rig.shown("flow_m3h") / 3600 * 4.186e6 * (rig.shown(flow) - rig.shown("return_c"))
        np.testing.assert_allclose(spread_w, rig.shown("heat_w"), rtol=0.02)
        np.testing.assert_allclose(rig.shown("heat_gj") - before, rig.shown("heat_w") * 86_400 / 1e9, rtol=0.05)


# -- sun -------------------------------------------------------------------------------------------------------------


def sunny_day(rig: Rig, day: int = 15) -> dict[str, np.ndarray]:
    """A clear day from midnight to midnight: collector, tank, pump, backup by minute."""
    rig.hour = 0.0
    seen: dict[str, list[np.ndarray]] = {}
    for _ in range(24 * 60):
        rig.sun_wm2 = clear_sky_wm2(day, rig.hour)
        rig.step()
        for name in ("collector_c", "tank_c", "pump", "power_w", "irradiance_wm2"):
            seen.setdefault(name, []).append(rig.shown(name))
    return {name: np.array(values) for name, values in seen.items()}


def test_the_sun_fills_the_tank_by_day_and_the_collector_is_as_cold_as_the_night() -> None:
    rig, dark = Rig(SolarHeaters, outdoor_c=-15.0), Rig(SolarHeaters, outdoor_c=-15.0)
    day = sunny_day(rig)
    assert not day["pump"][: 7 * 60].any()
    assert day["pump"][12 * 60].all()
    np.testing.assert_allclose(day["collector_c"][6 * 60], -15.0, atol=0.5)
    assert np.all(day["collector_c"].max(axis=0) < 100)
    assert np.all(day["tank_c"][15 * 60] > day["tank_c"][8 * 60])
    bought_kwh = day["power_w"].sum(axis=0) / 60e3
    used_kwh = np.sum([dark.step() * 0 + dark.shown("power_w") for _ in range(24 * 60)], axis=0) / 60e3
    assert np.all((used_kwh - bought_kwh) > 25), "20 m² save a good part of 128 kWh"
    assert np.all((used_kwh - bought_kwh) < 80)


def test_without_its_pump_the_collector_stagnates_and_the_house_stays_warm() -> None:
    rig = Rig(SolarHeaters, faults={"pump_failed": 1.0}, sick=[0], outdoor_c=0.0)
    day = sunny_day(rig)
    assert day["collector_c"][:, 0].max() > 130
    assert day["collector_c"][:, 1].max() < 110
    rig.hour = 0.0
    told = set()
    for _ in range(14 * 60):
        rig.sun_wm2 = clear_sky_wm2(15, rig.hour)
        heat_w = rig.step()
        told |= {(rig.says()[0], bool(rig.bit("overheat")[0]))}
        assert heat_w[0] == pytest.approx(rig.demand_w[0], rel=0.01)
        assert rig.says()[1:] == [""] * 3
    assert ("stagnation", True) in told
    assert ("no_water_flow", False) in told


def test_the_tank_keeps_its_energy_balance() -> None:
    rig = Rig(SolarHeaters)
    rig.sun_wm2 = 600.0
    first_c, gained_j = rig.shown("tank_c"), np.zeros(4)
    for _ in range(600):
        given_w = rig.step()
        gained_j += 60.0 * (rig.heaters.collectors.heat_w + rig.heaters.backup_w - given_w)
    stored_j = rig.heaters.tank_j_k * (rig.shown("tank_c") - first_c)
    # the rest went through the insulation in ten hours
    lost_j = gained_j - stored_j
    assert np.all((lost_j > 0) & (lost_j < 0.12 * rig.heaters.tank_j_k * 60))


def test_an_energy_centre_fills_its_store_while_power_is_cheap() -> None:
    rig = bench(EnergyCentres, outdoor_c=-5.0)
    rig.demand_w *= 0.8
    rig.hour = 18.0
    rig.run(180)
    evening = rig.shown("charge_pct")
    rig.run(9 * 60, 120.0)
    assert np.all(rig.shown("charge_pct") > evening + 15)
    assert not rig.shown("backup_heater").any()
    assert np.all(rig.shown("heat_w") / rig.shown("power_w") > 1.5)
    rig.outdoor_c, rig.hour = -30.0, 12.0
    rig.demand_w[:] = DESIGN_W * HOMES * 1.25
    # little is to spare at −30 °C: it takes half a day to get there
    rig.run(12 * 60, 120.0)
    assert rig.shown("backup_heater").all()
    np.testing.assert_allclose(rig.step(), rig.demand_w, rtol=0.02)
