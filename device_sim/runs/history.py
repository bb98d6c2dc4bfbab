"""Months of history: the county stepped as fast as it goes, its readings handed to a sink in columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import numpy as np

from device_sim.arrays import Ints
from device_sim.county import County, Happened
from device_sim.disorder.disorder import Disorder
from device_sim.score.truth import Truth
from device_sim.sensors.batch import Batch

LONGEST_STEP_S: Final = 60.0
"""What the physics are meant for; a longer interval takes several steps."""


class Sink(Protocol):
    """Takes readings as columns, in the order of time; the arrays are its own from then on."""

    def write(self, batch: Batch, received_ms: Ints) -> None:
        """Readings of one type; `received_ms` is when each would arrive."""

    def close(self) -> None:
        """All is written."""


@dataclass(slots=True)
class Progress:
    """How far a run is: simulated seconds of `total_s`, readings handed over."""

    total_s: float
    now_s: float = 0.0
    readings: int = 0
    twice: int = 0
    """Copies that would have arrived as well; a table cannot hold them."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, and how often each device reports; `interval_s` None: each at its own interval."""

    start: datetime
    end: datetime
    interval_s: int | None

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end - self.start).total_seconds()


class History:
    """One run over `span`. `play` until it is over or `stop` says so; `truth` hears what was injected and measured."""

    def __init__(
        self, county: County, span: Span, disorder: Disorder, sink: Sink, seed: int, truth: Truth | None = None
    ) -> None:
        self.county = county
        self.progress = Progress(span.seconds)
        self._span = span
        self._disorder = disorder
        self._sink = sink
        self._truth = truth
        fleet = county.fleet
        every_s = (
            fleet.device_interval_s if span.interval_s is None else np.full(len(fleet.device_home), span.interval_s)
        )
        self._every_s = every_s.astype(np.int64)
        self._distinct_s = [int(each) for each in np.unique(self._every_s)]
        self._phase_ms = (np.random.default_rng([seed, 3]).random(len(every_s)) * every_s * 1000).astype(np.int64)
        self.step_s = min(LONGEST_STEP_S, *(float(each) for each in self._distinct_s))

    def play(
        self, told: Callable[[Progress], None] = lambda _: None, stop: Callable[[], bool] = lambda: False
    ) -> Progress:
        """Steps to the end, or until `stop` says so; `told` hears of the progress."""
        start_ms = int(self._span.start.timestamp() * 1000)
        for number in range(1, int(self._span.seconds // self.step_s) + 1):
            if stop():
                break
            now_s = number * self.step_s
            self._note(self.county.step(self.step_s), self._span.start + timedelta(seconds=now_s))
            devices = self._due(now_s)
            if len(devices):
                # spread over the interval that has just passed
                stamps = start_ms + int(now_s * 1000) - self._every_s[devices] * 1000 + self._phase_ms[devices]
                self._hand_over(devices, stamps, start_ms + int(now_s * 1000))
            self.progress.now_s = now_s
            told(self.progress)
        return self.progress

    def _note(self, happened: Happened, at: datetime) -> None:
        if self._truth is None:
            return
        for number in happened.began:
            self._truth.began(number, at)
        for number in happened.ended:
            self._truth.ended(number, at)
        for bit in happened.alarms:
            if bit.device in self._truth.watching():
                self._truth.bit(bit.device, bit.type, int(at.timestamp() * 1000), on=bit.on)

    def _watch(self, batch: Batch) -> None:
        if self._truth is None or not self._truth.watching():
            return
        for place in np.flatnonzero(np.isin(batch.device, list(self._truth.watching()))).tolist():
            metrics = {name: float(values[place]) for name, values in batch.columns.items()}
            self._truth.measured(int(batch.device[place]), int(batch.true_ms[place]), metrics)

    def _due(self, now_s: float) -> Ints:
        due_s = [each for each in self._distinct_s if now_s // each > (now_s - self.step_s) // each]
        if len(due_s) == len(self._distinct_s):
            return np.flatnonzero(self.county.powered)
        return np.flatnonzero(self.county.powered & np.isin(self._every_s, due_s))

    def _hand_over(self, devices: Ints, stamps: Ints, now_ms: int) -> None:
        for batch in self.county.measure(devices, stamps):
            self._watch(batch)
            shown = self._disorder.distort(batch, now_ms)
            route = self._disorder.route(shown, now_ms)
            self.progress.readings += len(shown)
            self.progress.twice += int(route.twice.sum())
            self._sink.write(shown, route.arrives_ms)
