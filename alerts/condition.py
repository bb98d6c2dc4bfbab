"""How one rule on one device goes from reading to reading. Pure: state in, sample in, decision with a reason out.

    (nothing) ─beyond─▶ pending ─held, confirmed, deadline─▶ active ─back─▶ recovering ─kept─▶ normal ─▶ closed
                           │                                    ▲               │                │
                           └─back before that─▶ (dropped)       └────beyond─────┴─────beyond─────┘

What "held" means is the rule's kind: without a break (threshold), on average since the first reading beyond the level
(exposure). What is pending has a deadline, at which it becomes active or is dropped without another message.
A latching alarm is closed only when it is normal and a person has acknowledged it. Silence moves nothing here: it
makes an alarm stale (alerts/silence.py), never normal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from catalogue.rules import CountRule, EventRule, ExposureRule, FaultRule, LevelRule, RateRule, Rule, ThresholdRule

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
    "not_confirmed_yet",
    "not_confirmed",
    "exposed_long_enough",
    "exposure_goes_on",
    "exposure_begins_anew",
    "exposure_is_over",
    "no_longer_looked_at",
    "rises_too_fast",
    "not_fast_enough",
    "came_too_often",
    "not_often_enough",
    "fault_reported",
    "fault_gone",
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
    fast_enough: bool = True
    """Of a rule on a rate of change: whether it has changed by so much. Of a rule on a count: whether it is reached."""
    detail: str = ""
    """Of a rule on faults: which one."""


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
    excess: float = 0.0
    """Of an exposure under way: the quantity above the rule's `mean_at`, summed over seconds."""
    detail: str = ""
    """Of a fault: which one."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the alarm and why. `state` is None where there is no row (any more)."""

    state: State | None
    change: Change
    reason: Reason


def judge_level(rule: LevelRule, state: State | None, sample: Sample, interval_s: float) -> Decision:
    """The next state of a rule on a level. `interval_s` is how often the device samples."""
    beyond = rule.beyond(sample.value) and sample.fast_enough
    if sample.late:
        # what must hold for a time is told of a series of late readings (alerts/hindsight.py), not of one
        return _late(state, sample, tell=rule.tell_late and beyond and not rule.holds_s)
    if state is None:
        if beyond:
            return _first(rule, sample, interval_s)
        return Decision(None, "none", "within_limits" if sample.fast_enough else "not_fast_enough")
    if sample.ts <= state.last_ts:
        return _older(rule, state, sample)
    seen = _seen(rule, state, sample, counts=beyond)
    if state.condition == "pending":
        return _pending(rule, state, seen, sample, beyond=beyond)
    if state.condition == "normal":
        return _again(rule, state, seen, sample, interval_s, beyond=beyond)
    if not rule.back(sample.value):
        if state.condition == "recovering":
            return Decision(replace(seen, condition="active", recovering_since=None), "none", "over_clear_again")
        return Decision(seen, "none", "still_over")
    return _back(rule, state, seen, sample)


def judge_unlooked(state: State | None) -> Decision:
    """A reading in a situation that the rule does not look at: what was pending is over, what is raised stays as it is.

    Whether the fault is still there cannot be seen; that it is not held without a break can.
    """
    if state is None or state.condition not in {"pending", "normal"} or state.deadline is None:
        return Decision(state, "none", "no_longer_looked_at")
    if state.condition == "pending":
        return Decision(None, "dropped", "no_longer_looked_at")
    return Decision(replace(state, deadline=None), "none", "no_longer_looked_at")


def judge_event(rule: EventRule | CountRule | FaultRule, state: State | None, sample: Sample) -> Decision:
    """The next state of a rule on what the device says of itself (value 1 on, 0 off)."""
    on = sample.value > 0 and sample.fast_enough
    if sample.late:
        return _late(state, sample, tell=rule.tell_late and on)
    said, over = _WORDS[rule.kind]
    if state is None:
        if not on:
            often = sample.value > 0 and not sample.fast_enough
            return Decision(None, "none", "not_often_enough" if often else "device_alarm_off_unknown")
        return _raise(_open(sample), sample.ts, said)
    if sample.detail:
        state = replace(state, detail=sample.detail)
    if sample.ts <= state.last_ts:
        return Decision(state, "none", "older_than_the_last")
    seen = replace(
        state, last_ts=sample.ts, last_value=sample.value, stale=False, samples=state.samples + (1 if on else 0)
    )
    if on:
        if state.condition == "normal":
            return _raise(seen, sample.ts, said)
        return Decision(seen, "none", "still_over")
    if state.condition == "normal":
        return Decision(seen, "none", "within_limits")
    if sample.value > 0:
        return Decision(seen, "none", "not_often_enough")  # on again, but not so often any more
    return _clear(seen, sample.ts, latching=rule.latching, reason=over)


_WORDS: Final[dict[str, tuple[Reason, Reason]]] = {
    "event": ("device_alarm_on", "device_alarm_off"),
    "count": ("came_too_often", "device_alarm_off"),
    "fault": ("fault_reported", "fault_gone"),
}


def judge_deadline(rule: Rule, state: State, now: datetime) -> Decision:
    """What a deadline that has passed without another reading means: nothing contradicted the last one."""
    if state.condition not in {"pending", "normal"} or state.deadline is None or state.deadline > now:
        return Decision(state, "none", "holding")
    if isinstance(rule, LevelRule) and not rule.beyond(state.last_value):
        reason: Reason = "exposure_is_over" if isinstance(rule, ExposureRule) else "not_confirmed"
        if state.condition == "pending":
            return Decision(None, "dropped", reason)
        return Decision(replace(state, deadline=None), "none", reason)
    # the deadline runs on our clock, `since` on the device's, which may be a little ahead
    return _raise(state, max(state.deadline, state.since), "deadline_without_contradiction")


def acknowledge(state: State, at: datetime) -> Decision:
    """A person has it. A latched alarm whose value is normal already is closed by this."""
    acknowledged = replace(state, acknowledged=True)
    if state.condition == "normal":
        return Decision(replace(acknowledged, closed_at=at), "closed", "acknowledged")
    return Decision(acknowledged, "none", "acknowledged")


def _first(rule: LevelRule, sample: Sample, interval_s: float) -> Decision:
    opened = _open(sample)
    if isinstance(rule, ThresholdRule | ExposureRule) and rule.on_delay_s:
        due = sample.received_at + timedelta(seconds=rule.on_delay_s)
        return Decision(replace(opened, deadline=due), "opened", "holding")
    if isinstance(rule, ThresholdRule) and rule.confirm_s:
        if interval_s > rule.confirm_s:
            return _raise(opened, sample.ts, "sampled_rarely")
        due = sample.received_at + timedelta(seconds=rule.confirm_s)
        return Decision(replace(opened, deadline=due), "opened", "waiting_for_second_sample")
    return _raise(opened, sample.ts, "rises_too_fast" if isinstance(rule, RateRule) else "over_threshold")


def _pending(rule: LevelRule, state: State, seen: State, sample: Sample, *, beyond: bool) -> Decision:
    """What one more reading means for what is pending; `seen` is the state with that reading in it."""
    if isinstance(rule, ExposureRule):
        return _exposed(rule, state, seen, sample, beyond=beyond)
    if isinstance(rule, ThresholdRule) and rule.confirm_s:
        return _confirmed(rule, state, seen, sample, beyond=beyond)
    if not beyond or not isinstance(rule, ThresholdRule):
        return Decision(None, "dropped", "back_before_it_was_held")
    if sample.ts - state.since >= timedelta(seconds=rule.on_delay_s):
        return _raise(seen, sample.ts, "held_long_enough")
    return Decision(seen, "none", "holding")


def _confirmed(rule: ThresholdRule, state: State, seen: State, sample: Sample, *, beyond: bool) -> Decision:
    """A second reading near the level within the time: noise around it hides no danger, clean air ends it."""
    if rule.back(sample.value):
        return Decision(None, "dropped", "back_before_it_was_held")
    in_time = sample.ts - state.since <= timedelta(seconds=rule.confirm_s)
    if rule.confirms(sample.value) and (in_time or rule.beyond(state.last_value)):
        return _raise(seen, sample.ts, "confirmed_by_second_sample")
    if beyond:
        due = sample.received_at + timedelta(seconds=rule.confirm_s)
        return Decision(replace(seen, since=sample.ts, deadline=due), "none", "waiting_for_second_sample")
    if in_time:
        return Decision(seen, "none", "not_confirmed_yet")
    return Decision(None, "dropped", "not_confirmed")


def _exposed(rule: ExposureRule, state: State, seen: State, sample: Sample, *, beyond: bool) -> Decision:
    """The mean since the exposure began: what was read last counts until the next reading."""
    since_last_s = (sample.ts - state.last_ts).total_seconds()
    excess = state.excess + (state.last_value - rule.mean_at) * since_last_s
    if excess < 0:
        if not beyond:
            return Decision(None, "dropped", "exposure_is_over")
        due = sample.received_at + timedelta(seconds=rule.on_delay_s)
        anew = replace(seen, since=sample.ts, peak_value=sample.value, samples=1, deadline=due, excess=0.0)
        return Decision(anew, "none", "exposure_begins_anew")
    exposed_s = (sample.ts - state.since).total_seconds()
    if beyond:
        if exposed_s >= rule.on_delay_s:
            return _raise(replace(seen, excess=excess), sample.ts, "exposed_long_enough")
        due = sample.received_at + timedelta(seconds=rule.on_delay_s - exposed_s)
        if state.deadline is not None and rule.beyond(state.last_value):
            due = min(due, state.deadline)  # a reading that was long under way does not put it off
    else:
        # until it has drained at this value; between `mean_at` and the level it does not, and has to be looked at later
        drain = rule.mean_at - sample.value
        left_s = min(excess / drain if drain > 0 else rule.on_delay_s, rule.on_delay_s)
        due = sample.received_at + timedelta(seconds=left_s)
    return Decision(replace(seen, excess=excess, deadline=due), "none", "exposure_goes_on")


def _again(rule: LevelRule, state: State, seen: State, sample: Sample, interval_s: float, *, beyond: bool) -> Decision:
    """A latched alarm that was normal, while no person has acknowledged it: held or confirmed like the first time."""
    if state.deadline is not None:
        renewed = _pending(rule, state, seen, sample, beyond=beyond)
        if renewed.change == "dropped" or renewed.state is None:
            return Decision(replace(seen, deadline=None, excess=0.0), "none", renewed.reason)
        return renewed
    if not beyond:
        return Decision(seen, "none", "within_limits")
    first = _first(rule, sample, interval_s)
    if first.change == "raised" or first.state is None:
        return _raise(seen, sample.ts, first.reason)
    return Decision(replace(seen, since=sample.ts, deadline=first.state.deadline, excess=0.0), "none", first.reason)


def _back(rule: LevelRule, state: State, seen: State, sample: Sample) -> Decision:
    if rule.off_delay_s == 0:
        return _clear(seen, sample.ts, latching=rule.latching, reason="back_below_clear")
    if state.recovering_since is None or state.condition == "active":
        return Decision(
            replace(seen, condition="recovering", recovering_since=sample.ts), "recovering", "back_below_clear"
        )
    if sample.ts - state.recovering_since >= timedelta(seconds=rule.off_delay_s):
        return _clear(seen, sample.ts, latching=rule.latching, reason="clear_long_enough")
    return Decision(seen, "none", "clearing")


def tell_late(state: State | None, told: State) -> Decision:
    """Something that late readings say is told unless the alarm is open; what is pending goes on beside it.

    `told`: when it began, was raised, and was over.
    """
    if state is None:
        return Decision(replace(told, condition="normal", late=True), "raised_late", "late_but_must_be_told")
    if state.condition != "pending":
        return Decision(state, "none", "late_reading")
    both = replace(state, condition="normal", raised_at=told.raised_at, cleared_at=told.cleared_at, late=True)
    return Decision(both, "raised_late", "late_but_must_be_told")


def _late(state: State | None, sample: Sample, *, tell: bool) -> Decision:
    """Late readings never raise or clear a live alarm; a rule may still want to be told, as late (DESIGN §5.5)."""
    if not tell:
        return Decision(state, "none", "late_reading")
    return tell_late(state, replace(_open(sample), raised_at=sample.ts, cleared_at=sample.ts))


def _older(rule: LevelRule, state: State, sample: Sample) -> Decision:
    """A reading behind newer ones: that it was not clear all the time it can still say.

    What is pending is looked at once more, with all that is stored (alerts/hindsight.py).
    """
    recovering = state.recovering_since
    if recovering is None or not recovering < sample.ts < state.last_ts or rule.back(sample.value):
        return Decision(state, "none", "older_than_the_last")
    return Decision(replace(state, recovering_since=state.last_ts), "none", "over_clear_again")


def _open(sample: Sample) -> State:
    return State("pending", sample.ts, sample.ts, sample.value, sample.value, detail=sample.detail)


def _seen(rule: LevelRule, state: State, sample: Sample, *, counts: bool) -> State:
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
        state,
        condition="active",
        raised_at=at,
        recovering_since=None,
        cleared_at=None,
        deadline=None,
        late=False,
        excess=0.0,
    )
    return Decision(raised, "raised", reason)


def _clear(state: State, at: datetime, *, latching: bool, reason: Reason) -> Decision:
    closed = None if latching and not state.acknowledged else at
    cleared = replace(state, condition="normal", cleared_at=at, recovering_since=None, deadline=None, closed_at=closed)
    return Decision(cleared, "cleared", reason)
