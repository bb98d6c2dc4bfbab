"""The standby's judgement as timelines, and its agreement with the alarm engine's own functions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.condition import Sample, State, judge_deadline, judge_event, judge_level
from alerts.standby.bulletin import Danger
from alerts.standby.judging import (
    FORGOTTEN_AFTER,
    SETTLED_AFTER,
    LifeSafety,
    Remembered,
    judge,
    known_before,
    over,
    samples,
    settled,
)
from catalogue.rules import EventRule, ThresholdRule, default_pack

NIGHT = datetime(2026, 1, 15, 19, tzinfo=UTC)
RULE: dict[str, LifeSafety] = {rule.id: rule for rule in default_pack().life_safety}
THRESHOLDS = [rule for rule in RULE.values() if isinstance(rule, ThresholdRule)]
EVENTS = [rule for rule in RULE.values() if isinstance(rule, EventRule)]


def at(seconds: float) -> datetime:
    return NIGHT + timedelta(seconds=seconds)


def sample(seconds: float, value: float, *, late: bool = False) -> Sample:
    return Sample(at(seconds), at(seconds), value, late)


class Line:
    """One rule on one device."""

    def __init__(self, rule: str, interval_s: float = 10) -> None:
        self.rule, self.interval_s = RULE[rule], interval_s
        self.known: Remembered | None = None

    def see(self, seconds: float, value: float, *, late: bool = False) -> str:
        decision, self.known = judge(
            self.rule, self.known, sample(seconds, value, late=late), self.interval_s, "co-1", "w"
        )
        return f"{decision.change}: {decision.reason}"


def test_the_rules_of_co_gas_and_fire_are_told_without_the_database() -> None:
    detectors = {"co_detector_alarm", "gas_detector_alarm", "fire_detector_alarm"}
    assert set(RULE) == {"co_300", "co_100", "ch4_10"} | detectors


def test_a_danger_is_seen_by_the_rules_that_it_concerns() -> None:
    reading = Danger("co-1", 1000, 2000, m={"co_ppm": 356.0})
    assert [(rule.id, one.value) for rule, one in samples(RULE.values(), reading, "co_detector")] == [
        ("co_300", 356.0), ("co_100", 356.0),
    ]  # fmt: skip
    bit = Danger("co-1", 1000, 2000, event="co_alarm", on=True, late=True)
    ((rule, one),) = samples(RULE.values(), bit, "co_detector")
    assert (rule.id, one.value, one.late) == ("co_detector_alarm", 1.0, True)
    assert (one.ts, one.received_at) == (datetime.fromtimestamp(1, UTC), datetime.fromtimestamp(2, UTC))


def test_three_hundred_ppm_is_raised_by_the_second_sample_and_only_once() -> None:
    line = Line("co_300")
    assert line.see(0, 400) == "opened: waiting_for_second_sample"
    assert line.see(10, 410) == "raised: confirmed_by_second_sample"
    assert line.see(20, 420) == "none: still_over"


def test_the_same_reading_over_two_ways_counts_once() -> None:
    line = Line("co_300")
    line.see(0, 400)
    assert line.see(0, 400) == "none: older_than_the_last", "it does not confirm itself"
    line.see(10, 3)
    assert line.known is not None
    assert line.known.state is None
    assert line.see(0, 400) == "none: older_than_the_last", "nor does it begin again what was dropped"


def test_an_alarm_bit_that_comes_after_its_own_end_is_raised_all_the_same() -> None:
    line = Line("co_detector_alarm")
    assert line.see(5, 0) == "none: device_alarm_off_unknown"
    assert line.see(0, 1) == "raised: device_alarm_on"


def test_readings_that_may_be_missing_make_a_danger_a_new_one() -> None:
    line = Line("ch4_10", 60)
    assert line.see(0, 12) == "raised: over_threshold"
    assert line.see(200, 12) == "none: still_over"
    assert line.see(200 + 301, 12) == "raised: over_threshold", "it may have been over and closed meanwhile"


def test_a_pending_one_of_before_the_outage_goes_on_only_without_a_gap() -> None:
    pending = State("pending", at(0), at(590), 120, 120)
    for seconds, then in ((620, "raised: exposed_long_enough"), (3000, "opened: holding")):
        line = Line("co_100")
        line.known = known_before("co-1", None, pending, at(seconds))
        assert line.see(seconds, 130) == then


def test_what_was_told_before_the_outage_is_not_told_again() -> None:
    told = State("active", at(0), at(90), 400, 400, raised_at=at(10))
    line = Line("co_300")
    line.known = known_before("co-1", None, told, at(100))
    assert line.see(100, 400) == "none: still_over"


def test_the_newer_word_counts_and_an_old_one_of_ours_does_not() -> None:
    stored = State("active", at(0), at(90), 400, 400, raised_at=at(10))
    ours = Remembered("co-1", None, at(100), "w")
    assert known_before("co-1", ours, stored, at(101)) == ours
    assert known_before("co-1", Remembered("co-1", None, at(80), "w"), stored, at(101)) == Remembered(
        "co-1", stored, at(90), ""
    )
    done = Remembered("co-1", stored, at(100), "w", settled_at=at(200))
    assert known_before("co-1", done, None, at(200) + SETTLED_AFTER - timedelta(seconds=1)) == done
    assert known_before("co-1", done, None, at(200) + SETTLED_AFTER) is None
    assert known_before("co-1", None, None, at(0)) is None


def test_a_worker_that_stores_again_takes_over_what_is_pending() -> None:
    line = Line("co_300")
    line.see(0, 400)
    assert line.known is not None
    assert settled(line.known, "another", at(5)) == line.known
    assert settled(line.known, "w", at(5)) is None, "else it would be raised although the next reading is harmless"
    line.see(10, 400)
    told = settled(line.known, "w", at(20))
    assert told is not None
    assert (told.settled_at, told.state) == (at(20), line.known.state)


def test_nothing_is_remembered_for_ever() -> None:
    one = Remembered("co-1", None, at(0), "w")
    assert not over(one, at(0) + FORGOTTEN_AFTER - timedelta(seconds=1))
    assert over(one, at(0) + FORGOTTEN_AFTER)


@pytest.mark.parametrize("rule", RULE.values(), ids=lambda rule: rule.id)
@given(st.lists(st.tuples(st.integers(1, 60), st.sampled_from([0, 9, 12, 20, 120, 350]), st.booleans()), max_size=30))
def test_without_gaps_it_decides_as_the_engine_does(rule: LifeSafety, readings: list[tuple[int, float, bool]]) -> None:
    state: State | None = None
    known: Remembered | None = None
    seconds = 0
    for after, value, look in readings:
        seconds += after
        if look and state is not None:
            due = judge_deadline(rule, state, at(seconds))
            state = due.state
            known = Remembered("co-1", due.state, known.last_ts, "w") if known else None
        one = sample(seconds, value)
        ours, known = judge(rule, known, one, 60, "co-1", "w")
        theirs = judge_event(rule, state, one) if isinstance(rule, EventRule) else judge_level(rule, state, one, 60)
        assert ours == theirs
        state = None if theirs.state is None or theirs.state.closed_at else theirs.state
