"""The scorer: what was injected against what was alarmed and told. Pure. Every definition: docs/scoring.md.

due        the event was dangerous, and some device could tell
alarmed    an alarm or incident of a right rule, in the right place, between injection and end (with grace)
told       and a carrier accepted a message about it
recall     told (where the kind's rules tell people; else alarmed) / due
precision  alarms that belong to an event of their kind / those and the false ones
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from device_sim.score.evidence import Alarm, Incident, Message, Run
from device_sim.score.kinds import KIND, Kind, home_kind
from device_sim.score.matching import Case, Raised, case_of, match, raised
from device_sim.score.result import Delays, FalseAlarm, KindScore, Missed, Score
from device_sim.score.truth import TruthEvent

_AFTERWARDS: Final = timedelta(hours=1)
"""A false alarm this long after a decoy is shown with its name (A)."""
_AT_ONCE: Final = timedelta(minutes=1)
"""A message is made in the transaction of its alarm; clocks of two processes may differ (A)."""


def score(
    events: Iterable[TruthEvent],
    alarms: Iterable[Alarm],
    incidents: Iterable[Incident],
    messages: Iterable[Message],
    run: Run,
) -> Score:
    """The score of a run. The order of what is given changes nothing. Raises KeyError for a kind that is not known."""
    events = sorted(events, key=lambda event: (event.injected_at, event.number, event.homes, event.village))
    messages = list(messages)
    cases = [case_of(event, KIND[event.kind], run) for event in events if event.kind is not None]
    everything = raised(alarms, incidents, messages)
    match(cases, everything)
    wrong = [one for one in everything if _is_false(one, run)]
    decoys = [event for event in events if event.kind is None]
    scores = {
        name: _score_kind(
            kind,
            [case for case in cases if case.kind is kind],
            [one for one in everything if one.owner is not None and one.owner.kind is kind],
            [one for one in wrong if home_kind(one.rule) == name],
        )
        for name, kind in KIND.items()
    }
    false_silence = sum(isinstance(one.what, Alarm) and one.what.silence for one in wrong)
    days = run.device_days
    return Score(
        kinds={name: one for name, one in scores.items() if one.injected or one.right or one.false},
        false_offline=false_silence * 1000 / days if days > 0 else None,
        run=run,
        messages=sum(message.accepted_at is not None for message in messages),
        missed=tuple(missed for case in cases if (missed := _missed(case)) is not None),
        false=tuple(_false(one, decoys, run) for one in wrong if home_kind(one.rule) is not None),
    )


def _score_kind(kind: Kind, cases: Sequence[Case], owned: Sequence[Raised], wrong: Sequence[Raised]) -> KindScore:
    due = [case for case in cases if case.due_at is not None]
    alarmed, told = sum(bool(case.answers) for case in due), sum(_told_at(case) is not None for case in due)
    right = sum(one.right for one in owned)
    heard: dict[Case, list[Message]] = defaultdict(list)
    for one in owned:
        if one.owner is not None and one.owner.due_at is not None:
            heard[one.owner] += one.accepted
    return KindScore(
        injected=len(cases),
        unseen=sum(case.event.unseen for case in cases),
        due=len(due),
        no_rule=sum(_no_rule(case) for case in cases),
        alarmed=_share(alarmed, len(due)),
        told=_share(told, len(due)),
        recall=_share(told if kind.told else alarmed, len(due)),
        right=right,
        false=len(wrong),
        precision=_share(right, right + len(wrong)),
        delay_s=_delays(due),
        messages_per_event=_share(sum(map(len, heard.values())), len(due)),
        messages_per_event_per_recipient=_share(
            sum(len(got) / len({message.recipient for message in got}) for got in heard.values() if got), len(due)
        ),
    )


def _found_at(case: Case) -> datetime | None:
    """When the event counted as found."""
    if case.kind.told:
        return _told_at(case)
    return min((max(one.what.recorded_at, case.begins) for one in case.answers), default=None)


def _told_at(case: Case) -> datetime | None:
    """When the first carrier accepted a message about it."""
    return min(
        (
            message.accepted_at
            for one in case.answers
            for message in one.messages
            if message.accepted_at is not None and _is_about(message, one, case)
        ),
        default=None,
    )


def _is_about(message: Message, one: Raised, case: Case) -> bool:
    """Whether a message about an alarm tells of this event, not of another for which the alarm was raised as well."""
    if one.owner is not case and one.active_at(case.begins):
        return True
    # late readings are told when they come, which may be long after the event
    ends = max(case.ends, one.what.recorded_at + _AT_ONCE)
    return case.begins <= message.created_at <= ends


def _delays(due: Sequence[Case]) -> Delays:
    """From when it was due until it was found; what was found before it was due was found at once."""
    seconds = sorted(
        max((found_at - case.due_at).total_seconds(), 0.0)
        for case in due
        if case.due_at is not None and (found_at := _found_at(case)) is not None
    )
    if not seconds:
        return Delays(None, None, None)
    return Delays(_rank(seconds, 0.5), _rank(seconds, 0.95), seconds[-1])


def _rank(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all do not exceed (nearest rank)."""
    return ordered[math.ceil(share * len(ordered)) - 1]


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _no_rule(case: Case) -> bool:
    """Whether no rule answers the event yet, so that nobody can have missed it."""
    return case.due_at is None and (not case.kind.answered or case.event.fault in case.kind.no_rule_for)


def _is_false(one: Raised, run: Run) -> bool:
    """Raised in the run, shown to somebody, and about nothing that was injected."""
    if one.owner is not None or not run.judges(one.what.recorded_at):
        return False
    return not (isinstance(one.what, Alarm) and one.what.inhibited and not one.accepted)


def _missed(case: Case) -> Missed | None:
    if case.due_at is None or _found_at(case) is not None:
        return None
    event = case.event
    return Missed(
        kind=case.kind.name,
        fault=event.fault,
        number=event.number,
        home=event.homes[0] if event.homes else None,
        village=event.village,
        at=case.due_at,
        why="alarmed, nobody told" if case.answers else "not alarmed",
        rules=tuple(sorted({one.rule for one in case.answers})),
    )


def _false(one: Raised, decoys: Sequence[TruthEvent], run: Run) -> FalseAlarm:
    what = one.what
    home, device = (what.home, what.device) if isinstance(what, Alarm) else (None, None)
    return FalseAlarm(
        kind=home_kind(one.rule) or "",
        rule=one.rule,
        device=device,
        home=home,
        village=what.village,
        at=what.recorded_at,
        told=bool(one.accepted),
        during=tuple(sorted({event.fault for event in decoys if _covers(event, home, what, run)})),
    )


def _covers(decoy: TruthEvent, home: str | None, what: Alarm | Incident, run: Run) -> bool:
    """Whether this decoy may be what the alarm was about."""
    if not decoy.injected_at <= what.recorded_at <= (decoy.ended_at or run.until) + _AFTERWARDS:
        return False
    if decoy.homes:
        return home in decoy.homes
    return decoy.village in {"", what.village}
