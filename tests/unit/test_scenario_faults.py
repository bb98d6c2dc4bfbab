"""The rows of faults.yaml are checked, and at each step the active ones are told as arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_sim.faults.active import ActiveFaults
from device_sim.faults.fault_rows import FAULT, KINDS, parse_faults
from device_sim.faults.injection import Injection
from foundation.errors import CatalogueError

ROW = "name: x_y, layer: physics, hits: home, unit: K, default: 1, low: 0, high: 2, en: e, zh: z"


def injection(
    fault: str,
    at_s: float,
    ends_s: float,
    strength: float = 1.0,
    homes: tuple[int, ...] = (),
    devices: tuple[int, ...] = (),
) -> Injection:
    return Injection(fault, at_s, ends_s, strength, homes, devices)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("unit: K", "unit: K, colour: red", "row 1, colour: Extra inputs"),
        ("layer: physics", "layer: magic", "row 1, layer: Input should be 'physics' or 'network'"),
        ("hits: home", "hits: street", "row 1, hits: Input should be"),
        ("hits: home", "hits: home, types: [co_detector]", "co_detector is nothing that a fault on a home can hit"),
        ("hits: home", "hits: device, types: [loose_coal]", "loose_coal is nothing that a fault on a device can hit"),
        ("hits: home", "hits: county, types: [heating_film]", "the weather asks for none"),
        ("layer: physics", "layer: network", "what only changes the network hits a village or devices"),
        ("default: 1", "default: 3", "expected low ≤ default ≤ high, not 0 ≤ 3 ≤ 2"),
        ("high: 2", "high: .inf", "row 1, high: Input should be a finite number"),
        ("name: x_y", "name: X", "row 1, name: String should match"),
    ],
)
def test_a_wrong_row_is_named_by_row_and_field(old: str, new: str, text: str) -> None:
    assert parse_faults(f"- {{{ROW}}}").keys() == {"x_y"}
    with pytest.raises(CatalogueError) as wrong:
        parse_faults(f"- {{{ROW.replace(old, new)}}}")
    assert str(wrong.value).startswith("faults.yaml, row 1, ")
    assert text in str(wrong.value)


def test_two_rows_of_one_name() -> None:
    with pytest.raises(CatalogueError, match="row 2, name: 'x_y' stands there twice"):
        parse_faults(f"- {{{ROW}}}\n- {{{ROW}}}")


def test_the_kinds_are_those_of_the_rows() -> None:
    assert set(KINDS) == {row.kind for row in FAULT.values()} - {None}
    assert FAULT["co_leak"].kind == "co"
    assert FAULT["window_open"].kind is None


def test_a_timeline() -> None:
    faults = ActiveFaults(
        [
            injection("co_leak", 10, 20, 100, homes=(1,)),
            injection("power_cut", 12, 30, homes=(2, 3), devices=(4, 5, 6)),
            injection("flapping", 12, 20, 40, homes=(0,), devices=(0,)),
        ],
        homes=4,
        devices=8,
    )
    assert faults.now_s == 0
    assert faults.on_homes("co_leak") is None
    assert faults.began_and_ended(9.9) == ((), ())
    assert faults.began_and_ended(10.0) == ((0,), ())
    np.testing.assert_array_equal(faults.on_homes("co_leak"), [np.nan, 100, np.nan, np.nan])
    assert faults.on_devices("co_leak") is None
    assert faults.began_and_ended(12.0) == ((1, 2), ())
    assert faults.now_s == 12
    np.testing.assert_array_equal(faults.on_homes("power_cut"), [np.nan, np.nan, 1, 1])
    dark = faults.on_devices("power_cut")
    assert dark is not None
    assert np.flatnonzero(~np.isnan(dark)).tolist() == [4, 5, 6]
    assert faults.on_homes("flapping") is None
    assert faults.physics_names() == ("co_leak", "power_cut")
    assert faults.network_names() == ("flapping",)
    assert faults.began_and_ended(20.0) == ((), (0, 2))
    assert faults.on_homes("co_leak") is None
    assert faults.network_names() == ()
    assert faults.began_and_ended(31.0) == ((), (1,))
    assert faults.physics_names() == ()


def test_the_stronger_of_two_acts() -> None:
    faults = ActiveFaults(
        [
            injection("detector_drift", 0, 30, -20, devices=(0, 1)),
            injection("detector_drift", 10, 20, 5, devices=(1, 2)),
            injection("detector_drift", 10, 15, 30, devices=(0,)),
            injection("cold_wave", 10, 20, -12),
            injection("cold_wave", 10, 20, -5),
        ],
        homes=0,
        devices=3,
    )
    seen = []
    for at_s in (0.0, 10.0, 15.0, 20.0):
        faults.began_and_ended(at_s)
        found = faults.on_devices("detector_drift")
        assert found is not None
        seen.append(found.tolist())
    np.testing.assert_array_equal(seen, [[-20, -20, np.nan], [30, -20, 5], [-20, -20, 5], [-20, -20, np.nan]])
    assert faults.on_county("cold_wave") is None
    again = ActiveFaults(faults.injections, homes=0, devices=3)
    again.began_and_ended(11.0)
    assert again.on_county("cold_wave") == -12


def test_what_is_shorter_than_a_step_acts_in_one() -> None:
    faults = ActiveFaults([injection("co_leak", 70, 80, 5, homes=(0,))], homes=1, devices=0)
    assert faults.began_and_ended(60.0) == ((), ())
    assert faults.began_and_ended(120.0) == ((0,), ())
    assert faults.on_homes("co_leak") is not None
    assert faults.began_and_ended(180.0) == ((), (0,))
    assert faults.on_homes("co_leak") is None


def test_time_does_not_run_backwards_and_arrays_are_not_written_to() -> None:
    faults = ActiveFaults([injection("co_leak", 0, 80, 5, homes=(0,))], homes=1, devices=0)
    faults.began_and_ended(5.0)
    with pytest.raises(ValueError, match="time runs backwards: 4 s after 5 s"):
        faults.began_and_ended(4.0)
    found = faults.on_homes("co_leak")
    assert found is not None
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 1


def test_arrays_are_kept_until_their_fault_changes() -> None:
    faults = ActiveFaults(
        [injection("co_leak", 0, 80, 5, homes=(0,)), injection("gas_leak", 10, 20, 5, homes=(0,))], homes=1, devices=0
    )
    faults.began_and_ended(1.0)
    first = faults.on_homes("co_leak")
    for at_s in (2.0, 10.0, 20.0):
        faults.began_and_ended(at_s)
        assert faults.on_homes("co_leak") is first


SPANS = st.lists(
    st.tuples(st.integers(0, 50), st.integers(1, 50), st.integers(1, 9), st.lists(st.integers(0, 3), unique=True)),
    max_size=8,
)


@given(SPANS, st.lists(st.integers(1, 25), min_size=1, max_size=12))
def test_every_injection_begins_and_ends_once_and_acts_as_written(
    spans: list[tuple[int, int, int, list[int]]], steps: list[int]
) -> None:
    injections = [
        injection("gas_leak", at_s, at_s + for_s, strength, homes=tuple(homes))
        for at_s, for_s, strength, homes in spans
    ]
    faults = ActiveFaults(injections, homes=4, devices=0)
    began: list[int] = []
    ended: list[int] = []
    now_s = -1
    for step_s in [*steps, 1000, 1]:
        before_s, now_s = now_s, now_s + step_s
        new, old = faults.began_and_ended(now_s)
        began += new
        ended += old
        expected = np.full(4, np.nan)
        for each in injections:
            missed = before_s < each.at_s and each.ends_s <= now_s
            if each.active(now_s) or missed:
                for home in each.homes:
                    expected[home] = np.fmax(expected[home], each.strength)
        found = faults.on_homes("gas_leak")
        np.testing.assert_array_equal(np.full(4, np.nan) if found is None else found, expected)
    assert sorted(began) == sorted(ended) == list(range(len(injections)))
