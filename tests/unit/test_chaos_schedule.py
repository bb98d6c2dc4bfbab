"""The same seed breaks the same things at the same times; everything is broken, and has time to heal."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from chaos.kinds import KIND, KINDS, LINKS, PARTS_OF, Part
from chaos.schedule import DEAF_S, LONG, SHORT, SHORT_MINUTES, Fault, Pace, Schedule, schedule
from foundation.errors import SettingsError

SEEDS = range(60)
ALWAYS = {row.name for row in KINDS if not row.only_when_asked}


def parts(fault: Fault) -> frozenset[Part]:
    return KIND[fault.kind].parts if fault.link is None else PARTS_OF[fault.link]


def test_the_same_seed_plays_the_same_and_another_one_does_not() -> None:
    assert schedule(7, 10) == schedule(7, 10)
    assert schedule(7, 10).faults != schedule(8, 10).faults
    assert schedule(7, 10).dangers != schedule(8, 10).dangers


def test_a_longer_run_begins_as_the_shorter_one_does() -> None:
    shorter, longer = schedule(7, 6), schedule(7, 10)
    assert longer.faults[: len(shorter.faults)] == shorter.faults


def test_the_short_form_breaks_everything_once_within_a_minute() -> None:
    for seed in SEEDS:
        plan = schedule(seed, 10, short=True)
        assert Counter(fault.kind for fault in plan.faults) == Counter(ALWAYS), seed
        assert plan.length_s <= SHORT_MINUTES * 60
        assert max(fault.end_s for fault in plan.faults) <= plan.length_s - SHORT.quiet_s + 0.1


@pytest.mark.parametrize("minutes", [2, 3, 10])
def test_every_kind_has_its_turn(minutes: int) -> None:
    for seed in SEEDS:
        plan = schedule(seed, minutes)
        assert {fault.kind for fault in plan.faults} == ALWAYS, seed
        assert plan.minutes == minutes
        assert max(fault.end_s for fault in plan.faults) <= plan.length_s - LONG.quiet_s + 0.1


def test_ten_minutes_break_each_thing_several_times_and_each_connection() -> None:
    plan = schedule(1, 10)
    assert all(plan.count(kind) >= 3 for kind in ALWAYS)
    assert {fault.link for fault in plan.faults if fault.kind == "connections_cut"} == set(LINKS)


@pytest.mark.parametrize(("pace", "short"), [(LONG, False), (SHORT, True)])
def test_what_has_not_healed_is_not_broken_again(pace: Pace, short: bool) -> None:  # noqa: FBT001 - a parameter
    for seed in SEEDS:
        free_at: dict[Part, float] = {}
        for fault in schedule(seed, 10, short=short).faults:
            for part in parts(fault):
                assert fault.at_s >= free_at.get(part, 0.0) - 0.1, (seed, fault)
                free_at[part] = fault.end_s + KIND[fault.kind].heals_s * pace.of_healing


def test_some_faults_overlap() -> None:
    faults = schedule(1, 10).faults
    close = [after for before, after in pairwise(faults) if after.at_s - before.at_s < 2]
    assert len(close) > len(faults) / 5


def test_a_long_run_leaves_ingest_deaf_for_longer_than_its_patience_once() -> None:
    for seed in SEEDS:
        deaf = [fault for fault in schedule(seed, 10).faults if fault.for_s == DEAF_S]
        assert [(fault.kind, fault.link) for fault in deaf] == [("connections_half_open", "ingest-broker")], seed
    assert not any(fault.for_s == DEAF_S for fault in schedule(1, 3).faults)


def test_the_broker_is_killed_only_when_asked() -> None:
    assert schedule(1, 10).count("broker_killed") == 0
    assert schedule(1, 10, kill_broker=True).count("broker_killed") > 0
    assert schedule(1, 1, short=True, kill_broker=True).count("broker_killed") == 1


def within(plan: Schedule, fault: Fault) -> bool:
    """Whether carbon monoxide comes while this is broken, or in the second after it."""
    return any(fault.at_s - 0.1 <= danger.at_s <= fault.end_s + 1.1 for danger in plan.dangers)


def test_carbon_monoxide_comes_during_every_fault_and_in_both_ways() -> None:
    for seed in SEEDS:
        plan = schedule(seed, 3)
        assert all(within(plan, fault) for fault in plan.faults)
        assert {danger.way for danger in plan.dangers} == {"event", "telemetry"}
        assert all(0 <= danger.at_s < plan.length_s for danger in plan.dangers)


def test_too_few_minutes_are_refused_in_one_line() -> None:
    with pytest.raises(SettingsError, match="1 minutes are too few: take 2 or more, or --short"):
        schedule(1, 1)
