"""Which alarm belongs to which event: the right rule, in the right place, at the right time. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from device_sim.score.evidence import Alarm, Incident, Message, Run
from device_sim.score.kinds import Kind
from device_sim.score.truth import TruthEvent

Place = tuple[Literal["device", "home", "village"], str]


@dataclass(slots=True, eq=False)
class Case:
    """An event under judgement: from when until when an alarm belongs to it, and when it was due, if it was.

    `answers`: the alarms and incidents that are right for it; several events may share one.
    """

    event: TruthEvent
    kind: Kind
    begins: datetime
    ends: datetime
    due_at: datetime | None
    answers: list[Raised] = field(default_factory=list)

    @property
    def order(self) -> tuple[bool, datetime, int, tuple[str, ...], str]:
        """Whose is an alarm that fits several: due before others, then the latest, then by name."""
        event = self.event
        return (self.due_at is not None, event.injected_at, event.number, event.homes, event.village)

    def holds(self, moments: Iterable[datetime]) -> bool:
        """Whether one of the moments lies in its time."""
        return any(self.begins <= moment <= self.ends for moment in moments)


@dataclass(slots=True, eq=False)
class Raised:
    """An alarm or an incident with its bad news.

    `owner` is the event that it is counted for, `right` whether as a right answer or only as explained by it.
    """

    what: Alarm | Incident
    messages: list[Message]
    owner: Case | None = None
    right: bool = False

    @property
    def rule(self) -> str:
        """The rule, or the kind of incident."""
        return self.what.rule if isinstance(self.what, Alarm) else self.what.kind

    @property
    def moments(self) -> list[datetime]:
        """When it was raised: as recorded, as measured, and each time that somebody was to be told.

        The measured time of a silence is when the device was last heard, which is before it fell silent.
        """
        moments = [self.what.recorded_at, *(message.created_at for message in self.messages)]
        if isinstance(self.what, Alarm) and not self.what.silence:
            moments.append(self.what.raised_at)
        return moments

    @property
    def accepted(self) -> list[Message]:
        """The bad news that a carrier took."""
        return [message for message in self.messages if message.accepted_at is not None]

    @property
    def places(self) -> tuple[Place, ...]:
        """Where events would be to which it may belong."""
        if isinstance(self.what, Incident):
            return (("village", self.what.village),)
        places: list[Place] = [("device", self.what.device)]
        if self.what.home is not None:
            places.append(("home", self.what.home))
        if self.what.village is not None:
            places.append(("village", self.what.village))
        return tuple(places)

    def active_at(self, moment: datetime) -> bool:
        """Whether it stood at this moment."""
        if isinstance(self.what, Incident) or min(self.moments) > moment:
            return False
        return self.what.cleared_at is None or self.what.cleared_at >= moment


def case_of(event: TruthEvent, kind: Kind, run: Run) -> Case:
    """The event with its time: until its end or the last reading that showed it, and the kind's grace."""
    ended_at = event.ended_at or run.until
    last_at = max(ended_at + timedelta(seconds=event.back_within_s), event.last_shown_at or ended_at)
    return Case(
        event, kind, event.injected_at, last_at + timedelta(seconds=kind.grace_s), _due_at(event, kind, ended_at)
    )


def raised(alarms: Iterable[Alarm], incidents: Iterable[Incident], messages: Iterable[Message]) -> list[Raised]:
    """Alarms and incidents with their bad news, in an order that does not depend on the order given."""
    about: dict[tuple[str, int], list[Message]] = defaultdict(list)
    for message in messages:
        if message.bad_news:
            if message.alarm_id is not None:
                about["alarm", message.alarm_id].append(message)
            elif message.incident_id is not None:
                about["incident", message.incident_id].append(message)
    found = [Raised(alarm, about["alarm", alarm.id]) for alarm in alarms]
    found += [Raised(incident, about["incident", incident.id]) for incident in incidents]
    return sorted(found, key=lambda one: (one.what.recorded_at, one.rule, one.what.id))


def match(cases: Sequence[Case], everything: Sequence[Raised]) -> None:
    """Fills `answers` of the cases, `owner` and `right` of what was raised."""
    at_place: dict[Place, list[Case]] = defaultdict(list)
    for case in sorted(cases, key=lambda case: case.order, reverse=True):
        for place in _places(case.event):
            at_place[place].append(case)
    for one in everything:
        near = [case for place in one.places for case in at_place.get(place, ()) if case.holds(one.moments)]
        fits = [case for case in near if one.rule in case.kind.rules or one.rule in case.kind.incidents]
        for case in fits:
            case.answers.append(one)
        explained = [case for case in near if one.rule in case.kind.explains]
        if fits or explained:
            one.owner = max(fits or explained, key=lambda case: case.order)
            one.right = bool(fits)
    _stand(at_place, everything)


def _stand(at_place: dict[Place, list[Case]], everything: Sequence[Raised]) -> None:
    """An event that comes while a fitting alarm stands in its place is answered by it, unless that was false."""
    for one in everything:
        if one.owner is None:
            continue
        for place in one.places:
            for case in at_place.get(place, ()):
                if one.rule in case.kind.rules and one not in case.answers and one.active_at(case.begins):
                    case.answers.append(one)


def _due_at(event: TruthEvent, kind: Kind, ended_at: datetime) -> datetime | None:
    if event.unseen:
        return None
    if kind.from_injection is not None:
        lasted_s = (ended_at - event.injected_at).total_seconds()
        return event.injected_at if lasted_s >= kind.from_injection.needed_s(event.interval_s) else None
    return event.dangerous_at


def _places(event: TruthEvent) -> list[Place]:
    if event.hits == "village":
        return [("village", event.village)]
    if event.hits == "device":
        return [("device", uid) for uid in event.devices]
    return [("home", code) for code in event.homes]
