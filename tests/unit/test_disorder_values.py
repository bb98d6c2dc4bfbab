"""What disorder makes of clocks, values and counters; and that it leaves everybody else's readings alone."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_sim.arrays import Ints
from device_sim.disorder.chance import chance
from device_sim.disorder.clocks import DRIFT_PPM
from device_sim.disorder.disorder import Disorder
from device_sim.faults.active import ActiveFaults
from device_sim.faults.fault_rows import FAULT
from device_sim.faults.injection import Injection
from device_sim.fleet.plan import plan
from device_sim.sensors.batch import BROKEN, Batch

FLEET = plan(1, 40, villages=1)
DEVICES = len(FLEET.device_home)
START_MS = 1_768_000_000_000
EVERYBODY = np.arange(DEVICES)


def hit(fault: str, at_s: float, ends_s: float, strength: float = 1.0, devices: tuple[int, ...] = (1,)) -> Injection:
    return Injection(fault, at_s, ends_s, strength, (), devices)


class Run:
    """A network in which all devices report every 10 s; values, sequence and uptime grow."""

    def __init__(self, *injections: Injection, drifting: bool = False, speed: float = 1.0) -> None:
        self.faults = ActiveFaults(injections, homes=40, devices=DEVICES)
        self.disorder = Disorder(self.faults, FLEET, 7, drifting=drifting, speed=speed)
        self.speed = speed
        self.seq = 0

    def measured(self, at_s: float, devices: Ints) -> Batch:
        stamps = np.full(len(devices), START_MS + round(at_s * 1000 / self.speed), dtype=np.int64)
        shown = {
            "indoor_c": np.round(18.0 + 0.1 * devices + 0.5 * self.seq, 1).astype(np.float32),
            "rh_pct": np.full(len(devices), 40 + self.seq % 9, dtype=np.float32),
            "battery_pct": np.full(len(devices), np.nan, dtype=np.float32),
            "rssi_dbm": np.full(len(devices), -60 - self.seq % 3, dtype=np.float32),
            "uptime_s": np.full(len(devices), 5000 + at_s, dtype=np.float32),
        }
        seq, boot = np.full(len(devices), self.seq, dtype=np.int64), np.full(len(devices), 4, dtype=np.int64)
        return Batch("room_sensor", devices, stamps.copy(), stamps, seq, boot, [""] * len(devices), shown)

    def shown(self, at_s: float, devices: Ints = EVERYBODY) -> tuple[Batch, Batch]:
        """A reading of each device as it was measured, and as it is sent."""
        self.faults.began_and_ended(at_s)
        self.seq += 1
        true = self.measured(at_s, devices)
        return true, self.disorder.distort(deepcopy(true), int(true.true_ms[0]))

    def clock_off_s(self, at_s: float, device: int = 1) -> float:
        true, sent = self.shown(at_s)
        return float(sent.ts_ms[device] - true.ts_ms[device]) / 1000


def test_a_clock_that_drifts_and_is_set() -> None:
    run = Run(hit("clock_drift", 1000, 5000, 5000))
    assert run.clock_off_s(0) == run.clock_off_s(1000) == 0
    assert run.clock_off_s(2000) == pytest.approx(5.0)
    assert run.clock_off_s(4000) == pytest.approx(15.0)
    assert run.clock_off_s(5000) == 0


def test_of_two_wrong_clocks_the_stronger_acts() -> None:
    shifts = (hit("clock_shift", 0, 100, 10), hit("clock_shift", 20, 40, -100), hit("clock_shift", 60, 80, 5))
    offs = [Run(*shifts).clock_off_s(at_s) for at_s in (10, 30, 50, 70, 90, 110)]
    assert offs == pytest.approx([10, -100, 10, 10, 10, 0], abs=0.5)


@pytest.mark.parametrize("shift_s", [3600.0, -1800.0])
def test_a_clock_that_is_wrong_by_no_whole_second(shift_s: float) -> None:
    run = Run(hit("clock_shift", 100, 200, shift_s))
    assert run.clock_off_s(99) == 0
    off_s = run.clock_off_s(100)
    assert shift_s < off_s <= shift_s + 0.5
    assert run.clock_off_s(190) == off_s
    assert run.clock_off_s(200) == 0


def test_setting_a_clock_gives_no_two_readings_one_millisecond() -> None:
    run = Run(hit("clock_shift", 100, 200, 50), hit("clock_shift", 250, 300, -70))
    stamps = [int(run.shown(at_s)[1].ts_ms[1]) for at_s in range(0, 400, 10)]
    assert len(set(stamps)) == len(stamps)
    assert stamps != sorted(stamps)


def test_a_clock_that_counts_from_1970() -> None:
    run = Run(hit("clock_reset", 100, 200, 5))
    stamps = [int(run.shown(at_s)[1].ts_ms[1]) for at_s in (90, 100, 110, 190, 200)]
    assert 5000 < stamps[1] <= 5500
    assert [stamps[2] - stamps[1], stamps[3] - stamps[1]] == [10_000, 90_000]
    assert [stamps[0], stamps[4]] == [START_MS + 90_000, START_MS + 200_000]


def test_a_fast_run_counts_its_clocks_in_real_time() -> None:
    run = Run(hit("clock_drift", 0, 9000, 5000), hit("clock_reset", 0, 9000, 0, (2,)), speed=60.0)
    assert run.clock_off_s(6000) == pytest.approx(0.5)
    assert run.shown(6000)[1].ts_ms[2] == pytest.approx(100_250, abs=251)


def test_every_clock_drifts_a_little_where_the_scenario_says_so() -> None:
    run = Run(drifting=True)
    true, sent = run.shown(100_000)
    ppm = (sent.ts_ms - true.ts_ms) / 100_000 * 1000
    assert (np.abs(ppm) >= DRIFT_PPM[0] - 0.01).all()
    assert (np.abs(ppm) <= DRIFT_PPM[1] + 0.01).all()
    assert (ppm > 0).any()
    assert (ppm < 0).any()
    assert len(np.unique(ppm)) > DEVICES / 2


def test_a_stuck_device_repeats_its_values_and_lives_on() -> None:
    run = Run(hit("value_stuck", 20, 40), hit("value_stuck", 60, 80))
    seen = [run.shown(at_s) for at_s in range(0, 100, 10)]
    own = [float(sent.columns["indoor_c"][1]) for _, sent in seen]
    true = [float(true.columns["indoor_c"][1]) for true, _ in seen]
    assert own == [*true[:3], true[2], *true[4:7], true[6], *true[8:]]
    assert [sent.columns["rh_pct"][1] for _, sent in seen[2:4]] == [seen[2][0].columns["rh_pct"][1]] * 2
    for name in ("rssi_dbm", "uptime_s"):
        assert all(true.columns[name][1] == sent.columns[name][1] for true, sent in seen)
    assert all(true.columns["indoor_c"][2] == sent.columns["indoor_c"][2] for true, sent in seen)


def test_degrees_that_are_fahrenheit() -> None:
    true, sent = Run(hit("value_swapped", 0, 10)).shown(0)
    assert sent.columns["indoor_c"][1] == pytest.approx(true.columns["indoor_c"][1] * 9 / 5 + 32, abs=0.05)
    assert sent.columns["indoor_c"].dtype == np.float32
    for name in ("rh_pct", "rssi_dbm", "uptime_s"):
        np.testing.assert_array_equal(sent.columns[name], true.columns[name])


def test_values_that_are_no_numbers_have_their_share() -> None:
    run = Run(hit("value_nan", 0, 1e6, 0.2, tuple(range(DEVICES))))
    broken, sent_nothing, values = 0, 0, 0
    for at_s in range(0, 500, 10):
        _, sent = run.shown(at_s)
        sent_nothing += int(np.isnan(sent.columns.pop("battery_pct")).sum())
        broken += sum(int((column == BROKEN).sum()) for column in sent.columns.values())
        values += 4 * DEVICES
    assert 0.18 < broken / values < 0.22
    assert sent_nothing == 50 * DEVICES


def test_a_device_that_starts_again_and_again() -> None:
    run = Run(hit("reboot_loop", 100, 400, 90))
    seen = [(at_s, *run.shown(at_s)) for at_s in range(0, 600, 10)]
    restarts = {at_s: run.disorder.restarts(at_s - 10, at_s).tolist() for at_s, _, _ in seen}
    boots = 0
    numbers: dict[int, list[int]] = {}
    for at_s, true, sent in seen:
        boots += len(restarts[at_s])
        assert sent.boot[1] == true.boot[1] + boots
        numbers.setdefault(int(sent.boot[1]), []).append(int(sent.seq[1]))
        uptime_s = float(sent.columns["uptime_s"][1])
        assert (uptime_s == true.columns["uptime_s"][1]) == (boots == 0)
        if restarts[at_s]:
            assert 0 <= uptime_s <= 10
    assert boots in {3, 4}
    # from 1 on after each start, and no number twice within a boot
    assert all(each == list(range(1, len(each) + 1)) for each in numbers.values())
    assert sum(map(len, numbers.values())) == len(seen)


def test_boots_of_two_loops_add_up_and_never_go_back() -> None:
    run = Run(hit("reboot_loop", 0, 300, 50), hit("reboot_loop", 500, 800, 50), hit("reboot_loop", 600, 620, 200))
    boots = [int(run.shown(at_s)[1].boot[1]) for at_s in range(0, 1000, 5)]
    assert boots == sorted(boots)
    assert boots[60] - boots[0] in {5, 6}
    assert boots[60] == boots[99]
    assert boots[-1] - boots[99] in {5, 6, 7}


def test_a_device_in_a_loop_may_also_lose_its_power() -> None:
    run = Run(hit("reboot_loop", 0, 1000, 100))
    for at_s in range(0, 500, 10):
        run.shown(at_s)
    run.seq = 0
    sent = [int(run.shown(at_s)[1].seq[1]) for at_s in range(500, 900, 10)]
    assert sent[0] == 1
    assert min(sent) == 1


DISTORTING = [name for name, row in FAULT.items() if row.layer == "network" and row.hits == "device"]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(DISTORTING), st.integers(0, 100), st.integers(1, 100), st.sets(st.integers(0, DEVICES - 1))
        ),
        max_size=6,
    )
)
def test_a_device_that_no_fault_names_is_never_changed(faults: list[tuple[str, int, int, set[int]]]) -> None:
    injections = [
        hit(name, at_s, at_s + for_s, FAULT[name].default, tuple(sorted(devices)))
        for name, at_s, for_s, devices in faults
    ]
    run, again = Run(*injections), Run(*injections)
    healthy = np.setdiff1d(EVERYBODY, [device for each in injections for device in each.devices])
    for at_s in range(0, 210, 30):
        true, sent = run.shown(at_s)
        _, same = again.shown(at_s)
        for name in ("ts_ms", "true_ms", "seq", "boot", "device"):
            np.testing.assert_array_equal(getattr(sent, name)[healthy], getattr(true, name)[healthy])
            np.testing.assert_array_equal(getattr(sent, name), getattr(same, name))
        assert list(sent.columns) == list(true.columns)
        assert sent.fault == true.fault
        np.testing.assert_array_equal(sent.true_ms, true.true_ms)
        for name, column in sent.columns.items():
            assert column.dtype == np.float32
            np.testing.assert_array_equal(column[healthy], true.columns[name][healthy])
            np.testing.assert_array_equal(column, same.columns[name])


def test_arrays_that_came_in_are_not_written_to() -> None:
    every = tuple(range(DEVICES))
    names = ("clock_shift", "clock_reset", "value_stuck", "value_swapped", "value_nan", "reboot_loop")
    run = Run(*(hit(name, 0, 1000, FAULT[name].default, every) for name in names))
    for at_s in (0, 100, 200):
        run.faults.began_and_ended(at_s)
        batch = run.measured(at_s, EVERYBODY)
        for column in batch.columns.values():
            column.setflags(write=False)
        for stamps in (batch.ts_ms, batch.true_ms, batch.seq, batch.boot):
            stamps.setflags(write=False)
        run.disorder.distort(batch, int(batch.true_ms[0]))


def test_chance_is_even_and_knows_what_it_is_about() -> None:
    drawn = chance(1, "x", np.arange(100_000))
    assert 0 <= drawn.min() < drawn.max() < 1
    counts, _ = np.histogram(drawn, 20, (0, 1))
    assert abs(counts - 5000).max() < 350
    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 0.02
    assert not np.isin(chance(1, "y", np.arange(1000)), drawn[:1000]).any()
    assert not np.isin(chance(2, "x", np.arange(1000)), drawn[:1000]).any()
    np.testing.assert_array_equal(chance(1, "x", np.arange(100_000)[::-1])[::-1], drawn)
