"""Rules, ready to judge: which rule looks at which value of a device. Pure; whoever calls it holds the states."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from alerts.condition import Decision, Sample, State, judge_event, judge_threshold
from catalogue.metrics import METRIC_INDEX
from catalogue.rules import EventRule, Rule, ThresholdRule
from foundation.clock import from_ms

UNKNOWN_TYPE: Final = ""
"""Type of a device that the registry could not be asked about: any rule may concern it."""


class Device(Protocol):
    """What judging needs of a device."""

    @property
    def id(self) -> int: ...  # noqa: D102
    @property
    def type(self) -> str: ...  # noqa: D102
    @property
    def interval_s(self) -> int: ...  # noqa: D102


class _Seen(Protocol):
    """What a device said: times in ms since 1970."""

    @property
    def device(self) -> Device: ...
    @property
    def judged_ms(self) -> int: ...
    @property
    def received_ms(self) -> int: ...
    @property
    def late(self) -> bool: ...


class Observed(_Seen, Protocol):
    """A reading: values in the order of the catalogue's metrics."""

    @property
    def values(self) -> Sequence[float | None]: ...  # noqa: D102


class ObservedBlock(Protocol):
    """Readings of one device type: `values` has a row a reading and a column a metric, NaN for none."""

    @property
    def device_type(self) -> str: ...  # noqa: D102
    @property
    def metrics(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def device_ids(self) -> npt.NDArray[np.int64]: ...  # noqa: D102
    @property
    def values(self) -> npt.NDArray[np.float64]: ...  # noqa: D102
    def reading(self, row: int) -> Observed: ...  # noqa: D102


class ObservedEvent(_Seen, Protocol):
    """An alarm bit."""

    @property
    def type(self) -> str: ...  # noqa: D102
    @property
    def on(self) -> bool: ...  # noqa: D102


StateOf = Callable[[int, str], State | None]
"""The open alarm's state of (device id, rule id), asked when the decision is made and not before."""


class Judgement:
    """Rules, compiled for each device type when the first such device comes. Those on silence look at no reading."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._thresholds: list[ThresholdRule] = []
        self._events: list[EventRule] = []
        for rule in rules:
            if isinstance(rule, ThresholdRule):
                self._thresholds.append(rule)
            elif isinstance(rule, EventRule):
                self._events.append(rule)
        self._compiled: dict[str, tuple[tuple[int, ThresholdRule], ...]] = {}

    @property
    def metrics(self) -> frozenset[str]:
        """Every metric that a rule looks at."""
        return frozenset(rule.metric for rule in self._thresholds)

    @property
    def events(self) -> frozenset[str]:
        """Every type of alarm bit that a rule looks at."""
        return frozenset(rule.event for rule in self._events)

    def suspect(self, reading: Observed) -> bool:
        """Whether the reading is beyond a threshold."""
        values = reading.values
        for place, rule in self._concerning(reading.device.type):
            value = values[place]
            if value is not None and rule.beyond(value):
                return True
        return False

    def suspects(self, block: ObservedBlock) -> npt.NDArray[np.bool_]:
        """Which readings of a block are beyond a threshold."""
        found = np.zeros(len(block.device_ids), dtype=np.bool_)
        place = {name: column for column, name in enumerate(block.metrics)}
        for _, rule in self._concerning(block.device_type):
            column = place.get(rule.metric)
            if column is not None:
                found |= rule.beyond(block.values[:, column])
        return found

    def of_reading(self, reading: Observed, state_of: StateOf) -> Iterator[tuple[Rule, Decision]]:
        """What each rule that looks at the reading decides."""
        device = reading.device
        ts, received_at = from_ms(reading.judged_ms), from_ms(reading.received_ms)
        for place, rule in self._concerning(device.type):
            value = reading.values[place]
            if value is not None:
                sample = Sample(ts, received_at, value, reading.late)
                yield rule, judge_threshold(rule, state_of(device.id, rule.id), sample, device.interval_s)

    def of_event(self, event: ObservedEvent, state_of: StateOf) -> Iterator[tuple[Rule, Decision]]:
        """What each rule on this alarm bit decides."""
        sample = Sample(from_ms(event.judged_ms), from_ms(event.received_ms), float(event.on), event.late)
        for rule in self.on_event(event):
            yield rule, judge_event(rule, state_of(event.device.id, rule.id), sample)

    def on_event(self, event: ObservedEvent) -> Iterator[EventRule]:
        """The rules that look at this alarm bit."""
        for rule in self._events:
            if rule.event == event.type and _may_concern(rule, event.device.type):
                yield rule

    def _concerning(self, device_type: str) -> tuple[tuple[int, ThresholdRule], ...]:
        found = self._compiled.get(device_type)
        if found is None:
            found = self._compiled[device_type] = tuple(
                (METRIC_INDEX[rule.metric], rule) for rule in self._thresholds if _may_concern(rule, device_type)
            )
        return found


def _may_concern(rule: Rule, device_type: str) -> bool:
    return device_type == UNKNOWN_TYPE or rule.concerns(device_type)
