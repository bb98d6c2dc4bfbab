"""Whether a message has been told already, while the database was away. Pure, with named reasons.

Silence where something new has happened costs lives, a message twice costs a little trust: in doubt it is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

AGREE_WITHIN: Final = timedelta(minutes=5)
"""How far the standby's moment may lie before the database's, which saw more or fewer readings, and which stamps those
of a clock that is not believed when they come out of the broker's queue (our choice)."""

Reason = Literal[
    "told_without_database",
    "part_of_what_was_told",
    "nothing_was_told",
    "raised_after_it_was_told",
    "counted_for_another_alarm",
]


@dataclass(frozen=True, slots=True)
class Told:
    """What one contact was told of one rule on one device. `counted_for`: the alarm that it was counted for, if any."""

    key: str
    measured_at: datetime
    until: datetime
    counted_for: int | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """`told`: what covers the message, where something does."""

    told: Told | None
    reason: Reason


def covering(told: Sequence[Told], alarm_id: int, raised_at: datetime) -> Coverage:
    """Whether one of these covers the message that `alarm_id` was raised at `raised_at`, measured time.

    Raised before the outage was over, or at most five minutes later, it is the same danger. Each row counts for one
    alarm; a second raise of that alarm by then is part of what was told.
    """
    if not told:
        return Coverage(None, "nothing_was_told")
    same = [one for one in told if raised_at <= max(one.until, one.measured_at) + AGREE_WITHIN]
    if not same:
        return Coverage(None, "raised_after_it_was_told")
    nearest = sorted(same, key=lambda one: abs(one.measured_at - raised_at))
    for one in nearest:
        if one.counted_for is None:
            return Coverage(one, "told_without_database")
    for one in nearest:
        if one.counted_for == alarm_id:
            return Coverage(one, "part_of_what_was_told")
    return Coverage(None, "counted_for_another_alarm")
