"""When readings arrive: nothing is lost or doubled beyond what a fault says, live and history see the same network."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_sim.arrays import Ints
from device_sim.disorder.disorder import Disorder
from device_sim.disorder.held import Held
from device_sim.disorder.links import OUTAGES
from device_sim.faults.active import ActiveFaults
from device_sim.faults.injection import Injection
from device_sim.fleet.plan import plan
from device_sim.sensors.batch import Batch

FLEET = plan(1, 6, villages=2)
DEVICES = len(FLEET.device_home)
START_MS = 1_768_000_000_000
EVERYBODY = np.arange(DEVICES)


def batch(true_ms: int | Ints, devices: Ints = EVERYBODY) -> Batch:
    stamps = np.full(len(devices), true_ms, dtype=np.int64) if isinstance(true_ms, int) else true_ms
    ones = np.ones(len(devices), dtype=np.int64)
    columns = {"indoor_c": np.full(len(devices), 18.0, dtype=np.float32)}
    return Batch("room_sensor", devices, stamps.copy(), stamps, ones.copy(), ones.copy(), [""] * len(devices), columns)


def hit(
    fault: str,
    at_s: float,
    ends_s: float,
    strength: float = 1.0,
    devices: Iterable[int] = (0,),
    *,
    backfill: bool = False,
    back_within_s: float | None = None,
) -> Injection:
    return Injection(fault, at_s, ends_s, strength, (), tuple(devices), backfill=backfill, back_within_s=back_within_s)


class Run:
    """A network and the moment that it is asked about."""

    def __init__(self, *injections: Injection, seed: int = 1, speed: float = 1.0, drifting: bool = False) -> None:
        self.faults = ActiveFaults(injections, homes=6, devices=DEVICES)
        self.disorder = Disorder(self.faults, FLEET, seed, speed=speed, drifting=drifting)
        self.speed = speed

    def now_ms(self, at_s: float) -> int:
        self.faults.began_and_ended(at_s)
        return START_MS + round(at_s * 1000 / self.speed)

    def arrives_s(self, at_s: float, device: int = 0) -> float:
        """When a reading of this moment is at the broker, in simulated seconds."""
        now_ms = self.now_ms(at_s)
        route = self.disorder.route(batch(now_ms, np.array([device])), now_ms)
        return (int(route.arrives_ms[0]) - START_MS) / 1000 * self.speed


@pytest.mark.parametrize("fault", ["power_cut", "cell_outage", "gateway_loss"])
def test_an_outage_keeps_readings_until_each_device_is_back_within_a_minute(fault: str) -> None:
    run = Run(hit(fault, 60, 120, devices=range(DEVICES)))
    now_ms = run.now_ms(30)
    assert (run.disorder.route(batch(now_ms), now_ms).arrives_ms == now_ms).all()
    now_ms = run.now_ms(60)
    back_ms = run.disorder.route(batch(now_ms), now_ms).arrives_ms
    assert ((back_ms >= START_MS + 120_000) & (back_ms < START_MS + 180_000)).all()
    assert len(set(back_ms.tolist())) > DEVICES / 2
    # whatever is measured meanwhile comes in the same moment
    now_ms = run.now_ms(119)
    assert (run.disorder.route(batch(now_ms), now_ms).arrives_ms == back_ms).all()
    last = int(np.argmax(back_ms))
    assert not run.disorder.link_up(150.0).all()
    assert run.disorder.link_up((back_ms[last] - START_MS) / 1000)[last]
    assert run.disorder.link_up(180.0).all()


def test_a_scenario_decides_how_fast_they_are_back() -> None:
    assert OUTAGES["link_down"] == 0
    assert Run(hit("link_down", 60, 120)).arrives_s(60) == 120
    for seed in range(20):
        assert 120 <= Run(hit("power_cut", 60, 120, back_within_s=5), seed=seed).arrives_s(119) <= 125


def test_outages_that_overlap_are_one() -> None:
    run = Run(
        hit("link_down", 60, 120), hit("link_down", 100, 200), hit("link_down", 200, 220), hit("link_down", 61, 62),
        hit("link_down", 300, 400),
    )  # fmt: skip
    assert [run.arrives_s(at_s) for at_s in (59, 60, 61.5, 150, 219, 220, 250, 300)] == [
        59, 220, 220, 220, 220, 220, 250, 400,
    ]  # fmt: skip


def test_an_hourly_batch_leaves_at_the_device_s_own_moment_or_when_the_fault_ends() -> None:
    run = Run(hit("hourly_batches", 0, 9000, 3600, devices=range(DEVICES)))
    leaves = []
    for at_s in (0, 1800, 3599, 5400, 8999, 9001):
        now_ms = run.now_ms(at_s)
        route = run.disorder.route(batch(now_ms), now_ms)
        assert (route.arrives_ms == route.leaves_ms).all()
        leaves.append((route.leaves_ms - START_MS) / 1000)
    first = leaves[0]
    assert len(set(first.tolist())) > DEVICES / 2
    assert ((first > 0) & (first <= 3600)).all()
    for at_s, each in zip((1800, 3599, 5400, 8999), leaves[1:5], strict=True):
        beats = first + 3600 * np.ceil(np.maximum(at_s - first, 0) / 3600)
        np.testing.assert_allclose(each, np.minimum(beats, 9000), atol=0.0011)
    assert (leaves[5] == 9001).all()


def test_readings_overtake_each_other_by_at_most_the_strength() -> None:
    run = Run(hit("out_of_order", 0, 9000, 120))
    waits = np.array([run.arrives_s(at_s) - at_s for at_s in range(0, 3000, 10)])
    assert waits.min() >= 0
    assert waits.max() <= 120
    assert waits.std() > 20
    arrives = np.arange(0, 3000, 10) + waits
    assert (np.diff(arrives) < 0).sum() > 50


def test_a_flapping_modem_is_up_as_long_as_it_is_down() -> None:
    run = Run(hit("flapping", 0, 4000, 40))
    up = np.array([run.disorder.link_up(float(at_s))[0] for at_s in range(4000)])
    assert abs(up.mean() - 0.5) < 0.02
    turns = np.flatnonzero(np.diff(up.astype(int)))
    assert set(np.diff(turns).tolist()) == {40}
    assert run.disorder.link_up(4000.0)[0]
    waits = [run.arrives_s(at_s) - at_s for at_s in range(0, 3900, 7)]
    assert 0 == min(waits) < max(waits) <= 40.001


def test_backfill_only_where_the_injection_says_so_and_only_what_is_history() -> None:
    asks = hit("cell_outage", 0, 1000, devices=[0], backfill=True, back_within_s=0)
    run = Run(
        asks, hit("cell_outage", 0, 1000, devices=[1], back_within_s=0), hit("hourly_batches", 0, 5000, 5000, [2])
    )
    now_ms = run.now_ms(0)
    assert run.disorder.route(batch(now_ms), now_ms).backfill.tolist()[:4] == [True, False, False, False]
    now_ms = run.now_ms(800)
    assert not run.disorder.route(batch(now_ms), now_ms).backfill.any()
    # of two outages that overlap one is enough
    run = Run(hit("link_down", 0, 1000, backfill=True), hit("link_down", 900, 2000), hit("link_down", 2500, 3000))
    for at_s, history in ((0, True), (1500, True), (2500, False)):
        now_ms = run.now_ms(at_s)
        assert run.disorder.route(batch(now_ms), now_ms).backfill.tolist()[0] == history
    run = Run(hit("hourly_batches", 0, 5000, 5000, [2], backfill=True))
    now_ms = run.now_ms(0)
    late = run.disorder.route(batch(now_ms), now_ms)
    assert late.backfill.tolist() == ((late.arrives_ms - now_ms > 300_000) & (EVERYBODY == 2)).tolist()
    assert late.backfill[2]


def test_duplicates_have_their_share() -> None:
    run = Run(hit("duplicates", 0, 90_000, 0.1))
    now_ms = run.now_ms(0)
    stamps = now_ms + 1000 * np.arange(20_000)
    route = run.disorder.route(batch(stamps, np.zeros(20_000, dtype=np.int64)), now_ms)
    assert 0.09 < route.twice.mean() < 0.11
    route = run.disorder.route(batch(stamps, np.ones(20_000, dtype=np.int64)), now_ms)
    assert not route.twice.any()


def test_takeovers_and_restarts_come_once_a_period() -> None:
    run = Run(hit("cloned_client_id", 100, 400, 30, devices=[0, 3]), hit("reboot_loop", 0, 900, 90, devices=[5]))
    takeovers = [run.disorder.takeovers(at_s, at_s + 0.25).tolist() for at_s in np.arange(0, 1000, 0.25)]
    assert sum(each.count(0) for each in takeovers) == sum(each.count(3) for each in takeovers) == 10
    assert not any(1 in each for each in takeovers)
    assert not any(takeovers[: 4 * 100])
    assert not any(takeovers[4 * 400 :])
    restarts = [run.disorder.restarts(at_s, at_s + 0.25).tolist() for at_s in np.arange(0, 1000, 0.25)]
    assert sum(each.count(5) for each in restarts) == 10
    assert run.disorder.restarts(0.0, 1000.0).tolist() == [5]


def test_a_faster_run_waits_less_on_the_clock_on_the_wall() -> None:
    run = Run(hit("link_down", 60, 660), speed=60.0)
    now_ms = run.now_ms(60)
    assert now_ms == START_MS + 1000
    assert int(run.disorder.route(batch(now_ms), now_ms).arrives_ms[0]) == now_ms + 10_000


FAULTS = st.sampled_from(
    ["cell_outage", "power_cut", "link_down", "home_dark", "flapping", "hourly_batches", "out_of_order", "duplicates"]
)
STRENGTH = {"flapping": 7.0, "hourly_batches": 90.0, "out_of_order": 30.0, "duplicates": 0.5}
INJECTIONS = st.lists(
    st.builds(
        lambda fault, at_s, for_s, devices: hit(fault, at_s, at_s + for_s, STRENGTH.get(fault, 1.0), sorted(devices)),
        FAULTS,
        st.integers(0, 200),
        st.integers(1, 200),
        st.sets(st.integers(0, DEVICES - 1), max_size=4),
    ),
    max_size=8,
)


@settings(max_examples=25, deadline=None)
@given(INJECTIONS, st.integers(0, 1000))
def test_live_and_history_bring_the_same_readings_at_the_same_time(injections: list[Injection], seed: int) -> None:
    history, live = Run(*injections, seed=seed), Run(*injections, seed=seed)
    named = {device for each in injections for device in each.devices}
    doubled = {device for each in injections if each.fault == "duplicates" for device in each.devices}
    arrives: dict[tuple[int, int], float] = {}
    for at_s in range(0, 300, 10):
        now_ms = history.now_ms(at_s)
        route = history.disorder.route(batch(now_ms), now_ms)
        assert (route.leaves_ms >= now_ms).all()
        assert (route.arrives_ms >= route.leaves_ms).all()
        assert not route.twice[~np.isin(EVERYBODY, list(doubled))].any()
        assert not route.backfill.any()
        for device, moment_ms in enumerate(route.arrives_ms.tolist()):
            arrives[device, at_s] = (moment_ms - START_MS) / 1000
            assert device in named or moment_ms == now_ms
    # live: whatever has left waits for the network, which is looked at each second
    held: Held[tuple[int, int]] = Held()
    waiting: set[tuple[int, int]] = set()
    came: dict[tuple[int, int], int] = {}
    ups = [live.disorder.link_up(float(at_s)) for at_s in range(1200)]
    for at_s in range(1200):
        now_ms = live.now_ms(at_s)
        if at_s < 300 and at_s % 10 == 0:
            for device, leaves_ms in enumerate(live.disorder.route(batch(now_ms), now_ms).leaves_ms.tolist()):
                held.keep(leaves_ms, (device, at_s))
        waiting |= set(held.due(now_ms))
        for reading in [reading for reading in waiting if ups[at_s][reading[0]]]:
            waiting.remove(reading)
            came[reading] = at_s
    assert len(held) == len(waiting) == 0
    assert came.keys() == arrives.keys()
    for reading, came_s in came.items():
        # a tick looks once a second; between two of them a network may come and go again
        first_look_s = math.ceil(arrives[reading] - 1e-6)
        assert came_s >= first_look_s
        assert not any(ups[at_s][reading[0]] for at_s in range(first_look_s, came_s))


@settings(max_examples=25, deadline=None)
@given(INJECTIONS, st.integers(0, 1000), st.permutations(range(DEVICES)))
def test_who_else_reports_and_in_which_order_changes_nothing(
    injections: list[Injection], seed: int, order: list[int]
) -> None:
    together = Run(*injections, seed=seed)
    for at_s in (40, 130, 250):
        now_ms = together.now_ms(at_s)
        whole = together.disorder.route(batch(now_ms), now_ms)
        shuffled = together.disorder.route(batch(now_ms, np.array(order)), now_ms)
        np.testing.assert_array_equal(shuffled.arrives_ms, whole.arrives_ms[order])
        np.testing.assert_array_equal(shuffled.twice, whole.twice[order])
        one = together.disorder.route(batch(now_ms, np.array([order[0]])), now_ms)
        assert one.arrives_ms[0] == whole.arrives_ms[order[0]]


def test_held_items_leave_in_order_and_all_of_them() -> None:
    held: Held[str] = Held()
    for leaves_ms, item in ((30, "c"), (10, "a"), (30, "d"), (20, "b"), (99, "e")):
        held.keep(leaves_ms, item)
    assert held.due(9) == []
    assert held.due(30) == ["a", "b", "c", "d"]
    held.keep(98, "f")
    assert len(held) == 2
    assert held.rest() == ["f", "e"]
    assert len(held) == 0
