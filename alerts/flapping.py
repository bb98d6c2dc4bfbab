"""Flap detection: an alarm that is raised and cleared again and again is told once as that, until it has calmed. Pure.

Icinga's idea: the last 20 changes of state, the newer the heavier (0.8 to 1.2), in percent of 20; it begins at 30 % and
ends below 25 %, so that it does not flap itself. Icinga counts checks that it makes at a fixed rate. Our readings come
as they like, so a change counts for an hour and weighs less as it gets older. Of four alarms within minutes the fourth
is not told as one any more; what people can bear is 6 messages an hour (ISA-18.2, SAFETY.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

LAST: Final = 20
"""Changes that are remembered (Icinga)."""
COUNTS_FOR: Final = timedelta(hours=1)
"""How long a change counts (our choice)."""
NEWEST, OLDEST = 1.2, 0.8
BEGINS_AT, ENDS_BELOW = 0.30, 0.25
"""Shares of `LAST` (Icinga's defaults, DESIGN.md 6)."""


@dataclass(frozen=True, slots=True)
class Flap:
    """One rule on one device: when it changed (the newest first), and whether it flaps."""

    changes: tuple[datetime, ...] = ()
    since: datetime | None = None
    calm_at: datetime | None = None
    """When it counts as calm if nothing more happens."""
    told: bool = False


def changed(flap: Flap, at: datetime, now: datetime) -> Flap:
    """After one more change (raised or cleared), measured `at`; of one from the future we have only heard now."""
    changes = tuple(sorted([*flap.changes, min(at, now)], reverse=True)[:LAST])
    value = share(changes, now)
    if value >= BEGINS_AT or (flap.since is not None and value >= ENDS_BELOW):
        return Flap(changes, flap.since or now, calm_after(changes, now), told=flap.since is not None and flap.told)
    return Flap(changes)


def share(changes: Sequence[datetime], now: datetime) -> float:
    """The weighted changes as a share of `LAST`, between 0 and `NEWEST`."""
    return sum(_weight((now - at) / COUNTS_FOR) for at in changes[:LAST]) / LAST


def calm_after(changes: Sequence[datetime], now: datetime) -> datetime:
    """The first whole second from `now` on at which the share is below `ENDS_BELOW`, if nothing more happens."""
    # it only falls until then: halving finds the second
    low, high = 0, int(COUNTS_FOR.total_seconds()) + 1
    while low < high:
        middle = (low + high) // 2
        if share(changes, now + timedelta(seconds=middle)) < ENDS_BELOW:
            high = middle
        else:
            low = middle + 1
    return now + timedelta(seconds=low)


def _weight(age: float) -> float:
    """Of a change whose age is this share of `COUNTS_FOR`."""
    return 0.0 if age >= 1 else NEWEST - (NEWEST - OLDEST) * max(age, 0.0)
