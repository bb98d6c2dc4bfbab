"""Whether a village, or what is behind a gateway, has fallen silent as a whole, and whether it is back. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

WINDOW = timedelta(minutes=3)
"""Devices that fall silent within this time may share a cause (DESIGN §6)."""
SHARE = 0.6
"""Share of the reporting devices that must fall silent (DESIGN §6)."""
FEWEST = 5
"""And at least so many of them (DESIGN §6)."""
FEWEST_HOMES = 2
"""One home with many devices stays one home."""
MISSED_READINGS = 3
"""A device is silent when it has missed so many (SAFETY.md, Room and silence)."""
SILENT_AT_LEAST = timedelta(seconds=30)
"""And not before this, however quick it is: a device of 5 s that loses its connection dials again within 30 s, and a
hole of 15 s is no blackout (our choice)."""
COUNT_FOR = timedelta(seconds=30)
"""How long we wait for devices that are overdue but not silent yet, so that the message counts them (our choice)."""
OVERDUE_READINGS = 1.5
NEARLY_ALL_BACK = 0.9
SETTLED = timedelta(seconds=60)
"""When fewer than nearly all come back, we wait so long for more before we say how many did (our choice)."""


@dataclass(frozen=True, slots=True)
class Heard:
    """When a device of the village was last heard. A device without a home of its own is not asked for.

    `gateway_id`: the gateway that it is behind (a gateway's own is itself). `battery`: whether it says that it has one.
    `voltage_v`: of the supply, as it last said.
    """

    device_id: int
    home_id: int
    heard_at: datetime
    interval_s: int
    gateway_id: int | None = None
    battery: bool = False
    voltage_v: float | None = None


@dataclass(frozen=True)
class VillageSilence:
    """The verdict: `reason` says why, the rest is what a message needs.

    `group`, in the order in which they fell silent, and `alive`, who was heard after them, are there with an incident.
    """

    reason: Literal["village_silent", "too_few_silent", "most_still_report", "one_home", "still_counting"]
    began_at: datetime | None = None
    devices: tuple[int, ...] = ()
    homes: int = 0
    of_homes: int = 0
    group: tuple[Heard, ...] = field(default=(), compare=False, repr=False)
    alive: tuple[Heard, ...] = field(default=(), compare=False, repr=False)


def judge_village(heard: list[Heard], now: datetime) -> VillageSilence:
    """Looks for the three minutes in which most devices fell silent, and at who has been heard after them.

    The devices may be those of a village or those behind a gateway.
    """
    silent = sorted(
        (one for one in heard if now - one.heard_at > silent_after(one.interval_s)),
        key=lambda one: one.heard_at,
    )
    group = _largest_window(silent)
    if len(group) < FEWEST:
        return VillageSilence("too_few_silent")
    last = group[-1].heard_at
    # a device whose next reading is not due yet says nothing for or against
    alive = [one for one in heard if one.heard_at > last]
    needed = max(FEWEST, math.ceil(SHARE * (len(group) + len(alive))))
    if len(group) < needed:
        return VillageSilence("most_still_report")
    homes = {one.home_id for one in group}
    if len(homes) < FEWEST_HOMES:
        return VillageSilence("one_home")
    if _may_still_join(alive, now) and now - group[0].heard_at < silent_after(group[0].interval_s) + COUNT_FOR:
        return VillageSilence("still_counting")
    return VillageSilence(
        "village_silent",
        began_at=group[0].heard_at,
        devices=tuple(one.device_id for one in group),
        homes=len(homes),
        of_homes=len(homes | {one.home_id for one in alive}),
        group=tuple(group),
        alive=tuple(alive),
    )


def only_gateway(silence: VillageSilence) -> int | None:
    """The gateway behind which all that fell silent stands, where others of the village have mains and still report.

    Without others nobody can tell: then it is the village that is silent. What lives on a battery is no such witness.
    """
    gateways = {one.gateway_id for one in silence.group}
    if len(gateways) != 1:
        return None
    (gateway,) = gateways
    others = {one.home_id for one in silence.alive if one.gateway_id != gateway and not one.battery}
    return gateway if len(others) >= FEWEST_HOMES else None


def is_over(
    homes: int, back: int, back_changed_at: datetime | None, now: datetime, settled: timedelta = SETTLED
) -> bool:
    """Whether the village is back: nearly all homes at once, or most of them and no more for a minute (`settled`)."""
    if back >= homes * NEARLY_ALL_BACK:
        return True
    return back >= homes * SHARE and back_changed_at is not None and now - back_changed_at >= settled


def silent_after(interval_s: float) -> timedelta:
    """How long a device that reports every `interval_s` may be quiet before it counts as silent here."""
    return max(timedelta(seconds=MISSED_READINGS * interval_s), SILENT_AT_LEAST)


def _may_still_join(alive: list[Heard], now: datetime) -> bool:
    """Whether somebody who counts as alive has missed a reading already."""
    return any(now - one.heard_at > timedelta(seconds=OVERDUE_READINGS * one.interval_s) for one in alive)


def _largest_window(silent: list[Heard]) -> list[Heard]:
    best: list[Heard] = []
    start = 0
    for end in range(len(silent)):
        while silent[end].heard_at - silent[start].heard_at > WINDOW:
            start += 1
        if end - start + 1 > len(best):
            best = silent[start : end + 1]
    return best
