"""A rule pack, ready to judge: which rule looks at which value of a device. Pure; whoever calls it holds the states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
import numpy.typing as npt

from alerts.condition import Decision, Sample, State, judge_event, judge_threshold
from catalogue.metrics import METRIC_INDEX
from catalogue.rules import EventRule, Rule, RulePack, ThresholdRule


class Device(Protocol):
    """What judging needs of a device."""

    @property
    def id(self) -> int: ...  # noqa: D102
    @property
    def type(self) -> str: ...  # noqa: D102
    @property
    def interval_s(self) -> int: ...  # noqa: D102


class Observed(Protocol):
    """A reading: times in ms since 1970, values in the order of the catalogue's metrics."""

    @property
    def device(self) -> Device: ...  # noqa: D102
    @property
    def judged_ms(self) -> int: ...  # noqa: D102
    @property
    def received_ms(self) -> int: ...  # noqa: D102
    @property
    def values(self) -> Sequence[float | None]: ...  # noqa: D102
    @property
    def late(self) -> bool: ...  # noqa: D102


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


class ObservedEvent(Protocol):
    """An alarm bit."""

    @property
    def device(self) -> Device: ...  # noqa: D102
    @property
    def type(self) -> str: ...  # noqa: D102
    @property
    def on(self) -> bool: ...  # noqa: D102
    @property
    def judged_ms(self) -> int: ...  # noqa: D102
    @property
    def received_ms(self) -> int: ...  # noqa: D102
    @property
    def late(self) -> bool: ...  # noqa: D102


StateOf = Callable[[int, str], State | None]
"""The open alarm's state of (device id, rule id), asked when the decision is made and not before."""


class Judgement:
    """The rules of `pack`, compiled for each device type when the first such device comes."""

    def __init__(self, pack: RulePack) -> None:
        self.pack = pack
        self._thresholds: dict[str, tuple[tuple[int, ThresholdRule], ...]] = {}
        self._events = [rule for rule in pack.rules if isinstance(rule, EventRule)]

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
        ts, received_at = _moment(reading.judged_ms), _moment(reading.received_ms)
        for place, rule in self._concerning(device.type):
            value = reading.values[place]
            if value is not None:
                sample = Sample(ts, received_at, value, reading.late)
                yield rule, judge_threshold(rule, state_of(device.id, rule.id), sample, device.interval_s)

    def of_event(self, event: ObservedEvent, state_of: StateOf) -> Iterator[tuple[Rule, Decision]]:
        """What each rule on this alarm bit decides."""
        device = event.device
        sample = Sample(_moment(event.judged_ms), _moment(event.received_ms), float(event.on), event.late)
        for rule in self._events:
            if rule.event == event.type and rule.concerns(device.type):
                yield rule, judge_event(rule, state_of(device.id, rule.id), sample)

    def _concerning(self, device_type: str) -> tuple[tuple[int, ThresholdRule], ...]:
        found = self._thresholds.get(device_type)
        if found is None:
            found = tuple(
                (METRIC_INDEX[rule.metric], rule)
                for rule in self.pack.rules
                if isinstance(rule, ThresholdRule) and rule.concerns(device_type)
            )
            self._thresholds[device_type] = found
        return found


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
