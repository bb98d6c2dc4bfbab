"""How one rule on one device goes from reading to reading. Pure: state in, sample in, decision with a reason out.

    (nothing) ─beyond─▶ pending ─held, confirmed, deadline─▶ active ─back─▶ recovering ─kept─▶ normal ─▶ closed
                           │                                    ▲               │                │
                           └─back before that─▶ (dropped)       └────beyond─────┴─────beyond─────┘

A latching alarm is closed only when it is normal and a person has acknowledged it. Silence moves nothing here: it
makes an alarm stale (alerts/silence.py), never normal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from catalogue.rules import EventRule, ThresholdRule

Condition = Literal["pending", "active", "recovering", "normal"]
Change = Literal["none", "opened", "raised", "raised_late", "recovering", "cleared", "closed", "dropped"]
Reason = Literal[
    "over_threshold",
    "sampled_rarely",
    "waiting_for_second_sample",
    "confirmed_by_second_sample",
    "held_long_enough",
    "deadline_without_contradiction",
    "within_limits",
    "still_over",
    "holding",
    "back_before_it_was_held",
    "back_below_clear",
    "over_clear_again",
    "clear_long_enough",
    "clearing",
    "late_reading",
    "late_but_must_be_told",
    "older_than_the_last",
    "device_alarm_on",
    "device_alarm_off",
    "device_alarm_off_unknown",
    "acknowledged",
]


@dataclass(frozen=True, slots=True)
class Sample:
    """One value (or alarm bit, as 1 or 0) with its measured time and the time we received it."""

    ts: datetime
    received_at: datetime
    value: float
    late: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """An open row of the table `alarm`, as far as decisions need it."""

    condition: Condition
    since: datetime
    last_ts: datetime
    last_value: float
    peak_value: float
    samples: int = 1
    raised_at: datetime | None = None
    recovering_since: datetime | None = None
    cleared_at: datetime | None = None
    closed_at: datetime | None = None
    deadline: datetime | None = None
    acknowledged: bool = False
    late: bool = False
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the alarm and why. `state` is None where there is no row (any more)."""

    state: State | None
    change: Change
    reason: Reason


def judge_threshold(rule: ThresholdRule, state: State | None, sample: Sample, interval_s: float) -> Decision:
    """The next state of a threshold rule. `interval_s` is how often the device samples."""
    beyond = rule.beyond(sample.value)
    if sample.late:
        return _late(state, sample, tell=rule.tell_late and beyond)
    if state is None:
        return _first(rule, sample, interval_s) if beyond else Decision(None, "none", "within_limits")
    if sample.ts <= state.last_ts:
        return Decision(state, "none", "older_than_the_last")
    seen = _seen(rule, state, sample, counts=beyond)
    if state.condition == "pending":
        return _pending(rule, state, seen, sample, beyond=beyond)
    if state.condition == "normal":
        return _again(rule, state, seen, sample, interval_s) if beyond else _still_normal(seen)
    if not rule.back(sample.value):
        if state.condition == "recovering":
            return Decision(replace(seen, condition="active", recovering_since=None), "none", "over_clear_again")
        return Decision(seen, "none", "still_over")
    return _back(rule, state, seen, sample)


def judge_event(rule: EventRule, state: State | None, sample: Sample) -> Decision:
    """The next state of a rule on the device's own alarm bit (value 1 on, 0 off)."""
    on = sample.value > 0
    if sample.late:
        return _late(state, sample, tell=rule.tell_late and on)
    if state is None:
        if not on:
            return Decision(None, "none", "device_alarm_off_unknown")
        return _raise(_open(sample), sample.ts, "device_alarm_on")
    if sample.ts <= state.last_ts:
        return Decision(state, "none", "older_than_the_last")
    seen = replace(
        state, last_ts=sample.ts, last_value=sample.value, stale=False, samples=state.samples + (1 if on else 0)
    )
    if on:
        if state.condition == "normal":
            return _raise(seen, sample.ts, "device_alarm_on")
        return Decision(seen, "none", "still_over")
    if state.condition == "normal":
        return Decision(seen, "none", "within_limits")
    return _clear(seen, sample.ts, latching=rule.latching, reason="device_alarm_off")


def judge_deadline(state: State, now: datetime) -> Decision:
    """What a deadline that has passed without another reading means: nothing contradicted the first one."""
    if state.condition in {"pending", "normal"} and state.deadline is not None and state.deadline <= now:
        # the deadline runs on our clock, `since` on the device's, which may be a little ahead
        return _raise(state, max(state.deadline, state.since), "deadline_without_contradiction")
    return Decision(state, "none", "holding")


def acknowledge(state: State, at: datetime) -> Decision:
    """A person has it. A latched alarm whose value is normal already is closed by this."""
    acknowledged = replace(state, acknowledged=True)
    if state.condition == "normal":
        return Decision(replace(acknowledged, closed_at=at), "closed", "acknowledged")
    return Decision(acknowledged, "none", "acknowledged")


def _first(rule: ThresholdRule, sample: Sample, interval_s: float) -> Decision:
    opened = _open(sample)
    if rule.hold_s:
        due = sample.received_at + timedelta(seconds=rule.hold_s)
        return Decision(replace(opened, deadline=due), "opened", "holding")
    if rule.confirm_s and interval_s <= rule.confirm_s:
        due = sample.received_at + timedelta(seconds=rule.confirm_s)
        return Decision(replace(opened, deadline=due), "opened", "waiting_for_second_sample")
    return _raise(opened, sample.ts, "sampled_rarely" if rule.confirm_s else "over_threshold")


def _pending(rule: ThresholdRule, state: State, seen: State, sample: Sample, *, beyond: bool) -> Decision:
    if not beyond:
        return Decision(None, "dropped", "back_before_it_was_held")
    if rule.confirm_s:
        return _raise(seen, sample.ts, "confirmed_by_second_sample")
    if sample.ts - state.since >= timedelta(seconds=rule.hold_s):
        return _raise(seen, sample.ts, "held_long_enough")
    return Decision(seen, "none", "holding")


def _again(rule: ThresholdRule, state: State, seen: State, sample: Sample, interval_s: float) -> Decision:
    """Beyond again while a person has not acknowledged it yet: held or confirmed like the first time."""
    if state.deadline is not None:
        renewed = _pending(rule, state, seen, sample, beyond=True)
        return renewed if renewed.change == "raised" else Decision(seen, "none", "holding")
    first = _first(rule, sample, interval_s)
    if first.change == "raised" or first.state is None:
        return _raise(seen, sample.ts, first.reason)
    return Decision(replace(seen, since=sample.ts, deadline=first.state.deadline), "none", first.reason)


def _still_normal(seen: State) -> Decision:
    return Decision(replace(seen, deadline=None), "none", "within_limits")


def _back(rule: ThresholdRule, state: State, seen: State, sample: Sample) -> Decision:
    if rule.clear_s == 0:
        return _clear(seen, sample.ts, latching=rule.latching, reason="back_below_clear")
    if state.recovering_since is None or state.condition == "active":
        return Decision(
            replace(seen, condition="recovering", recovering_since=sample.ts), "recovering", "back_below_clear"
        )
    if sample.ts - state.recovering_since >= timedelta(seconds=rule.clear_s):
        return _clear(seen, sample.ts, latching=rule.latching, reason="clear_long_enough")
    return Decision(seen, "none", "clearing")


def _late(state: State | None, sample: Sample, *, tell: bool) -> Decision:
    """Late readings never raise or clear a live alarm; a rule may still want to be told, as late (DESIGN §5.5)."""
    if state is not None or not tell:
        return Decision(state, "none", "late_reading")
    told = replace(_open(sample), condition="normal", raised_at=sample.ts, cleared_at=sample.ts, late=True)
    return Decision(told, "raised_late", "late_but_must_be_told")


def _open(sample: Sample) -> State:
    return State("pending", sample.ts, sample.ts, sample.value, sample.value)


def _seen(rule: ThresholdRule, state: State, sample: Sample, *, counts: bool) -> State:
    peak = max if rule.direction == "above" else min
    return replace(
        state,
        last_ts=sample.ts,
        last_value=sample.value,
        peak_value=peak(state.peak_value, sample.value),
        samples=state.samples + (1 if counts else 0),
        stale=False,
    )


def _raise(state: State, at: datetime, reason: Reason) -> Decision:
    raised = replace(
        state, condition="active", raised_at=at, recovering_since=None, cleared_at=None, deadline=None, late=False
    )
    return Decision(raised, "raised", reason)


def _clear(state: State, at: datetime, *, latching: bool, reason: Reason) -> Decision:
    closed = None if latching and not state.acknowledged else at
    cleared = replace(state, condition="normal", cleared_at=at, recovering_since=None, deadline=None, closed_at=closed)
    return Decision(cleared, "cleared", reason)
