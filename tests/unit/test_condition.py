"""How an alarm goes from reading to reading, told as timelines in seconds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from alerts.condition import (
    Change,
    Decision,
    Reason,
    Sample,
    State,
    acknowledge,
    judge_deadline,
    judge_event,
    judge_level,
)
from catalogue.rules import EventRule, ExposureRule, LevelRule, ThresholdRule, default_pack

START = datetime(2026, 1, 15, 22, tzinfo=UTC)
RULES = {one.id: one for one in default_pack().rules}
CO_300 = cast("ThresholdRule", RULES["co_300"])
CO_100 = cast("ExposureRule", RULES["co_100"])
CH4_10 = cast("ThresholdRule", RULES["ch4_10"])
BOILER_95 = cast("ThresholdRule", RULES["boiler_flow_95"])
DISCHARGE_120 = cast("ThresholdRule", RULES["heat_pump_discharge_120"])
FREEZING = cast("ThresholdRule", RULES["room_freezing"])
CO_BIT = cast("EventRule", RULES["co_detector_alarm"])
OVERHEAT_BIT = cast("EventRule", RULES["overheat_reported"])

ON: Reason = "exposure_goes_on"
Line = tuple[float, float, Change, Reason]
"""(second, value, change, reason)"""


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


class Home:
    """One rule on one device, and what became of it so far."""

    def __init__(self, watching: LevelRule | EventRule, *, interval_s: float = 10) -> None:
        self.watching = watching
        self.interval_s = interval_s
        self.state: State | None = None

    def feels(self, second: float, value: float, *, received: float | None = None, late: bool = False) -> Decision:
        sample = Sample(at(second), at(second if received is None else received), value, late)
        if isinstance(self.watching, EventRule):
            return self._take(judge_event(self.watching, self.state, sample))
        return self._take(judge_level(self.watching, self.state, sample, self.interval_s))

    def waits_until(self, second: float) -> Decision:
        assert self.state is not None
        return self._take(judge_deadline(self.watching, self.state, at(second)))

    def acknowledges(self, second: float) -> Decision:
        assert self.state is not None
        return self._take(acknowledge(self.state, at(second)))

    def lives(self, *lines: Line) -> State:
        for second, value, change, reason in lines:
            decision = self.feels(second, value)
            assert (decision.change, decision.reason) == (change, reason), f"at {second} s"
        return self.open

    @property
    def open(self) -> State:
        assert self.state is not None
        return self.state

    def _take(self, decision: Decision) -> Decision:
        closed = decision.state is not None and decision.state.closed_at is not None
        self.state = None if closed else decision.state
        return decision


# -- raising --------------------------------------------------------------------------------------------------------


def test_a_second_sample_confirms_carbon_monoxide() -> None:
    home = Home(CO_300)
    state = home.lives(
        (0, 310, "opened", "waiting_for_second_sample"),
        (10, 320, "raised", "confirmed_by_second_sample"),
    )
    assert (state.condition, state.since, state.raised_at) == ("active", at(0), at(10))
    assert (state.samples, state.last_value, state.peak_value, state.deadline) == (2, 320, 320, None)


def test_below_the_level_nothing_is_opened() -> None:
    home = Home(CO_300)
    for second, ppm in ((0, 0), (10, 299.9)):
        assert home.feels(second, ppm) == Decision(None, "none", "within_limits")


def test_a_single_spike_is_dropped_by_the_next_sample() -> None:
    home = Home(CO_300)
    home.lives((0, 310, "opened", "waiting_for_second_sample"))
    assert home.feels(10, 3) == Decision(None, "dropped", "back_before_it_was_held")
    home.lives((20, 310, "opened", "waiting_for_second_sample"), (30, 287, "none", "not_confirmed_yet"))
    assert home.feels(51, 200) == Decision(None, "dropped", "not_confirmed")


def test_a_single_spike_is_dropped_at_its_deadline_when_nothing_more_is_heard() -> None:
    home = Home(CO_300)
    home.lives((0, 310, "opened", "waiting_for_second_sample"), (10, 287, "none", "not_confirmed_yet"))
    assert home.waits_until(29).change == "none"
    assert home.waits_until(30) == Decision(None, "dropped", "not_confirmed")


def test_noise_around_the_level_hides_no_danger() -> None:
    home = Home(CO_300)
    assert home.lives(
        (0, 301, "opened", "waiting_for_second_sample"), (10, 291, "raised", "confirmed_by_second_sample")
    ).raised_at == at(10), "300 ppm, as a sensor that is 3 % wrong says it"
    home = Home(CO_300)
    home.lives((0, 301, "opened", "waiting_for_second_sample"), (10, 280, "none", "not_confirmed_yet"))
    assert home.lives((20, 302, "raised", "confirmed_by_second_sample")).raised_at == at(20)
    home = Home(CO_300)
    home.lives((0, 301, "opened", "waiting_for_second_sample"), (20, 280, "none", "not_confirmed_yet"))
    assert home.lives((40, 302, "none", "waiting_for_second_sample")).since == at(40), "that was another one"


def test_no_second_sample_is_no_contradiction() -> None:
    home = Home(CO_300)
    home.lives((0, 310, "opened", "waiting_for_second_sample"))
    assert home.open.deadline == at(30)
    assert home.waits_until(29.9).reason == "holding"
    decision = home.waits_until(31)
    assert (decision.change, decision.reason) == ("raised", "deadline_without_contradiction")
    state = home.state
    assert state is not None
    assert (state.raised_at, state.samples, state.deadline) == (at(30), 1, None)


@pytest.mark.parametrize(("interval_s", "change"), [(10, "opened"), (30, "opened"), (31, "raised"), (300, "raised")])
def test_a_detector_that_samples_rarely_is_believed_at_once(interval_s: float, change: Change) -> None:
    decision = Home(CO_300, interval_s=interval_s).feels(0, 310)
    assert decision.change == change
    assert (decision.reason == "sampled_rarely") == (change == "raised")


def test_without_hold_or_confirmation_one_sample_raises() -> None:
    home = Home(CH4_10)
    state = home.lives((0, 10, "raised", "over_threshold"))
    assert (state.since, state.raised_at, state.deadline) == (at(0), at(0), None)


def test_a_level_must_be_held() -> None:
    home = Home(CO_100)
    home.lives((0, 100, "opened", "holding"), (300, 180, "none", ON), (599, 120, "none", ON))
    assert (home.open.condition, home.open.deadline) == ("pending", at(600))
    state = home.lives((600, 110, "raised", "exposed_long_enough"))
    assert (state.raised_at, state.since, state.peak_value, state.samples) == (at(600), at(0), 180, 4)


def test_a_stove_that_smokes_for_minutes_does_not_alarm() -> None:
    home = Home(CO_100)
    home.lives((0, 130, "opened", "holding"), (300, 60, "none", ON))
    assert home.open.deadline == at(300 + 34 * 300 / 36), "by then the mean has sunk to 96"
    assert home.feels(590, 60) == Decision(None, "dropped", "exposure_is_over")


def test_an_exposure_that_nobody_hears_the_end_of_ends_by_itself() -> None:
    home = Home(CO_100)
    home.lives((0, 130, "opened", "holding"), (300, 60, "none", ON))
    assert home.waits_until(583).change == "none"
    assert home.waits_until(584) == Decision(None, "dropped", "exposure_is_over")


def test_a_door_that_is_opened_for_a_moment_does_not_undo_what_was_breathed() -> None:
    home = Home(CO_100)
    home.lives((0, 180, "opened", "holding"), (400, 20, "none", ON), (460, 170, "none", ON))
    assert home.open.excess == 84 * 400 - 76 * 60
    assert home.lives((600, 170, "raised", "exposed_long_enough")).since == at(0)


def test_what_is_over_by_now_is_not_raised_however_much_it_was() -> None:
    home = Home(CO_100)
    home.lives((0, 290, "opened", "holding"), (300, 5, "none", ON), (600, 5, "none", ON))
    assert home.feels(960, 5).change == "dropped"


def test_an_exposure_begins_anew_when_the_mean_had_sunk() -> None:
    home = Home(CO_100)
    home.lives((0, 110, "opened", "holding"), (60, 0, "none", ON), (120, 110, "none", "exposure_begins_anew"))
    assert (home.open.since, home.open.deadline, home.open.excess) == (at(120), at(720), 0)


def test_a_reading_that_was_long_under_way_does_not_put_an_exposure_off() -> None:
    home = Home(CO_100)
    home.lives((0, 130, "opened", "holding"))
    home.feels(60, 130, received=250)
    assert home.open.deadline == at(600)


def test_a_held_level_is_raised_at_its_deadline_without_another_message() -> None:
    home = Home(CO_100)
    home.lives((0, 130, "opened", "holding"))
    assert home.waits_until(599.9).change == "none"
    assert home.waits_until(605).change == "raised"
    assert home.open.raised_at == at(600), "when it was due, not when we looked"


def test_a_deadline_counts_from_when_we_heard_of_it() -> None:
    home = Home(CO_100)
    home.feels(0, 130, received=20)
    assert home.open.deadline == at(620)
    assert home.waits_until(620).state == home.open


@pytest.mark.parametrize("ahead", [240, 300])
def test_a_clock_that_is_a_little_ahead_raises_nothing_before_it_began(ahead: float) -> None:
    home = Home(CO_300)
    home.feels(ahead, 310, received=0)
    home.waits_until(30)
    assert (home.open.condition, home.open.since, home.open.raised_at) == ("active", at(ahead), at(ahead))


def test_a_deadline_means_nothing_to_what_is_not_pending() -> None:
    home = Home(CO_300)
    home.lives((0, 310, "opened", "waiting_for_second_sample"), (10, 320, "raised", "confirmed_by_second_sample"))
    for second in (30, 10_000_000):
        assert home.waits_until(second) == Decision(home.open, "none", "holding")


def test_a_room_freezes_below_its_level() -> None:
    home = Home(FREEZING)
    assert home.feels(0, 5) == Decision(None, "none", "within_limits")
    state = home.lives(
        (60, 4.9, "opened", "holding"),
        (1800, 2, "none", "holding"),
        (3660, 4, "raised", "held_long_enough"),
        (4000, 1.5, "none", "still_over"),
        (5000, 5, "none", "still_over"),
        (6000, 7.9, "none", "still_over"),
        (7000, 8, "recovering", "back_below_clear"),
    )
    assert state.peak_value == 1.5, "the coldest counts"
    decision = home.feels(7600, 8)
    assert (decision.change, decision.reason) == ("cleared", "clear_long_enough")
    assert decision.state is not None
    assert decision.state.closed_at == at(7600), "it does not latch"


# -- clearing -------------------------------------------------------------------------------------------------------


def raised_co(*, interval_s: float = 10) -> Home:
    home = Home(CO_300, interval_s=interval_s)
    home.lives((0, 310, "opened", "waiting_for_second_sample"), (10, 400, "raised", "confirmed_by_second_sample"))
    return home


def test_between_raise_and_clear_an_alarm_stays() -> None:
    state = raised_co().lives((20, 299, "none", "still_over"), (30, 15, "none", "still_over"))
    assert (state.condition, state.samples, state.peak_value, state.last_value) == ("active", 2, 400, 15)


def test_carbon_monoxide_must_be_gone_for_a_quarter_of_an_hour() -> None:
    home = raised_co()
    state = home.lives(
        (20, 14.9, "recovering", "back_below_clear"),
        (500, 0, "none", "clearing"),
        (919, 0, "none", "clearing"),
        (920, 3, "cleared", "clear_long_enough"),
    )
    assert (state.condition, state.cleared_at, state.recovering_since) == ("normal", at(920), None)
    assert state.closed_at is None, "it latches: a person has not acknowledged it"


def test_a_relapse_starts_the_quarter_of_an_hour_again() -> None:
    home = raised_co()
    state = home.lives(
        (20, 5, "recovering", "back_below_clear"),
        (900, 15, "none", "over_clear_again"),
        (910, 5, "recovering", "back_below_clear"),
        (1809, 5, "none", "clearing"),
    )
    assert (state.condition, state.raised_at) == ("recovering", at(10))
    assert home.lives((1810, 5, "cleared", "clear_long_enough")).cleared_at == at(1810)


def test_without_a_clearing_time_one_sample_clears() -> None:
    home = Home(DISCHARGE_120)
    home.lives((0, 120, "raised", "over_threshold"), (10, 90, "none", "still_over"))
    decision = home.feels(20, 89.9)
    assert (decision.change, decision.reason) == ("cleared", "back_below_clear")
    assert decision.state is not None
    assert decision.state.closed_at == at(20)


def test_normal_and_beyond_again_is_told_again() -> None:
    home = raised_co()
    home.lives(
        (20, 5, "recovering", "back_below_clear"),
        (920, 5, "cleared", "clear_long_enough"),
        (930, 299, "none", "within_limits"),
    )
    assert home.lives((940, 305, "none", "waiting_for_second_sample")).condition == "normal", "one spike is none"
    state = home.lives((950, 305, "raised", "confirmed_by_second_sample"))
    assert (state.condition, state.raised_at, state.since, state.cleared_at) == ("active", at(950), at(940), None)


def test_a_spike_after_a_latched_alarm_is_forgotten_when_the_next_sample_contradicts_it() -> None:
    home = raised_co()
    home.lives((20, 5, "recovering", "back_below_clear"), (920, 5, "cleared", "clear_long_enough"))
    home.lives((940, 305, "none", "waiting_for_second_sample"), (950, 8, "none", "back_before_it_was_held"))
    assert home.open.deadline is None
    home.lives((960, 305, "none", "waiting_for_second_sample"), (965, 200, "none", "not_confirmed_yet"))
    assert home.waits_until(990).reason == "not_confirmed"
    assert home.open.deadline is None
    home.lives((1000, 305, "none", "waiting_for_second_sample"))
    assert home.waits_until(1030).change == "raised", "nothing contradicted this one"


# -- acknowledging --------------------------------------------------------------------------------------------------


def test_acknowledged_and_then_normal_is_closed() -> None:
    home = raised_co()
    assert home.acknowledges(15) == Decision(home.open, "none", "acknowledged")
    assert home.open.condition == "active", "a person does not make the air clean"
    home.lives((20, 5, "recovering", "back_below_clear"))
    decision = home.feels(920, 5)
    assert decision.change == "cleared"
    assert decision.state is not None
    assert (decision.state.closed_at, decision.state.acknowledged) == (at(920), True)


def test_normal_and_then_acknowledged_is_closed() -> None:
    home = raised_co()
    home.lives((20, 5, "recovering", "back_below_clear"), (920, 5, "cleared", "clear_long_enough"))
    decision = home.acknowledges(2000)
    assert (decision.change, decision.reason) == ("closed", "acknowledged")
    assert decision.state is not None
    assert (decision.state.closed_at, decision.state.cleared_at) == (at(2000), at(920))


def test_an_acknowledgement_while_recovering_does_not_shorten_it() -> None:
    home = raised_co()
    home.lives((20, 5, "recovering", "back_below_clear"))
    assert home.acknowledges(30).change == "none"
    assert home.lives((40, 5, "none", "clearing")).condition == "recovering"


# -- order and lateness ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("second", [9.999, 10])
def test_what_is_not_newer_changes_nothing(second: float) -> None:
    home = raised_co()
    before = home.open
    decision = home.feels(second, 0)
    assert decision == Decision(before, "none", "older_than_the_last")
    assert decision.state is before, "the engine writes nothing then"


def test_what_comes_behind_newer_readings_still_says_that_it_was_not_clear_all_the_time() -> None:
    home = raised_co()
    home.lives((20, 5, "recovering", "back_below_clear"), (600, 5, "none", "clearing"))
    assert home.feels(15, 40).reason == "older_than_the_last", "before that"
    assert home.feels(300, 5).reason == "older_than_the_last"
    decision = home.feels(300, 40)
    assert (decision.change, decision.reason) == ("none", "over_clear_again")
    assert (home.open.condition, home.open.recovering_since, home.open.last_ts) == ("recovering", at(600), at(600))
    assert home.lives((1499, 5, "none", "clearing"), (1500, 5, "cleared", "clear_long_enough")).cleared_at == at(1500)


@pytest.mark.parametrize("value", [0, 14, 310])
def test_a_late_reading_changes_no_live_alarm(value: float) -> None:
    for lines in ([(10, 400)], [(10, 400), (20, 5)], [(10, 400), (20, 5), (920, 5)]):
        home = Home(CO_300)
        home.feels(0, 310)
        for second, ppm in lines:
            home.feels(second, ppm)
        before = home.open
        decision = home.feels(5, value, received=2000, late=True)
        assert (decision.state is before, decision.change, decision.reason) == (True, "none", "late_reading")


def test_late_carbon_monoxide_is_told_as_late_until_somebody_has_seen_it() -> None:
    home = Home(CO_300)
    decision = home.feels(-3600, 500, received=0, late=True)
    assert (decision.change, decision.reason) == ("raised_late", "late_but_must_be_told")
    state = home.open
    assert (state.late, state.condition, state.raised_at, state.closed_at) == (True, "normal", at(-3600), None)
    assert home.feels(-3000, 600, received=0, late=True).change == "none", "once"
    assert home.acknowledges(60).change == "closed"


def test_late_carbon_monoxide_is_told_beside_what_is_pending() -> None:
    home = Home(CO_300)
    home.feels(0, 310)
    decision = home.feels(-3600, 500, received=1, late=True)
    assert (decision.change, decision.reason) == ("raised_late", "late_but_must_be_told")
    assert (home.open.condition, home.open.late, home.open.raised_at, home.open.deadline) == (
        "normal", True, at(-3600), at(30),
    )  # fmt: skip
    assert home.feels(-3500, 500, received=1, late=True).change == "none", "once"
    assert home.feels(10, 310).change == "raised"
    assert (home.open.condition, home.open.late, home.open.raised_at) == ("active", False, at(10))


def test_late_below_the_level_or_without_tell_late_is_only_stored() -> None:
    """And of what must hold for a time, one reading says nothing."""
    for home, value in ((Home(CO_300), 299), (Home(CO_100), 5000), (Home(BOILER_95), 101), (Home(CO_BIT), 0)):
        assert home.feels(-3600, value, received=0, late=True) == Decision(None, "none", "late_reading")


def test_live_carbon_monoxide_after_a_late_one_is_told_as_live() -> None:
    home = Home(CO_300)
    home.feels(-3600, 500, received=0, late=True)
    assert home.feels(0, 400).reason == "waiting_for_second_sample"
    assert home.feels(10, 400).change == "raised"
    assert (home.open.condition, home.open.late, home.open.raised_at) == ("active", False, at(10))


def test_a_reading_makes_a_stale_alarm_fresh() -> None:
    for watching, value in ((CO_300, 400), (CO_BIT, 1)):
        home = Home(watching, interval_s=300)
        home.feels(0, value)
        home.state = replace(home.open, stale=True)
        assert home.feels(5, value, received=900, late=True).state is home.state
        home.feels(600, value)
        assert not home.open.stale


# -- the device's own alarm bit -------------------------------------------------------------------------------------


def test_the_detectors_own_alarm_raises_at_once_and_latches() -> None:
    home = Home(CO_BIT)
    home.lives(
        (0, 1, "raised", "device_alarm_on"),
        (60, 1, "none", "still_over"),
        (120, 0, "cleared", "device_alarm_off"),
        (180, 0, "none", "within_limits"),
        (240, 1, "raised", "device_alarm_on"),
        (300, 0, "cleared", "device_alarm_off"),
    )
    assert (home.open.condition, home.open.samples, home.open.raised_at) == ("normal", 3, at(240))
    assert home.acknowledges(400).change == "closed"


def test_an_acknowledged_bit_closes_when_it_goes_off() -> None:
    home = Home(OVERHEAT_BIT)
    home.feels(0, 1)
    home.acknowledges(10)
    decision = home.feels(20, 0)
    assert decision.state is not None
    assert decision.state.closed_at == at(20)


def test_off_without_on_is_nothing() -> None:
    assert Home(CO_BIT).feels(0, 0) == Decision(None, "none", "device_alarm_off_unknown")


def test_an_older_bit_changes_nothing() -> None:
    home = Home(CO_BIT)
    home.feels(10, 1)
    assert home.feels(10, 0).reason == home.feels(5, 0).reason == "older_than_the_last"
    assert home.open.condition == "active"


def test_a_late_bit_is_told_as_late_where_the_rule_wants_it() -> None:
    assert Home(CO_BIT).feels(-3600, 1, received=0, late=True).change == "raised_late"
    assert Home(OVERHEAT_BIT).feels(-3600, 1, received=0, late=True).change == "none"


# -- whatever comes in whatever order -------------------------------------------------------------------------------


class AlarmLife(RuleBasedStateMachine):
    """One rule on one device, lived through at random. Times in seconds."""

    watching: LevelRule | EventRule

    @initialize(
        watching=st.sampled_from([CO_300, CO_100, CH4_10, BOILER_95, DISCHARGE_120, FREEZING, CO_BIT, OVERHEAT_BIT]),
        interval_s=st.sampled_from([10, 60, 300]),
    )
    def begin(self, watching: LevelRule | EventRule, interval_s: int) -> None:
        self.watching = watching
        self.interval_s = interval_s
        self.state: State | None = None
        self.second = 0.0
        self.back_since: datetime | None = None
        self.decision = Decision(None, "none", "within_limits")
        self.before: State | None = None

    def value(self, where: str) -> float:
        if isinstance(self.watching, EventRule):
            return 1.0 if where == "beyond" else 0.0
        outward = 1 if self.watching.direction == "above" else -1
        middle = (self.watching.raise_at + self.watching.clear_at) / 2
        return {
            "beyond": self.watching.raise_at + outward,
            "between": middle,
            "back": self.watching.clear_at - outward * 1.0,
        }[where]

    def judge(self, sample: Sample) -> None:
        if isinstance(self.watching, EventRule):
            self.note(judge_event(self.watching, self.state, sample))
        else:
            self.note(judge_level(self.watching, self.state, sample, self.interval_s))

    def note(self, decision: Decision) -> None:
        self.before, self.decision = self.state, decision
        after = decision.state
        if after is not None and after.closed_at is not None:
            assert not self.watching.latching or after.acknowledged, "closed without a person"
            assert after.condition == "normal"
            after = None
        self.state = after

    @rule(
        where=st.sampled_from(["beyond", "beyond", "between", "back", "back"]),
        after_s=st.sampled_from([0.0, 1.0, 10.0, 60.0, 400.0, 1000.0, 4000.0]),
        lag_s=st.sampled_from([-200.0, 0.0, 5.0]),
    )
    def sample(self, where: str, after_s: float, lag_s: float) -> None:
        self.second += after_s
        ts = at(self.second)
        newer = self.state is None or ts > self.state.last_ts
        if newer:
            is_back = where == "back" or (where == "between" and isinstance(self.watching, EventRule))
            self.back_since = (self.back_since or ts) if is_back else None
        self.judge(Sample(ts, ts + timedelta(seconds=lag_s), self.value(where)))
        if not newer:
            assert self.decision.state is self.before
        if self.decision.change == "cleared":
            off_delay_s = self.watching.off_delay_s if isinstance(self.watching, LevelRule) else 0
            assert self.back_since is not None
            assert ts - self.back_since >= timedelta(seconds=off_delay_s), "cleared too early"
        if self.decision.change in {"raised", "opened"}:
            assert where == "beyond"
        if newer and where == "beyond" and self.before and self.before.condition != "pending":
            assert self.state is not None
            again = self.before.condition == "normal" and self.state.deadline is not None
            assert again or self.state.condition == "active", "held or confirmed again, or raised"

    @rule(where=st.sampled_from(["beyond", "between", "back"]), ago_s=st.sampled_from([301.0, 5000.0]))
    def late(self, where: str, ago_s: float) -> None:
        ts = at(self.second - ago_s)
        self.judge(Sample(ts, at(self.second), self.value(where), late=True))
        told = where == "beyond" and self.watching.tell_late and not getattr(self.watching, "holds_s", 0)
        if self.before is not None and (self.before.condition != "pending" or not told):
            assert self.decision.state is self.before
        else:
            assert self.decision.change == ("raised_late" if told else "none")
            assert (self.state is not None) == told
            assert self.before is None or (self.state and self.state.deadline == self.before.deadline)

    @precondition(lambda self: self.state is not None)
    @rule(after_s=st.sampled_from([0.0, 29.0, 31.0, 700.0, 1_000_000.0]))
    def silence(self, after_s: float) -> None:
        """Nothing is heard; the deadlines are looked at. Time goes on only for the one who looks."""
        assert self.state is not None
        now = at(self.second + after_s)
        due = (
            self.state.condition in {"pending", "normal"}
            and self.state.deadline is not None
            and self.state.deadline <= now
        )
        beyond = isinstance(self.watching, EventRule) or self.watching.beyond(self.state.last_value)
        pending = self.state.condition == "pending"
        self.note(judge_deadline(self.watching, self.state, now))
        if due and beyond:
            assert self.decision.change == "raised"
        elif due:
            assert self.decision.change == ("dropped" if pending else "none")
            assert self.state is None or self.state.deadline is None
        else:
            assert self.decision.state is self.before

    @precondition(lambda self: self.state is not None and self.state.condition != "pending")
    @rule()
    def acknowledgement(self) -> None:
        assert self.state is not None
        self.note(acknowledge(self.state, at(self.second)))
        assert self.before is not None
        assert (self.decision.change == "closed") == (self.before.condition == "normal")
        if self.state is not None:
            assert self.state == replace(self.before, acknowledged=True)

    @invariant()
    def holds_together(self) -> None:
        state = getattr(self, "state", None)
        if state is None:
            return
        # a latched alarm that was beyond again has begun anew, and still says when it was raised before
        normal = state.condition == "normal"
        again = normal and state.deadline is not None
        assert normal or state.raised_at is None or state.raised_at >= state.since
        assert (state.raised_at is None) == (state.condition == "pending")
        assert again or (state.deadline is None) == (state.condition != "pending")
        assert (state.recovering_since is not None) == (state.condition == "recovering")
        assert (state.cleared_at is not None) == (state.condition == "normal")
        assert state.last_ts >= state.since
        assert state.samples >= 1
        assert not (state.late and state.condition != "normal"), "a live alarm that is told as late"


AlarmLife.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestAlarmLife = AlarmLife.TestCase
