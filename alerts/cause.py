"""Why a village or a gateway may have fallen silent: from who fell silent, who did not, in which order. Pure.

A hint, never a verdict: it helps to call the right people first. Who reads "疑似停电" calls the power company.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from alerts.blackout import Heard, VillageSilence

Reason = Literal[
    "grid_sag", "power", "network", "gateway", "behind_gateway", "gateway_offline", "one_moment", "staggered", "unknown"
]

LOWEST_V = 198.0
"""Lower end of the supply (GB/T 12325: 198–235.4 V)."""
WITNESSES = 2
"""One device with a battery may have a battery, or a fault, of its own (our choice)."""
AGREE = 0.8
"""Share of the witnesses that must say the same (our choice)."""
SAGGED = 0.5
"""Share of the silent devices with a voltmeter that must have seen it low (our choice)."""
ONE_MOMENT = timedelta(seconds=5)
"""So close together all are cut off by one thing (our choice: what a gateway needs to send one round)."""
MOST = 0.6
"""Share of an area's villages that must have the same cause (as DESIGN §6 for a village's devices)."""
STAGGERED_AT_LEAST = timedelta(seconds=60)
STAGGERED_INTERVALS = 1.5
"""What is cut off in one moment was last heard within one interval; wider than this they left one after the other."""


@dataclass(frozen=True, slots=True)
class Hint:
    """A named reason, and its words: `zh` at most 12 characters, for a message."""

    reason: Reason
    zh: str
    en: str


HINTS: dict[Reason, Hint] = {
    hint.reason: hint
    for hint in (
        Hint("grid_sag", "电压骤降后疑似停电", "the supply sagged before: suspected power cut of the grid"),
        Hint("power", "疑似停电", "what has a battery still reports: suspected power cut"),
        Hint(
            "network",
            "疑似断网或停电",
            "what has a battery fell silent too: network, or a power cut as well",
        ),
        Hint("gateway", "疑似网关断电或断网", "others of the village report: the gateway, its power or its uplink"),
        Hint("behind_gateway", "网关在线但下挂失联", "the gateway is connected, what is behind it does not report"),
        Hint("gateway_offline", "疑似停电或网关断网", "all are behind one gateway that is gone: power cut or gateway"),
        Hint("one_moment", "疑似停电或网关断网", "all in one moment behind one gateway: gateway, its power or uplink"),
        Hint("staggered", "陆续失联疑似网络拥塞", "one after the other over minutes: carrier or congestion"),
        Hint("unknown", "疑似停电或断网", "suspected power or network outage"),
    )
}


def hint_of(silence: VillageSilence, *, gateway_online: bool | None = None) -> Hint:
    """Of a village: the first that the evidence carries, the strongest first.

    `gateway_online`: what the broker last said of the gateway that all silent devices are behind; None where they are
    not behind one, or it never said.
    """
    return HINTS[_reason(silence, gateway_online=gateway_online)]


def hint_of_gateway(*, gateway_online: bool | None) -> Hint:
    """Of a gateway alone: others of its village have mains and still report."""
    return HINTS["behind_gateway" if gateway_online else "gateway"]


def common_cause(causes: Sequence[Reason]) -> Reason:
    """The cause that most of several incidents have; `unknown` where none stands out."""
    (cause, count), *_ = Counter(causes).most_common(1) or [("unknown", 0)]
    return cause if count and count >= MOST * len(causes) else "unknown"


def _reason(silence: VillageSilence, *, gateway_online: bool | None) -> Reason:
    group = silence.group
    volts = [one.voltage_v for one in group if one.voltage_v is not None and not one.battery]
    if len(volts) >= WITNESSES and sum(volt < LOWEST_V for volt in volts) >= SAGGED * len(volts):
        return "grid_sag"
    if told := _batteries(silence):
        return told
    gateways = {one.gateway_id for one in group}
    if len(gateways) == 1 and None not in gateways:
        if gateway_online is not None:
            return "behind_gateway" if gateway_online else "gateway_offline"
        if group[-1].heard_at - group[0].heard_at <= ONE_MOMENT:
            return "one_moment"
    return "staggered" if _staggered(group) else "unknown"


def _batteries(silence: VillageSilence) -> Reason | None:
    """What those say that have a battery and a connection of their own; a gateway takes those behind it along."""
    homes = {one.home_id for one in silence.group}
    dropped = sum(one.battery and one.gateway_id is None for one in silence.group)
    alive = sum(one.battery and one.gateway_id is None and one.home_id in homes for one in silence.alive)
    witnesses = dropped + alive
    if witnesses < WITNESSES:
        return None
    if alive >= AGREE * witnesses:
        return "power"
    # where nothing but batteries fell silent, nobody knows whether the mains are there
    if dropped >= AGREE * witnesses and any(not one.battery for one in silence.group):
        return "network"
    return None


def _staggered(group: tuple[Heard, ...]) -> bool:
    """Whether the middle eight tenths left over a longer time than one round of readings takes."""
    edge = len(group) // 10
    spread = group[len(group) - 1 - edge].heard_at - group[edge].heard_at
    interval_s = statistics.median(one.interval_s for one in group)
    return spread > max(STAGGERED_AT_LEAST, timedelta(seconds=STAGGERED_INTERVALS * interval_s))
