"""The physics against sources and closed solutions (SIMULATION.md, "Checks a good simulator passes")."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_sim.climate.weather import DESIGN_C
from device_sim.homes.house import GAINS_W, UA_W_K, Conductances, Houses


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
