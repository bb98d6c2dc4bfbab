"""Rules, ready to judge: which rule looks at which value of a device. Pure; whoever calls it holds the states."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from alerts.condition import Decision, Sample, State, judge_event, judge_level, judge_unlooked
from alerts.watching import Watching, watching
from catalogue.fault_codes import canonical
from catalogue.models import MODEL
from catalogue.rules import CountRule, EventRule, FaultRule, LevelRule, RateRule, Rule
from foundation.clock import from_ms

VILLAGES_ZONE: Final = "Asia/Shanghai"
"""For rules with a season or hours, where a deployment does not say otherwise."""
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
    @property
    def vendor(self) -> str: ...  # noqa: D102
    @property
    def model(self) -> str: ...  # noqa: D102
    @property
    def building_class(self) -> str: ...  # noqa: D102
    @property
    def regions(self) -> tuple[str, ...]:
        """Codes of its village and of all regions above."""


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
    """A reading: values in the order of the catalogue's metrics, `fault` the maker's code."""

    @property
    def values(self) -> Sequence[float | None]: ...  # noqa: D102
    @property
    def fault(self) -> str | None: ...  # noqa: D102


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


class Past(Protocol):
    """What a device said before. Times in ms since 1970, the first excluded and the last included."""

    def extremes(self, device_id: int, metric: str, after_ms: int, until_ms: int) -> tuple[float, float] | None:
        """The lowest and the highest value of a metric; None where there was none."""

    def times_on(self, device_id: int, event: str, after_ms: int, until_ms: int) -> int:
        """How often an alarm bit came on."""


class Judgement:
    """Rules, made ready for each device type when the first such device comes. Those on silence look at no reading.

    `zone` is the villages' own time, for rules with a season or hours.
    """

    def __init__(self, rules: Iterable[Rule], zone: str = VILLAGES_ZONE) -> None:
        rules = tuple(rules)
        self._levels = [rule for rule in rules if isinstance(rule, LevelRule)]
        self._events = [rule for rule in rules if isinstance(rule, EventRule | CountRule)]
        self._faults = [rule for rule in rules if isinstance(rule, FaultRule)]
        self._zone = ZoneInfo(zone)
        self._ready: dict[str, tuple[Watching, ...]] = {}

    @property
    def metrics(self) -> frozenset[str]:
        """Every metric that a rule looks at."""
        return frozenset(name for rule in self._levels for name in rule.needs)

    @property
    def events(self) -> frozenset[str]:
        """Every type of alarm bit that a rule looks at."""
        return frozenset(rule.event for rule in self._events)

    @property
    def faults(self) -> bool:
        """Whether a rule looks at makers' fault codes."""
        return bool(self._faults)

    def suspect(self, reading: Observed) -> bool:
        """Whether the reading may raise something: it is beyond a level, or carries a fault."""
        if reading.fault and self._faults:
            return True
        values = reading.values
        for one in self.watching(reading.device.type):
            value = one.quantity(values)
            if value is not None and one.lowest.beyond(value) and one.looks(values):
                return True
        return False

    def suspects(self, block: ObservedBlock) -> npt.NDArray[np.bool_]:
        """Which readings of a block are beyond a level."""
        found = np.zeros(len(block.device_ids), dtype=np.bool_)
        columns = {name: column for column, name in enumerate(block.metrics)}
        for one in self.watching(block.device_type):
            beyond = one.suspects(columns, block.values)
            if beyond is not None:
                found |= beyond
        return found

    def of_reading(
        self, reading: Observed, state_of: StateOf, past: Past | None = None
    ) -> Iterator[tuple[Rule, Decision]]:
        """What each rule that looks at the reading decides. Without a past no rule that looks back raises anything."""
        device, values = reading.device, reading.values
        ts, received_at = from_ms(reading.judged_ms), from_ms(reading.received_ms)
        for one, rule, value in self.on_levels(reading):
            if not self.looks(one, rule, values, ts):
                if not reading.late:
                    yield rule, judge_unlooked(state_of(device.id, rule.id))
                continue
            fast = not isinstance(rule, RateRule) or (rule.beyond(value) and _fast_enough(rule, reading, value, past))
            sample = Sample(ts, received_at, value, reading.late, fast)
            yield rule, judge_level(rule, state_of(device.id, rule.id), sample, device.interval_s)
        if self._faults:
            yield from self._of_fault(reading, ts, received_at, state_of)

    def of_event(
        self, event: ObservedEvent, state_of: StateOf, past: Past | None = None
    ) -> Iterator[tuple[Rule, Decision]]:
        """What each rule on this alarm bit decides."""
        ts, received_at = from_ms(event.judged_ms), from_ms(event.received_ms)
        for rule in self.on_event(event):
            often = not isinstance(rule, CountRule) or (event.on and _often_enough(rule, event, past))
            sample = Sample(ts, received_at, float(event.on), event.late, often)
            yield rule, judge_event(rule, state_of(event.device.id, rule.id), sample)

    def on_event(self, event: ObservedEvent) -> Iterator[EventRule | CountRule]:
        """The rules that look at this alarm bit."""
        for rule in self._events:
            if (
                rule.event == event.type
                and _may_concern(rule, event.device.type)
                and covers(rule, event.device)
                and (not event.on or rule.in_time(from_ms(event.judged_ms), self._zone))
            ):
                yield rule

    def on_levels(self, reading: Observed) -> Iterator[tuple[Watching, LevelRule, float]]:
        """The rules on a level whose quantity was measured: each also at the level that it has there, and the value."""
        device, values = reading.device, reading.values
        for one in self.watching(device.type):
            value = one.quantity(values)
            if value is not None and covers(one.rule, device):
                yield one, one.at_model(device.model), value

    def looks(self, one: Watching, rule: LevelRule, values: Sequence[float | None], ts: datetime) -> bool:
        """Whether the rule looks at a reading of these values and this time."""
        return one.looks(values) and rule.in_time(ts, self._zone)

    def watching(self, device_type: str) -> tuple[Watching, ...]:
        """The rules on a level that look at devices of this type."""
        found = self._ready.get(device_type)
        if found is None:
            found = self._ready[device_type] = tuple(
                watching(rule, device_type) for rule in self._levels if _may_concern(rule, device_type)
            )
        return found

    def _of_fault(
        self, reading: Observed, ts: datetime, received_at: datetime, state_of: StateOf
    ) -> Iterator[tuple[Rule, Decision]]:
        device = reading.device
        fault = canonical_fault(device, reading.fault) if reading.fault else ""
        for rule in self._faults:
            state, has_it = state_of(device.id, rule.id), fault in rule.faults
            if not has_it and state is None:
                continue
            if _may_concern(rule, device.type) and covers(rule, device) and rule.in_time(ts, self._zone):
                sample = Sample(ts, received_at, float(has_it), reading.late, detail=fault if has_it else "")
                yield rule, judge_event(rule, state, sample)


def canonical_fault(device: Device, code: str) -> str:
    """The canonical fault that the code of this device's maker stands for, or an empty text: no table knows it."""
    model = MODEL.get(device.model)
    vendor = device.vendor or (model.vendor if model is not None else "")
    found = canonical(vendor, device.model, device.type, code)
    return "" if found is None else found.fault


def covers(rule: Rule, device: Device) -> bool:
    """Whether a rule for some models, buildings or regions looks at this device."""
    return not rule.scoped or rule.covers(device.model, device.building_class, device.regions)


def _fast_enough(rule: RateRule, reading: Observed, value: float, past: Past | None) -> bool:
    if past is None:
        return False
    until_ms = reading.judged_ms
    found = past.extremes(reading.device.id, rule.metric, until_ms - round(rule.within_s * 1000), until_ms)
    if found is None:
        return False
    lowest, highest = found
    return (value - lowest if rule.direction == "above" else highest - value) >= rule.by


def _often_enough(rule: CountRule, event: ObservedEvent, past: Past | None) -> bool:
    after_ms = event.judged_ms - round(rule.within_s * 1000)
    return past is not None and past.times_on(event.device.id, rule.event, after_ms, event.judged_ms) >= rule.at_least


def _may_concern(rule: Rule, device_type: str) -> bool:
    return device_type == UNKNOWN_TYPE or rule.concerns(device_type)
