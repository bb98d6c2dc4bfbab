"""What a device's firmware makes of its values: repeats them, swaps the unit, sends no numbers, starts from anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from catalogue.device_types import COMMON_METRICS
from catalogue.metrics import METRIC, METRIC_INDEX
from device_sim.arrays import Floats, Floats32
from device_sim.disorder.chance import chance
from device_sim.disorder.links import Beats
from device_sim.disorder.spans import Spans
from device_sim.faults.injection import Injection
from device_sim.sensors.batch import BROKEN, Batch

CELSIUS: Final = frozenset(name for name, row in METRIC.items() if row.unit == "°C")


class Values:
    """Remembers what stuck devices show; everything else is a function of the reading. Readings come in order."""

    def __init__(self, injections: Sequence[Injection], devices: int, seed: int) -> None:
        def named(fault: str) -> Spans:
            return Spans([each for each in injections if each.fault == fault], devices)

        self._seed = seed
        self._stuck, self._swapped, self._broken = named("value_stuck"), named("value_swapped"), named("value_nan")
        self._stuck_devices = self._stuck.named()
        # since when each of them is stuck as we have seen it, and with which values
        self._stuck_since = np.full(len(self._stuck_devices), np.nan)
        self._shown: dict[str, Floats32] = {}

    def distort(self, batch: Batch, at_s: Floats) -> None:
        """Change the columns of `batch`, measured `at_s` seconds after the start."""
        self._repeat(batch, at_s)
        acts, rows = self._swapped.acting(batch.device, at_s)
        if len(rows):
            for name in CELSIUS & batch.columns.keys():
                fahrenheit = np.round(batch.columns[name] * np.float32(1.8) + np.float32(32), METRIC[name].decimals)
                batch.columns[name] = np.where(acts, fahrenheit, batch.columns[name])
        acts, rows = self._broken.acting(batch.device, at_s)
        if len(rows):
            share = np.zeros(len(batch))
            share[acts] = self._broken.strength[rows]
            for name, column in batch.columns.items():
                drawn = chance(self._seed, "broken", METRIC_INDEX[name], batch.device, batch.true_ms)
                # what is not sent cannot be broken
                batch.columns[name] = np.where((drawn < share) & ~np.isnan(column), BROKEN, column)

    def _repeat(self, batch: Batch, at_s: Floats) -> None:
        """Keep a stuck device's metrics as its first reading of the fault has them; what all devices have goes on."""
        acts, rows = self._stuck.acting(batch.device, at_s)
        if not len(rows):
            return
        places = np.searchsorted(self._stuck_devices, batch.device[acts])
        fresh = self._stuck_since[places] != self._stuck.origin_s[rows]
        self._stuck_since[places] = self._stuck.origin_s[rows]
        for name in batch.columns:
            if name in COMMON_METRICS:
                continue
            kept = self._shown.setdefault(name, np.full(len(self._stuck_devices), np.nan, dtype=np.float32))
            column = batch.columns[name].copy()
            kept[places[fresh]] = column[acts][fresh]
            column[acts] = kept[places]
            batch.columns[name] = column


class Restarts:
    """The boot counter, sequence and uptime of devices that start again and again. Readings come in order."""

    def __init__(self, injections: Sequence[Injection], devices: int, seed: int) -> None:
        self.beats = Beats("reboot_loop", injections, devices, seed)
        self._named = self.beats.spans.named()
        # of each named device: restarts that its readings have shown, the last number before, when it started
        self._shown = np.zeros(len(self._named), dtype=np.int64)
        self._seq_before = np.zeros(len(self._named), dtype=np.int64)
        self._started_s = np.full(len(self._named), -np.inf)

    def distort(self, batch: Batch, at_s: Floats) -> None:
        """Change `boot`, `seq` and `uptime_s` of `batch`, measured `at_s` seconds after the start."""
        if not len(self._named):
            return
        rows = self.beats.spans.last_begun(batch.device, at_s)
        hit = np.flatnonzero(rows >= 0)
        if not len(hit):
            return
        rows, devices, moment_s = rows[hit], batch.device[hit], at_s[hit]
        places = np.searchsorted(self._named, devices)
        boots = self.beats.so_far(devices, moment_s)
        anew = boots != self._shown[places]
        self._shown[places] = boots
        self._seq_before[places[anew]] = batch.seq[hit][anew] - 1
        last_s = self.beats.last(rows, np.minimum(moment_s, self.beats.spans.end_s[rows]))
        self._started_s[places[anew]] = last_s[anew]
        # the device itself has started for another reason, and counts from anew
        self._seq_before[places[batch.seq[hit] <= self._seq_before[places]]] = 0
        batch.boot, batch.seq = batch.boot.copy(), batch.seq.copy()
        batch.boot[hit] += boots
        batch.seq[hit] -= self._seq_before[places]
        if "uptime_s" in batch.columns:
            uptime_s = batch.columns["uptime_s"].copy()
            uptime_s[hit] = np.minimum(uptime_s[hit], np.round(moment_s - self._started_s[places]))
            batch.columns["uptime_s"] = uptime_s
