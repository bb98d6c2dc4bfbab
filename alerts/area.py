"""Several villages dark within the same minutes: one digest for their county, and when it is told. Pure.

A region's feeder is not in the registry; the tree of regions is what there is. The villages keep their own messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from alerts.blackout import is_over
from alerts.cause import Reason

FEWEST_VILLAGES = 3
"""Two may be chance; three within minutes share something (our choice)."""
WINDOW = timedelta(minutes=5)
"""As wide as a village's own three minutes and the interval of its slowest devices (our choice)."""
SETTLING = timedelta(seconds=60)
"""The digest waits until no village has joined for so long, so that its count is right (our choice)."""
SETTLING_AT_MOST = timedelta(seconds=180)
"""But no longer than this after the first three: the county must know (our choice)."""
GROWN = 2.0
"""A second digest when the homes are so many times those of the last one (our choice)."""
SETTLED = timedelta(minutes=10)
"""Feeders come back one after the other: most of them back and no more for so long is the end (our choice)."""

Told = Literal["told", "still_settling", "grown", "nothing_new", "over", "over_before_it_was_told"]


@dataclass(slots=True)
class DarkVillage:
    """An incident of a village. `part_of_id`: the area's incident that counts it already."""

    incident_id: int
    began_at: datetime
    recorded_at: datetime
    homes: int
    of_homes: int
    homes_back: int = 0
    cause: Reason = "unknown"
    ended_at: datetime | None = None
    part_of_id: int | None = None


def new_area(villages: list[DarkVillage]) -> list[DarkVillage]:
    """The most villages of one county that went dark within WINDOW and are dark still; none where they are too few."""
    dark = sorted(
        (one for one in villages if one.ended_at is None and one.part_of_id is None),
        key=lambda one: (one.began_at, one.incident_id),
    )
    best: list[DarkVillage] = []
    for start, first in enumerate(dark):
        group = [one for one in dark[start:] if one.began_at - first.began_at <= WINDOW]
        if len(group) > len(best):
            best = group
    return best if len(best) >= FEWEST_VILLAGES else []


def judge_area(
    villages: list[DarkVillage],
    recorded_at: datetime,
    told_at: datetime | None,
    told_homes: int,
    now: datetime,
) -> Told:
    """What is to be done about an open incident of an area with these villages."""
    ended = [one.ended_at for one in villages if one.ended_at is not None]
    if is_over(len(villages), len(ended), max(ended, default=None), now, SETTLED):
        return "over" if told_at is not None else "over_before_it_was_told"
    homes = sum(one.homes for one in villages)
    if told_at is not None and homes < GROWN * told_homes:
        return "nothing_new"
    newest = max((one.recorded_at for one in villages), default=now)
    # a second digest waits as the first did, from the first village that it has and the last one had not
    since = (
        recorded_at
        if told_at is None
        else min((one.recorded_at for one in villages if one.recorded_at > told_at), default=recorded_at)
    )
    if now - newest < SETTLING and now - since < SETTLING_AT_MOST:
        return "still_settling"
    return "told" if told_at is None else "grown"
