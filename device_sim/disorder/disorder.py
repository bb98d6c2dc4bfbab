"""Between what devices measure and what arrives: clocks, values, outages, storms, batches, duplicates.

One layer for both ways to run. At each step, when the faults have been moved on, distort each batch and ask for the way
of its readings:

* history takes `Route.arrives_ms` as the time of receipt; a copy is dropped there and counted;
* live hands each reading to its device's client at `leaves_ms` (held.py), keeps the client off the network
  while `link_up` says so, and lets `takeovers` and `restarts` end its session.

All of it is a function of the injections, the seed and the reading; only what a stuck or restarting device showed last
is remembered. So both ways see the same network, and a device that no fault names goes through untouched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from catalogue.wire import LATE_AFTER_S
from device_sim.arrays import Bools, Floats, Ints
from device_sim.disorder.chance import chance
from device_sim.disorder.clocks import Clocks
from device_sim.disorder.links import OUTAGES, Beats, Links
from device_sim.disorder.spans import Spans
from device_sim.disorder.values import Restarts, Values
from device_sim.faults.active import ActiveFaults
from device_sim.faults.fault_rows import FAULT
from device_sim.fleet.fleet import Fleet
from device_sim.sensors.batch import Batch


@dataclass(frozen=True, slots=True)
class Route:
    """The way of each reading of a batch; arrays in the batch's order, times in UTC milliseconds that are true.

    `leaves_ms`: the device hands it to its modem. `arrives_ms`: it is at the broker; never before `leaves_ms`, which is
    never before it was measured. `twice`: it comes a second time. `backfill`: it is history by then (more than five
    minutes old) and its injection asks for the topic `backfill`; all others come on `telemetry`.
    """

    leaves_ms: Ints
    arrives_ms: Ints
    twice: Bools
    backfill: Bools


class Disorder:
    """The network of `fleet` under `faults`, which somebody else moves on in time (the county).

    `speed`: simulated seconds in a second of the readings' time. `drifting`: every clock has a drift of its own.
    """

    def __init__(
        self, faults: ActiveFaults, fleet: Fleet, seed: int, *, speed: float = 1.0, drifting: bool = False
    ) -> None:
        injections, devices = faults.injections, len(fleet.device_home)

        def named(fault: str) -> Spans:
            return Spans([each for each in injections if each.fault == fault], devices)

        self._faults = faults
        self._seed = seed
        self._quiet = not drifting and not any(
            FAULT[each.fault].layer == "network" or each.fault in OUTAGES for each in injections
        )
        self._speed = speed
        self._links = Links(injections, devices, seed)
        self._releases = Beats("hourly_batches", injections, devices, seed)
        self._clones = Beats("cloned_client_id", injections, devices, seed)
        self._overtaking, self._doubling = named("out_of_order"), named("duplicates")
        self._clocks = Clocks(injections, devices, seed, speed=speed, drifting=drifting)
        self._values = Values(injections, devices, seed)
        self._restarts = Restarts(injections, devices, seed)

    def distort(self, batch: Batch, now_ms: int) -> Batch:
        """Let clocks, values and restarts change `batch`, and give it back; `now_ms` is the step's moment, UTC.

        A device's readings come in the order of time.
        """
        if self._quiet:
            return batch
        at_s = self._seconds(batch.true_ms, now_ms)
        batch.ts_ms = self._clocks.shown_ms(batch.device, batch.ts_ms, at_s)
        self._values.distort(batch, at_s)
        self._restarts.distort(batch, at_s)
        return batch

    def route(self, batch: Batch, now_ms: int) -> Route:
        """When and how often each reading of `batch` arrives; `now_ms` is the step's moment, UTC. Nothing is lost."""
        if self._quiet:
            nothing = np.zeros(len(batch), dtype=np.bool_)
            return Route(batch.true_ms, batch.true_ms, nothing, nothing)
        devices, at_s = batch.device, self._seconds(batch.true_ms, now_ms)
        leaves_s = self._leaves(devices, at_s, batch.true_ms)
        arrives_s = self._links.up_from(devices, leaves_s)
        leaves_ms = self._later_ms(batch.true_ms, leaves_s - at_s)
        arrives_ms = np.maximum(self._later_ms(batch.true_ms, arrives_s - at_s), leaves_ms)
        backfill = arrives_ms - batch.true_ms > LATE_AFTER_S * 1000
        if backfill.any():
            backfill &= self._history(devices, at_s, leaves_s)
        return Route(leaves_ms, arrives_ms, self._twice(devices, at_s, batch.true_ms), backfill)

    def link_up(self, now_s: float) -> Bools:
        """Which devices have a network at simulated `now_s`, shape (devices,)."""
        return self._links.up(now_s)

    def takeovers(self, from_s: float, to_s: float) -> Ints:
        """Devices whose clone connected after `from_s` and by `to_s`: the broker ends their own session."""
        return self._clones.between(from_s, to_s)

    def restarts(self, from_s: float, to_s: float) -> Ints:
        """Devices that restarted after `from_s` and by `to_s`: their session ends without a word."""
        return self._restarts.beats.between(from_s, to_s)

    def _leaves(self, devices: Ints, at_s: Floats, true_ms: Ints) -> Floats:
        leaves_s = at_s
        acts, rows = self._releases.spans.acting(devices, at_s)
        if len(rows):
            leaves_s = leaves_s.copy()
            leaves_s[acts] = self._releases.next(rows, at_s[acts])
        acts, rows = self._overtaking.acting(devices, at_s)
        if len(rows):
            drawn = chance(self._seed, "overtaking", devices[acts], true_ms[acts])
            leaves_s = leaves_s.copy()
            leaves_s[acts] += drawn * self._overtaking.strength[rows]
        return leaves_s

    def _twice(self, devices: Ints, at_s: Floats, true_ms: Ints) -> Bools:
        acts, rows = self._doubling.acting(devices, at_s)
        twice = np.zeros(len(devices), dtype=np.bool_)
        if len(rows):
            drawn = chance(self._seed, "duplicate", devices[acts], true_ms[acts])
            twice[acts] = drawn < self._doubling.strength[rows]
        return twice

    def _history(self, devices: Ints, at_s: Floats, leaves_s: Floats) -> Bools:
        """Which are kept by something whose backlog comes as history."""
        kept = self._links.kept_for_backfill(devices, leaves_s)
        acts, rows = self._releases.spans.acting(devices, at_s)
        kept[acts] |= self._releases.spans.backfill[rows]
        return kept

    def _seconds(self, true_ms: Ints, now_ms: int) -> Floats:
        """Simulated seconds since the start; counted from the step, as a live run's clock may have run away from it."""
        return np.asarray(self._faults.now_s + (true_ms - now_ms) * (self._speed / 1000.0), dtype=np.float64)

    def _later_ms(self, true_ms: Ints, wait_s: Floats) -> Ints:
        return np.asarray(true_ms + np.ceil(wait_s * (1000.0 / self._speed) - _LEAST_MS), dtype=np.int64)


_LEAST_MS: Final = 1e-3
"""Less than this is the rounding of seconds, and no wait."""
