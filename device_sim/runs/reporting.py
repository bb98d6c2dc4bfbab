"""When each device reports: every interval, each at a phase of its own, so that a county does not speak at once."""

from __future__ import annotations

from typing import Final

import numpy as np

from device_sim.arrays import Bools, Floats, Ints

_LONG_AGO_S: Final = -1e12
"""Not −∞: added to an interval of ∞ it would be no number."""
_WAKES_WITHIN_S: Final = 3.0
"""After the power is back, devices send their first reading within this time (A)."""


class Reporting:
    """Due times of all devices in simulated seconds; arrays of shape (devices,)."""

    def __init__(self, interval_s: Floats, seed: int) -> None:
        self._interval_s = interval_s
        self._phase = np.random.default_rng([seed, 3]).random(len(interval_s))
        self._due_s = interval_s * self._phase
        self._last_s = np.full(len(interval_s), _LONG_AGO_S)

    def due(self, now_s: float, longest_s: Floats, powered: Bools) -> Ints:
        """Rows of the devices that report now; `longest_s` is the interval that each accepts at most."""
        due = powered & ((self._due_s <= now_s) | (self._last_s + longest_s <= now_s))
        rows = np.flatnonzero(due)
        # from the due time on, not from now: a phase does not drift
        behind = np.maximum(now_s - self._due_s[rows], 0.0) // self._interval_s[rows] + 1
        grid_s = self._due_s[rows] + behind * self._interval_s[rows]
        self._due_s[rows] = np.where(self._due_s[rows] <= now_s, grid_s, self._due_s[rows])
        self._last_s[rows] = now_s
        return rows

    def wake(self, rows: Ints, now_s: float) -> None:
        """These devices just got power: they report soon and keep that phase."""
        self._due_s[rows] = now_s + _WAKES_WITHIN_S * self._phase[rows]
        self._last_s[rows] = _LONG_AGO_S
