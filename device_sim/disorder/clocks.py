"""What a device's clock says: right, drifting, wrong by some time, or counting from 1970 again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from device_sim.arrays import Floats, Ints
from device_sim.disorder.chance import chance
from device_sim.disorder.spans import Spans
from device_sim.faults.injection import Injection

DRIFT_PPM: Final = (20.0, 100.0)
"""A cheap quartz, too fast or too slow (SIMULATION.md, Disorder)."""
_HALF: Final = 0.5
_OFF_BEAT_MS: Final = 499.0
"""Wrong clocks are no whole seconds wrong: two readings of a device would share a millisecond when they are set."""


class Clocks:
    """The clocks of all devices; `speed` simulated seconds pass in a second that they count."""

    def __init__(
        self, injections: Sequence[Injection], devices: int, seed: int, *, speed: float, drifting: bool
    ) -> None:
        def named(fault: str) -> Spans:
            return Spans([each for each in injections if each.fault == fault], devices)

        self._seed = seed
        self._speed = speed
        self._own_ppm = own_drift_ppm(seed, np.arange(devices)) if drifting else None
        self._drifts, self._shifts, self._resets = named("clock_drift"), named("clock_shift"), named("clock_reset")

    def shown_ms(self, devices: Ints, stamps_ms: Ints, at_s: Floats) -> Ints:
        """What the clocks of `devices` say instead of `stamps_ms`, `at_s` seconds after the start."""
        off_ms = np.zeros(len(devices))
        if self._own_ppm is not None:
            off_ms += self._own_ppm[devices] * 1e-3 * at_s / self._speed
        acts, rows = self._drifts.acting(devices, at_s)
        if len(rows):
            counted_s = (at_s[acts] - self._drifts.origin_s[rows]) / self._speed
            off_ms[acts] += self._drifts.strength[rows] * 1e-3 * counted_s
        acts, rows = self._shifts.acting(devices, at_s)
        if len(rows):
            off_ms[acts] += self._shifts.strength[rows] * 1e3 + self._off_beat_ms(self._shifts, rows)
        shown = stamps_ms + np.rint(off_ms).astype(np.int64) if off_ms.any() else stamps_ms
        acts, rows = self._resets.acting(devices, at_s)
        if len(rows):
            counted_s = (at_s[acts] - self._resets.origin_s[rows]) / self._speed
            since_1970_ms = (self._resets.strength[rows] + counted_s) * 1e3 + self._off_beat_ms(self._resets, rows)
            shown = shown.copy()
            shown[acts] = np.rint(since_1970_ms).astype(np.int64)
        return shown

    def _off_beat_ms(self, spans: Spans, rows: Ints) -> Floats:
        began_ms = (spans.origin_s[rows] * 1000).astype(np.int64)
        return np.floor(1.0 + _OFF_BEAT_MS * chance(self._seed, "off beat", spans.device[rows], began_ms))


def own_drift_ppm(seed: int, devices: Ints) -> Floats:
    """How much too fast (or, negative, too slow) the clock of each device is when the scenario lets all drift."""
    slowest, fastest = DRIFT_PPM
    size = slowest + (fastest - slowest) * chance(seed, "drift", devices)
    too_slow = chance(seed, "drift's sign", devices) < _HALF
    return np.where(too_slow, -size, size)
