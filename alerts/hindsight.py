"""A rule over one device's stored readings once more, now that those are among them that came late or out of order.

Pure. Out of order: what the readings say together becomes of what is still pending. Late: they raise and clear nothing
live, but what they would have raised in their own time is told, as late.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from alerts.condition import Decision, Sample, State, judge_deadline, judge_level, judge_unlooked
from catalogue.rules import LevelRule
from catalogue.wire import LATE_AFTER_S

LONGEST_GAP_S: Final = LATE_AFTER_S
"""Late readings further apart than this, and than three intervals, say nothing of the time between (our choice): a
backlog may come in pieces and in any order, so that in it silence is no word against and no word for anything."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A stored reading as a rule sees it. `value` None: from a situation that the rule does not look at."""

    ts: datetime
    received_at: datetime
    value: float | None


def lived_again(
    rule: LevelRule,
    state: State | None,
    series: Sequence[Looked],
    interval_s: float,
    up_until: datetime | None = None,
) -> list[Decision]:
    """What becomes of something that is not raised, after the whole series in order of measured time.

    What is from the time of an alarm that has been closed since, `up_until`, has had its alarm.

    Each alarm that the series raises or clears, and how it ends. What the fastest message had as delay is the distance
    between the device's clock and ours, so that no deadline waits for a message that was long under way.
    """
    series = [one for one in series if up_until is None or one.ts > up_until]
    if not series or (state is not None and state.condition in {"active", "recovering"}):
        return []
    before = state
    if state is not None:
        beginning = series[0].ts - timedelta(microseconds=1)
        state = None if state.condition == "pending" else replace(state, deadline=None, excess=0.0, last_ts=beginning)
    distance = min(one.received_at - one.ts for one in series)
    decided = list(_decisions(rule, state, series, interval_s, distance))
    told = [one for one in decided if one.change in {"raised", "recovering", "cleared"}]
    if not told or decided[-1] is not told[-1]:
        told.append(decided[-1])
    return [] if [one.state for one in told] == [before] else told


def _decisions(
    rule: LevelRule, state: State | None, series: Sequence[Looked], interval_s: float, distance: timedelta
) -> Iterator[Decision]:
    for one in series:
        here = one.ts + distance
        if state is not None and state.deadline is not None and state.deadline < here:
            decision = judge_deadline(rule, state, state.deadline)
            state = _open(decision)
            yield decision
        if one.value is None:
            decision = judge_unlooked(state)
        else:
            decision = judge_level(rule, state, Sample(one.ts, here, one.value), interval_s)
        state = _open(decision)
        yield decision


def late_episode(
    rule: LevelRule, series: Sequence[Looked], interval_s: float, first: datetime, last: datetime
) -> State | None:
    """What a series that holds late readings, from `first` to `last`, would have raised in its own time.

    The first such alarm, over already: `cleared_at` is when the value was back, or the last that is known of it.
    """
    longest_gap = timedelta(seconds=max(LONGEST_GAP_S, 3 * interval_s))
    state: State | None = None
    before: datetime | None = None
    for one in series:
        if before is not None and one.ts - before > longest_gap:
            if _is_it(state, first, last):
                break
            state = None
        before = one.ts
        if state is not None and state.raised_at is not None:
            state = replace(state, last_ts=one.ts)
            if one.value is not None and rule.back(one.value):
                if _is_it(state, first, last):
                    break
                state = None
        elif one.value is None:
            state = _open(judge_unlooked(state))
        else:
            state = _open(judge_level(rule, state, Sample(one.ts, one.ts, one.value), interval_s))
    if state is None or not _is_it(state, first, last):
        return None
    return replace(
        state,
        condition="normal",
        cleared_at=state.last_ts,
        last_ts=max(state.since, min(state.last_ts, last)),
        late=True,
    )


def span_of(told: State, since: datetime | None = None) -> tuple[datetime, datetime]:
    """When that of which late readings tell began, as far as is known before it was raised, and was over."""
    return since or told.raised_at or told.since, told.cleared_at or told.last_ts


def _is_it(state: State | None, first: datetime, last: datetime) -> bool:
    """Whether it was raised, and late readings were part of it."""
    return state is not None and state.raised_at is not None and state.since <= last and state.last_ts >= first


def _open(decision: Decision) -> State | None:
    state = decision.state
    return None if state is None or state.closed_at is not None else state
