"""Late readings judged over their own time, and readings out of order, told as timelines in seconds."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.condition import Sample, State, judge_deadline, judge_level, tell_late
from alerts.hindsight import Looked, late_episode, lived_again
from catalogue.rules import LevelRule, default_pack

START = datetime(2026, 1, 15, 22, tzinfo=UTC)
RULES = {one.id: cast("LevelRule", one) for one in default_pack().rules}
CO_100, CO_300, BOILER_95 = RULES["co_100"], RULES["co_300"], RULES["boiler_flow_95"]
Series = list[tuple[float, float | None]]


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def seen(series: Series, came: float = 0) -> list[Looked]:
    """Each reading received so many seconds after it was measured."""
    return [Looked(at(second), at(second + came), value) for second, value in series]


def steady(ppm: float, since: float, until: float, every: float = 60) -> Series:
    return [(since + number * every, ppm) for number in range(round((until - since) / every) + 1)]


# -- late ------------------------------------------------------------------------------------------------------------


def late(
    series: Series, rule: LevelRule = CO_100, first: float | None = None, last: float | None = None
) -> State | None:
    begins = series[0][0] if first is None else first
    ends = series[-1][0] if last is None else last
    return late_episode(rule, seen(series, 7200), 60, at(begins), at(ends))


def test_a_late_half_hour_is_judged_in_its_own_time() -> None:
    told = late([*steady(3, 0, 3540), *steady(150, 3600, 5400), *steady(3, 5460, 7200)])
    assert told is not None
    assert (told.since, told.raised_at, told.cleared_at) == (at(3600), at(4200), at(5460))
    assert (told.condition, told.late, told.closed_at, told.peak_value) == ("normal", True, None, 150)


@pytest.mark.parametrize("every", [10, 60, 300])
def test_what_did_not_hold_is_not_told(every: float) -> None:
    assert late([*steady(3, 0, 3540, 60), *steady(150, 3600, 4200 - every, every), *steady(3, 4200, 7200, 60)]) is None


def test_where_it_ends_is_the_last_that_is_known() -> None:
    told = late(steady(150, 0, 1800))
    assert told is not None
    assert told.cleared_at == at(1800)
    cut = late([*steady(150, 0, 1800), *steady(3, 9000, 9600)])
    assert cut is not None
    assert cut.cleared_at == at(1800), "what follows two hours later belongs to it no more"


def test_silence_among_late_readings_says_nothing() -> None:
    """The middle may come with the next message."""
    assert late([(0, 150.0), (3600, 150.0), (7200, 3.0)]) is None
    assert late([*steady(150, 0, 300), *steady(150, 700, 1000)]) is None
    assert late([*steady(150, 0, 300), *steady(150, 600, 900)]) is not None


def test_an_episode_without_any_late_reading_is_not_late() -> None:
    series = [*steady(150, 0, 900), *steady(3, 960, 1200), *steady(110, 5000, 5300)]
    assert late(series, first=5000, last=5300) is None
    assert late(series, first=0, last=60) is not None


def test_what_the_rule_does_not_look_at_ends_it() -> None:
    assert late([*steady(150, 0, 540), (570, None), *steady(150, 600, 1100)]) is None


def test_told_late_leaves_an_open_alarm_and_what_is_pending_alone() -> None:
    told = late(steady(150, -7200, -5400))
    assert told is not None
    live = judge_level(CO_100, None, Sample(at(0), at(0), 120), 10).state
    assert live is not None
    both = tell_late(live, told)
    assert both.state is not None
    assert (both.change, both.state.condition, both.state.raised_at) == ("raised_late", "normal", at(-6600))
    assert (both.state.since, both.state.deadline) == (at(0), at(600)), "and it goes on"
    raised = judge_deadline(CO_100, both.state, at(600))
    assert (raised.change, raised.state and raised.state.late) == ("raised", False)
    active = replace(live, condition="active", raised_at=at(0), deadline=None)
    for state in (active, replace(active, condition="recovering"), both.state):
        assert tell_late(state, told).state is state


# -- out of order ----------------------------------------------------------------------------------------------------


def test_a_minute_in_reverse_order_holds_since_its_first_reading() -> None:
    pending = judge_level(CO_100, None, Sample(at(60), at(60), 120), 10).state
    series = [Looked(at(second), at(120 - second), 120) for second in range(0, 61, 10)]
    (decision,) = lived_again(CO_100, pending, series, 10)
    assert decision.state is not None
    assert (decision.state.since, decision.state.deadline) == (at(0), at(600)), "however long they were under way"


def test_a_clean_reading_that_came_first_ends_what_came_behind_it() -> None:
    pending = judge_level(BOILER_95, None, Sample(at(10), at(30), 96), 10).state
    (dropped,) = lived_again(BOILER_95, pending, seen([(0, 96), (10, 96), (20, 80)]), 10)
    assert (dropped.change, dropped.state) == ("dropped", None)
    (raised, recovering, last) = lived_again(BOILER_95, None, seen([(0, 96), (30, 97), (40, 80), (60, 80)]), 10)
    assert (raised.change, raised.state and raised.state.raised_at) == ("raised", at(30)), "it did hold"
    assert (recovering.change, last.reason) == ("recovering", "clearing")


def test_what_comes_to_the_same_is_no_change() -> None:
    pending = judge_level(CO_100, None, Sample(at(0), at(0), 120), 10).state
    assert lived_again(CO_100, pending, seen([(0, 120)]), 10) == []
    assert lived_again(CO_100, None, [], 10) == []


def test_a_raised_alarm_is_not_judged_again() -> None:
    pending = judge_level(CO_100, None, Sample(at(0), at(0), 120), 10).state
    assert pending is not None
    active = replace(pending, condition="active", raised_at=at(0), deadline=None)
    assert lived_again(CO_100, active, seen(steady(3, 0, 600)), 10) == []


def lived(rule: LevelRule, series: Sequence[Looked]) -> State | None:
    """In order, each reading received when it was measured."""
    state: State | None = None
    for one in series:
        if state is not None and state.deadline is not None and state.deadline < one.ts:
            state = judge_deadline(rule, state, state.deadline).state
        if one.value is not None:
            decision = judge_level(rule, state, Sample(one.ts, one.ts, one.value), 10)
            state = None if decision.state is None or decision.state.closed_at else decision.state
    return state


@given(
    rule=st.sampled_from([CO_100, CO_300, BOILER_95]),
    wheres=st.lists(st.sampled_from([1.05, 1.05, 1.0, 0.98, 0.9, 0.1]), min_size=1, max_size=80),
    seed=st.integers(0, 1000),
)
@settings(max_examples=150, deadline=None)
def test_the_order_of_arrival_does_not_matter(rule: LevelRule, wheres: list[float], seed: int) -> None:
    """Shuffled within a minute and judged again with each: until something is raised, the same as in order."""
    series = seen([(number * 10.0, rule.raise_at * where) for number, where in enumerate(wheres)])
    dice = random.Random(seed)
    arrival = sorted(series, key=lambda one: one.ts + timedelta(seconds=dice.uniform(0, 60)))
    state: State | None = None
    came: list[Looked] = []
    for one in arrival:
        came = sorted([*came, one], key=lambda each: each.ts)
        for decision in lived_again(rule, state, came, 10):
            state = None if decision.state is None or decision.state.closed_at else decision.state
        if state is not None and state.raised_at is not None:
            return
        assert state == lived(rule, came)
    assert state == lived(rule, series)
