"""A danger against the life-safety rules, without the database. Pure: the same decisions as alerts/condition.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from alerts.condition import Decision, Sample, State, judge_event, judge_level
from alerts.standby.bulletin import Danger
from catalogue.rules import EventRule, LevelRule
from foundation.clock import from_ms

SETTLED_AFTER: Final = timedelta(minutes=10)
"""When ingest has been storing for so long, it has worked off what it had, and the database's word counts alone (our
choice)."""
FORGOTTEN_AFTER: Final = timedelta(hours=24)
"""A worker that has said nothing of a device for so long, nor that it stores again, is gone for good."""
SHORTEST_GAP: Final = timedelta(minutes=2)
"""Below this no two dangerous readings are far apart, however often the device measures."""

LifeSafety = LevelRule | EventRule


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is known of one rule on one device. `state` None: nothing is wrong; `last_ts`: newest time judged.

    `worker`: who saw it last; `settled_at`: since when that one has been storing again.
    """

    uid: str
    state: State | None
    last_ts: datetime
    worker: str
    settled_at: datetime | None = None


def samples(rules: Iterable[LifeSafety], danger: Danger, device_type: str) -> Iterator[tuple[LifeSafety, Sample]]:
    """What each rule sees in a danger."""
    ts, received_at = from_ms(danger.ts_ms), from_ms(danger.received_ms)
    for rule in rules:
        if not rule.concerns(device_type):
            continue
        if isinstance(rule, EventRule):
            if rule.event == danger.event:
                yield rule, Sample(ts, received_at, float(danger.on), danger.late)
        elif (value := danger.m.get(rule.metric)) is not None:
            yield rule, Sample(ts, received_at, value, danger.late)


def known_before(uid: str, ours: Remembered | None, stored: State | None, now: datetime) -> Remembered | None:
    """What counts: our own word of this outage, or the database's of the moment before it, whichever is newer."""
    if ours is not None and over(ours, now):
        ours = None
    if stored is not None and (ours is None or stored.last_ts > ours.last_ts):
        return Remembered(uid, stored, stored.last_ts, "")
    return ours


def judge(
    rule: LifeSafety, before: Remembered | None, sample: Sample, interval_s: float, uid: str, worker: str
) -> tuple[Decision, Remembered]:
    """The decision on one sample and what is known afterwards."""
    state = None if before is None else before.state
    if isinstance(rule, EventRule):
        decision = judge_event(rule, state, sample)
    elif before is not None and state is None and not sample.late and sample.ts <= before.last_ts:
        # the same reading comes over the worker's session and over its watch
        decision = Decision(None, "none", "older_than_the_last")
    else:
        decision = judge_level(rule, _unbroken(rule, state, sample, interval_s), sample, interval_s)
    last_ts = sample.ts if before is None else before.last_ts if sample.late else max(before.last_ts, sample.ts)
    after = decision.state
    if after is not None and after.closed_at is not None:
        after = None
    return decision, Remembered(uid, after, last_ts, worker)


def settled(one: Remembered, worker: str, now: datetime) -> Remembered | None:
    """What is left of it when `worker` stores again: what is pending the database judges itself now."""
    if one.worker != worker:
        return one
    if one.state is None or one.state.raised_at is None:
        return None
    waiting = one.state.condition == "normal" and one.state.deadline is not None
    return replace(one, settled_at=now, state=replace(one.state, deadline=None) if waiting else one.state)


def over(one: Remembered, now: datetime) -> bool:
    """Whether it says nothing any more."""
    if one.settled_at is not None:
        return now - one.settled_at >= SETTLED_AFTER
    return now - one.last_ts >= FORGOTTEN_AFTER


def _unbroken(rule: LevelRule, state: State | None, sample: Sample, interval_s: float) -> State | None:
    """The state, unless readings may be missing between it and this sample in which the danger was over.

    Of a device that was not dangerous in this outage ingest passes on nothing harmless. What is told twice then is
    better than what is never told.
    """
    if state is None or sample.late:
        return state
    patience = max(timedelta(seconds=max(3 * interval_s, rule.off_delay_s)), SHORTEST_GAP)
    return state if sample.ts - state.last_ts <= patience else None
