"""Silence in stored readings: gaps between the moments at which a device was heard. Pure.

As alerts/silence.py judges it, but for two things that nothing stored tells: while nobody listened, everybody looks
silent; and a device that has not been heard since the beginning is not known to be silent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from alerts.backtest.arrivals import Longs
from alerts.backtest.county import County
from catalogue.rules import SilenceRule

_NEVER: Final = -1
_UNHEARD_OF: Final = np.iinfo(np.int64).max // 4
"""A silence longer than any: a rule does not look at this device."""


@dataclass(frozen=True, slots=True)
class Gaps:
    """What one rule makes of a stretch of time: places of devices whose silence began or ended in it, when it did."""

    rule: SilenceRule
    raised: Longs
    raised_ms: Longs
    """When the rule's time had passed."""
    cleared: Longs
    cleared_ms: Longs


class Silences:
    """Silence rules of one pack over all devices."""

    def __init__(self, county: County, rules: Iterable[SilenceRule]) -> None:
        self._last = np.full(len(county.devices), _NEVER, dtype=np.int64)
        self._rules = [_Watched(rule, _longest(county, rule)) for rule in rules]

    def pass_time(self, place: Longs, heard_ms: Longs, until_ms: int) -> Iterator[Gaps]:
        """Devices heard since the last call, in any order, and what had been raised and cleared at `until_ms`."""
        if not self._rules:
            return
        order = np.lexsort((heard_ms, place))
        place, heard_ms = place[order], heard_ms[order]
        first = np.ones(len(place), dtype=np.bool_)
        first[1:] = place[1:] != place[:-1]
        before = np.empty_like(heard_ms)
        before[1:] = heard_ms[:-1]
        before[first] = self._last[place[first]]
        known = before != _NEVER
        place_of_gap, begin, end = place[known], before[known], heard_ms[known]
        # of one place twice in an assignment the last counts: the latest moment
        self._last[place] = np.maximum(heard_ms, self._last[place])
        for watched in self._rules:
            yield watched.look(place_of_gap, begin, end, self._last, until_ms)


class _Watched:
    def __init__(self, rule: SilenceRule, longest_ms: Longs) -> None:
        self._rule, self._longest = rule, longest_ms
        self._open = np.zeros(len(longest_ms), dtype=np.bool_)

    def look(self, place: Longs, begin: Longs, end: Longs, last: Longs, until_ms: int) -> Gaps:
        gap = end - begin > self._longest[place]
        place, begin, end = place[gap], begin[gap], end[gap]
        new = ~self._open[place]
        # a gap that was seen at the end of a stretch before this one is the first of its device in this one
        later = np.zeros(len(place), dtype=np.bool_)
        later[1:] = place[1:] == place[:-1]
        new |= later
        raised, raised_ms = place[new], begin[new] + self._longest[place[new]]
        self._open[place] = False
        still = (last != _NEVER) & (until_ms - last > self._longest) & ~self._open
        still_open = np.flatnonzero(still)
        self._open[still_open] = True
        return Gaps(
            self._rule,
            np.concatenate([raised, still_open]),
            np.concatenate([raised_ms, last[still_open] + self._longest[still_open]]),
            place,
            end,
        )


def _longest(county: County, rule: SilenceRule) -> Longs:
    allowed = np.maximum(county.intervals_ms * rule.intervals, rule.at_least_s * 1000).astype(np.int64)
    concerned = np.array([rule.concerns(name) for name in county.types], dtype=np.bool_)[county.type_of]
    return np.where(concerned & county.in_service, allowed, _UNHEARD_OF)
