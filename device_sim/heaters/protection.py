"""How a controller protects its machine: it trips, waits, tries again, and locks out when that does not help."""

from __future__ import annotations

from typing import Final

import numpy as np

from device_sim.arrays import Bools

_PAUSE_S: Final = 180.0
"""A compressor rests three minutes before it starts again (M)."""
_WITHIN_S: Final = 30 * 60.0
"""Three trips within 30 min lock out (SAFETY.md, "Air-source heat pump", S)."""


class Protection:
    """State of all units, shape (units,): `cause` 0 while nothing is wrong, else a code of the caller's; `locked`."""

    def __init__(self, units: int) -> None:
        self.cause = np.zeros(units, dtype=np.int16)
        self.locked = np.zeros(units, dtype=np.bool_)
        self._rest_s = np.zeros(units)
        self._last_s = np.full(units, -np.inf)
        self._before_s = np.full(units, -np.inf)

    @property
    def stopped(self) -> Bools:
        """Which units stand still, for a while or locked out."""
        return np.asarray(self.cause != 0)

    def trip(self, where: Bools, cause: int, now_s: float) -> None:
        """Stop these units unless they are stopped; their third trip within 30 min locks them out."""
        fresh = where & (self.cause == 0)
        if not fresh.any():
            return
        self.locked |= fresh & (now_s - self._before_s <= _WITHIN_S)
        self._before_s = np.where(fresh, self._last_s, self._before_s)
        self._last_s = np.where(fresh, now_s, self._last_s)
        self._rest_s = np.where(fresh, _PAUSE_S, self._rest_s)
        self.cause = np.where(fresh, np.int16(cause), self.cause)

    def lock_out(self, where: Bools, cause: int) -> None:
        """Stop these units for good, whatever stopped them before."""
        self.locked |= where
        self.cause = np.where(where, np.int16(cause), self.cause)

    def rest(self, dt_s: float, ready: Bools) -> None:
        """Let time pass; what is `ready` and has rested may run again, unless it is locked out."""
        if self.cause.any():
            self._rest_s = np.maximum(self._rest_s - dt_s, 0.0)
            again = ready & ~self.locked & (self._rest_s <= 0)
            self.cause = np.where(again, np.int16(0), self.cause)

    def repaired(self, where: Bools) -> None:
        """Somebody mended these units and reset them."""
        mended = where & (self.cause != 0)
        if mended.any():
            self.cause = np.where(mended, np.int16(0), self.cause)
            self.locked = self.locked & ~mended
            self._last_s = np.where(mended, -np.inf, self._last_s)
            self._before_s = np.where(mended, -np.inf, self._before_s)
