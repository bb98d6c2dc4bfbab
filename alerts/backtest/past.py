"""What rules that look back ask of the past, answered while the stored readings pass by. Pure.

All that one of them asks about a reading was measured before it, so it is at hand when the reading is read: only the
longest time that a rule looks back is held. What had not been received by then does not count, as it did not then.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alerts.backtest.arrivals import Longs
from alerts.backtest.county import NOWHERE, County
from alerts.judgement import Judgement
from catalogue.rules import CountRule, RateRule, Rule
from store.stored import StoredEvent, StoredReadings

Numbers = npt.NDArray[np.float64]
_Span = tuple[int, str, int, int]
"""Device id, metric or event, after and until in ms."""


class ReplayedPast:
    """The answers for what waits to be judged; a question that no rule has has none."""

    def __init__(self, county: County, rules: Iterable[Rule]) -> None:
        rules = tuple(rules)
        self._county = county
        self._rates = [rule for rule in rules if isinstance(rule, RateRule)]
        self._counts = [rule for rule in rules if isinstance(rule, CountRule)]
        self._judgement = Judgement(self._rates)
        self._blocks: dict[str, list[_Block]] = {name: [] for name in self.metrics}
        self._came_on: dict[tuple[int, str], list[tuple[int, int]]] = {}
        self._extremes: dict[_Span, tuple[int, float, float]] = {}
        self._times_on: dict[_Span, tuple[int, int]] = {}

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that rules look back on."""
        return tuple(sorted({rule.metric for rule in self._rates}))

    @property
    def events(self) -> tuple[str, ...]:
        """The alarm bits that rules look back on."""
        return tuple(sorted({rule.event for rule in self._counts}))

    @property
    def longest_s(self) -> float:
        """How far any rule looks back."""
        return max((*(rule.within_s for rule in self._rates), *(rule.within_s for rule in self._counts)), default=0)

    def extremes(self, device_id: int, metric: str, after_ms: int, until_ms: int) -> tuple[float, float] | None:
        """The lowest and the highest value."""
        found = self._extremes.get((device_id, metric, after_ms, until_ms))
        return None if found is None else found[1:]

    def times_on(self, device_id: int, event: str, after_ms: int, until_ms: int) -> int:
        """How often the alarm bit came on."""
        return self._times_on.get((device_id, event, after_ms, until_ms), (0, 0))[1]

    def take(self, stored: StoredReadings, place: Longs, judged_ms: Longs) -> None:
        """Readings measured after those that came before: where their devices stand, and when they are judged."""
        for metric, blocks in self._blocks.items():
            values = stored.metrics[metric]
            known = np.flatnonzero(~np.isnan(values) & (place != NOWHERE))
            block = _Block.of(place[known], stored.ts_ms[known], stored.received_ms[known], values[known])
            if not len(block.place):
                continue
            blocks.append(block)
            for row in known[self._suspects(metric, place[known], values[known])].tolist():
                self._answer(metric, int(place[row]), int(judged_ms[row]), int(stored.received_ms[row]))
            longest_s = max(rule.within_s for rule in self._rates if rule.metric == metric)
            blocks[:] = [one for one in blocks if one.last_ms > block.last_ms - longest_s * 1000]

    def take_events(self, stored: Sequence[StoredEvent]) -> None:
        """Alarm bits measured after those that came before, in any order among themselves."""
        within_ms = {name: {_ms(rule) for rule in self._counts if rule.event == name} for name in self.events}
        on = [one for one in stored if one.on and one.type in within_ms]
        for one in on:
            self._came_on.setdefault((one.device_id, one.type), []).append((one.ts_ms, one.received_ms))
        for moments in self._came_on.values():
            moments.sort()
        for one in on:
            moments = self._came_on[one.device_id, one.type]
            for span_ms in within_ms[one.type]:
                until_ms = one.ts_ms  # an alarm bit is always judged on it
                among = moments[_after(moments, until_ms - span_ms) : _after(moments, until_ms)]
                times = sum(received_ms <= one.received_ms for _, received_ms in among)
                self._times_on[one.device_id, one.type, until_ms - span_ms, until_ms] = one.received_ms, times
        newest = max((one.ts_ms for one in stored), default=0)
        for key, moments in list(self._came_on.items()):
            del moments[: _after(moments, newest - max(within_ms[key[1]]))]
            if not moments:
                del self._came_on[key]

    def forget(self, before_ms: int) -> None:
        """What was received before has been judged: it asks nothing any more."""
        if self._extremes:
            self._extremes = {span: found for span, found in self._extremes.items() if found[0] >= before_ms}
        if self._times_on:
            self._times_on = {span: found for span, found in self._times_on.items() if found[0] >= before_ms}

    def _suspects(self, metric: str, place: Longs, values: Numbers) -> Longs:
        """Those beyond the level of a rule that looks at their type."""
        types, found = self._county.type_of[place], np.zeros(len(place), dtype=np.bool_)
        for number, name in enumerate(self._county.types):
            for one in self._judgement.watching(name):
                if one.rule.metric == metric:
                    found |= (types == number) & one.lowest.beyond(values)
        return np.flatnonzero(found)

    def _answer(self, metric: str, place: int, until_ms: int, received_ms: int) -> None:
        device_id = self._county.devices[place].id
        for within_ms in {_ms(rule) for rule in self._rates if rule.metric == metric}:
            after_ms = until_ms - within_ms
            parts = [
                block.among(place, after_ms, until_ms, received_ms)
                for block in self._blocks[metric]
                if block.last_ms > after_ms
            ]
            values = np.concatenate(parts)  # its own value is among them
            if len(values):
                answer = received_ms, float(values.min()), float(values.max())
                self._extremes[device_id, metric, after_ms, until_ms] = answer


@dataclass(frozen=True, slots=True)
class _Block:
    """Values of one metric by place and then by time."""

    place: Longs
    ts_ms: Longs
    received_ms: Longs
    values: Numbers
    last_ms: int

    @staticmethod
    def of(place: Longs, ts_ms: Longs, received_ms: Longs, values: Numbers) -> _Block:
        order = np.lexsort((ts_ms, place))
        last_ms = int(ts_ms.max()) if len(ts_ms) else 0
        return _Block(place[order], ts_ms[order], received_ms[order], values[order], last_ms)

    def among(self, place: int, after_ms: int, until_ms: int, received_ms: int) -> Numbers:
        """Those of one device, measured in a span and received by then."""
        begin, end = np.searchsorted(self.place, (place, place + 1)).tolist()
        first, last = (begin + np.searchsorted(self.ts_ms[begin:end], (after_ms, until_ms), side="right")).tolist()
        return self.values[first:last][self.received_ms[first:last] <= received_ms]


def _ms(rule: RateRule | CountRule) -> int:
    return round(rule.within_s * 1000)


def _after(moments: Sequence[tuple[int, int]], ms: int) -> int:
    """The place of the first that came after a moment."""
    return bisect_right(moments, ms, key=lambda one: one[0])
