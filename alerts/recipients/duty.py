"""Who of the contacts of one region or organisation is told at a moment: rosters, substitutes, nobody. Pure.

Moments, days and hours are the villages' own, without a zone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, Literal

from alerts.channels.channel import Way
from alerts.recipients.recipient import QUICK
from catalogue.holidays import Calendar

Why = Literal["contact", "on_duty", "substitute", "nobody_on_duty"]

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_A_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Shift:
    """A row of a roster. `days`: every, workdays, rest_days, or weekdays (`mon,thu`), on which a shift begins.

    It ends at `ends` on the next day where that is not after `begins`: 20:00–08:00 is a night, 08:00–08:00 a whole day.
    """

    first_day: date
    last_day: date | None
    days: str
    begins: time
    ends: time


@dataclass(frozen=True, slots=True)
class Leave:
    """Days on which somebody else, a contact of the same crew, stands in."""

    substitute_id: int
    first_day: date
    last_day: date | None


@dataclass(frozen=True, slots=True)
class Member:
    """A contact with what the roster says of it. `person` is the same for the same person in another role."""

    contact_id: int
    language: str
    ways: tuple[Way, ...]
    person: str
    shifts: tuple[Shift, ...] = ()
    leaves: tuple[Leave, ...] = ()
    rostered: bool = False
    """Whether it has ever stood in a roster."""

    @property
    def reachable(self) -> bool:
        """Whether a message can reach it; a call comes only after one."""
        return any(way in QUICK for way in self.ways)


@dataclass(frozen=True, slots=True)
class Told:
    """A contact, and the named reason why it is told."""

    member: Member
    why: Why


def who_is_told(
    members: Sequence[Member], moment: datetime, calendar: Calendar, *, everybody: bool = False
) -> list[Told]:
    """Those on duty at this moment, with substitutes in place of who is away; all where there is no roster.

    All too where the roster has nobody for this moment, or nobody who can be reached; `everybody` asks for all anyway.
    Those who cannot be reached in any way are left out; so it is empty only where nobody can be.
    """
    reachable = [member for member in members if member.reachable]
    if everybody:
        return [Told(member, "contact") for member in reachable]
    if not any(member.rostered for member in members):
        return _in_place([(member, moment.date()) for member in members], members, "contact") or _all(
            reachable, "contact"
        )
    on_duty = [
        (member, day)
        for member in members
        if (day := next((day for shift in member.shifts for day in began(shift, moment, calendar)), None)) is not None
    ]
    return _in_place(on_duty, members, "on_duty") or _all(reachable, "nobody_on_duty")


def began(shift: Shift, moment: datetime, calendar: Calendar) -> Iterator[date]:
    """The day on which the shift began that runs at this moment; nothing where none does."""
    for day in (moment.date(), moment.date() - _A_DAY):
        if day < shift.first_day or (shift.last_day is not None and day > shift.last_day):
            continue
        over = day if shift.ends > shift.begins else day + _A_DAY
        runs = datetime.combine(day, shift.begins) <= moment < datetime.combine(over, shift.ends)
        if runs and falls_on(shift.days, day, calendar):
            yield day


def falls_on(days: str, day: date, calendar: Calendar) -> bool:
    """Whether a shift of these days begins on this day."""
    if days == "every":
        return True
    if days in {"workdays", "rest_days"}:
        return calendar.works(day) is (days == "workdays")
    return WEEKDAYS[day.weekday()] in days.split(",")


def _all(members: Sequence[Member], why: Why) -> list[Told]:
    return [Told(member, why) for member in members]


def _in_place(due: Sequence[tuple[Member, date]], members: Sequence[Member], why: Why) -> list[Told]:
    """Those who are due on a day, or who stands in for them; nobody twice, who is due anyway not as a substitute."""
    by_id = {member.contact_id: member for member in members}
    found: dict[int, Told] = {}
    for member, day in due:
        stands_in = _standing_in(member, day, by_id)
        if stands_in is member and member.reachable:
            found[member.contact_id] = Told(member, why)
        elif stands_in is not member:
            found.setdefault(stands_in.contact_id, Told(stands_in, "substitute"))
    return sorted(found.values(), key=lambda told: told.member.contact_id)


def _standing_in(member: Member, day: date, by_id: dict[int, Member]) -> Member:
    """Who is told in place of a member: substitutes of substitutes too, itself where that leads to nobody."""
    seen = {member.contact_id}
    waiting = [member]
    while waiting:
        one = waiting.pop()
        away = [leave for leave in one.leaves if _lasts(leave, day)]
        if not away and one.reachable:
            return one
        for leave in reversed(away):
            substitute = by_id.get(leave.substitute_id)
            if substitute is not None and substitute.contact_id not in seen:
                seen.add(substitute.contact_id)
                waiting.append(substitute)
    return member


def _lasts(leave: Leave, day: date) -> bool:
    return leave.first_day <= day and (leave.last_day is None or day <= leave.last_day)
