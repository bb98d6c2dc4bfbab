"""Whether people were reached: what became of a day's messages, and how soon somebody had the alarms. Pure.

A message belongs to the day on which it was written, an alarm to the day on which people were first told of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from alerts.channels.channel import WAYS


@dataclass(frozen=True, slots=True)
class Counted:
    """Messages about one region by one way, as counted in the database. `sent`: a carrier has taken them."""

    region: str
    name: str
    way: str
    sent: int
    delivered: int
    handed_over: int
    failed: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Told:
    """One alarm that people were told of by one way. `told_before`: in another way, before the day began."""

    region: str
    way: str
    alarm: int
    told_at: datetime
    acknowledged_at: datetime | None
    told_before: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """`delivered` by the carrier's receipt; `handed_over`: sent over a carrier that gives none; `waiting`: no end yet.

    `alarms` that people were told of, `acknowledged` of them, and the median minutes between the two.
    """

    sent: int = 0
    delivered: int = 0
    handed_over: int = 0
    failed: int = 0
    waiting: int = 0
    alarms: int = 0
    acknowledged: int = 0
    median_min: float | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """What people were told about one region, a village in most cases: over all ways, and by way."""

    code: str
    name: str
    figures: Figures
    ways: dict[str, Figures] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reach:
    """The report of one day, the villages' own: over everything, by way, and by region in the order of their codes."""

    day: date
    figures: Figures
    ways: dict[str, Figures]
    regions: tuple[Region, ...]


def bounds(day: date, zone: str) -> tuple[datetime, datetime]:
    """When that day begins and ends on the clock of the zone."""
    begins, ends = (datetime.combine(one, time(), ZoneInfo(zone)) for one in (day, day + timedelta(days=1)))
    return begins, ends


def report(day: date, counted: Sequence[Counted], told: Sequence[Told]) -> Reach:
    """The figures of a day."""
    here: dict[tuple[str, str], list[Counted]] = defaultdict(list)
    for one in counted:
        here[one.region, one.name].append(one)
    alarms: dict[str, list[Told]] = defaultdict(list)
    for alarm in told:
        alarms[alarm.region].append(alarm)
    regions = [
        Region(code, name, _figures(some, _first_told(alarms[code])), _by_way(some, alarms[code]))
        for (code, name), some in sorted(here.items())
    ]
    return Reach(day, _figures(counted, _first_told(told)), _by_way(counted, told), tuple(regions))


def _by_way(counted: Sequence[Counted], told: Sequence[Told]) -> dict[str, Figures]:
    used = {one.way for one in counted}
    return {
        way: _figures([one for one in counted if one.way == way], [one for one in told if one.way == way])
        for way in WAYS
        if way in used
    }


def _first_told(told: Iterable[Told]) -> list[Told]:
    """Each alarm once, when people were first told of it in any way; without those of a day before."""
    first: dict[int, Told] = {}
    for one in told:
        if not one.told_before and (one.alarm not in first or one.told_at < first[one.alarm].told_at):
            first[one.alarm] = one
    return list(first.values())


def _figures(counted: Iterable[Counted], told: Sequence[Told]) -> Figures:
    messages = list(counted)
    # a critical alarm is told although somebody has it already: that took no time
    minutes = [
        max(0.0, (one.acknowledged_at - one.told_at) / timedelta(minutes=1)) for one in told if one.acknowledged_at
    ]
    return Figures(
        sent=sum(one.sent for one in messages),
        delivered=sum(one.delivered for one in messages),
        handed_over=sum(one.handed_over for one in messages),
        failed=sum(one.failed for one in messages),
        waiting=sum(one.waiting for one in messages),
        alarms=len(told),
        acknowledged=len(minutes),
        median_min=median(minutes) if minutes else None,
    )
