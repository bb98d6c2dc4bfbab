"""The sequence of a gas burner: off → pre-purge → ignite (≤ 3 tries) → run → post-purge → off, or lockout.

A burner's place in its start is one clock, so that a step of any length passes through as many phases as it holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from device_sim.arrays import Bools, Floats, Generator, Ints

TRIES: Final = 3
LOCKS: Final = ("ignition_failed", "flame_lost", "overheat", "low_gas_pressure")
"""What locks a burner out; `Burners.cause` holds the place here + 1. A controller's SHOWS begins with these."""
_LOST_LOCK: Final = 4.0
"""So many lost flames within about an hour lock it out (A)."""
_LOST_FADES_S: Final = 3600.0
_RESET_S: Final = (300.0, 1800.0)
"""How long after the cause has gone somebody presses reset (A)."""


class Burner(IntEnum):
    """Where a burner stands in its sequence."""

    OFF = 0
    PREPURGE = 1
    IGNITE = 2
    RUN = 3
    POSTPURGE = 4
    LOCKOUT = 5


@dataclass(frozen=True, slots=True)
class Timing:
    """How one make of burner starts: seconds of each phase, the chance that a try fails, restarts per hour of running.

    Restarts: hot water, a gust, the controller's own checks; the flame goes out in order and is lit again.
    """

    prepurge_s: float
    ignite_s: float
    postpurge_s: float
    unlit: float
    restarts_h: float

    @property
    def try_s(self) -> float:
        """One try to light."""
        return self.prepurge_s + self.ignite_s


class Burners:
    """State of all burners of one kind, shape (units,); all of them run at the start."""

    def __init__(self, units: int, timing: Timing, dice: Generator) -> None:
        self.timing = timing
        self.cause = np.zeros(units, dtype=np.int16)
        self.starts = dice.integers(500, 20_000, units).astype(np.float64)
        self._phase = np.full(units, Burner.RUN, dtype=np.int8)
        self._clock_s = np.zeros(units)
        self._lost = np.zeros(units)
        self._healthy_s = np.zeros(units)
        self._reset_s = dice.uniform(*_RESET_S, units)
        self._dice = dice

    @property
    def running(self) -> Bools:
        """Which have a flame."""
        return np.asarray(self._phase == Burner.RUN)

    @property
    def locked(self) -> Bools:
        """Which are locked out."""
        return np.asarray(self._phase == Burner.LOCKOUT)

    @property
    def blowing(self) -> Bools:
        """Whose fan turns: everything but off and locked out."""
        return np.asarray((self._phase != Burner.OFF) & (self._phase != Burner.LOCKOUT))

    def state(self, rows: Ints) -> npt.NDArray[np.int8]:
        """Place in the sequence of the burners `rows`, a value of `Burner`."""
        into_try_s = self._clock_s[rows] % self.timing.try_s
        igniting = (self._phase[rows] == Burner.PREPURGE) & (into_try_s >= self.timing.prepurge_s)
        return np.where(igniting, np.int8(Burner.IGNITE), self._phase[rows])

    def step(
        self,
        dt_s: float,
        on: Bools,
        wants: Bools,
        unlit: Floats | None = None,
        restarts_h: Floats | None = None,
        lost_h: Floats | None = None,
    ) -> Floats:
        """Advance by `dt_s`; the share of the step in which each had a flame.

        `on`: has power · `wants`: its controller asks for heat · `unlit`: chance that a try fails · `restarts_h`:
        flames that go out in order, per hour of running; both None for the timing's own · `lost_h`: flames lost per
        hour of running, None for none.
        """
        # always drawn for all, so that one burner's fault does not change the luck of the others
        luck = self._dice.random(len(self._phase))
        begins = on & wants & (self._phase == Burner.OFF)
        self._phase[begins] = Burner.PREPURGE
        self._clock_s[begins] = 0.0
        fired = self._start(dt_s, luck, self._phase == Burner.PREPURGE, unlit)
        self._purge(dt_s)
        ends = self.running & ~wants
        self._phase[ends] = Burner.POSTPURGE
        self._clock_s[ends] = 0.0
        # those that were lit in this very step keep their flame
        burning = self.running & (fired == 1.0)
        self._drop(burning & (luck < self._odds(restarts_h, dt_s)))
        if lost_h is not None:
            self._lose(burning & (luck < self._odds(lost_h, dt_s)))
        self._lost *= math.exp(-dt_s / _LOST_FADES_S)
        self._phase[~on & ~self.locked] = Burner.OFF
        return np.where(on, fired, 0.0)

    def _start(self, dt_s: float, luck: Floats, starting: Bools, unlit: Floats | None) -> Floats:
        """Move what is starting along its tries; the share of the step with a flame, of all burners."""
        fired = self.running.astype(np.float64)
        at = np.flatnonzero(starting)
        if not len(at):
            return fired
        before_s = self._clock_s[at]
        clock_s = before_s + dt_s
        try_s = self.timing.try_s
        tried = np.floor(before_s / try_s)
        ended = np.minimum(np.floor(clock_s / try_s), TRIES)
        fails = np.full(len(at), self.timing.unlit) if unlit is None else unlit[at]
        # so many of this step's tries fail before one succeeds
        failed = sum((luck[at] < fails**n).astype(np.float64) for n in range(1, TRIES + 1))
        lit = tried + failed < ended
        lit_s = clock_s - (tried + failed + 1) * try_s
        fired[at] = np.where(lit, lit_s / dt_s, 0.0)
        self._clock_s[at] = clock_s
        self._phase[at] = np.where(lit, np.int8(Burner.RUN), np.int8(Burner.PREPURGE))
        self.starts[at] += lit
        given_up = at[~lit & (ended >= TRIES)]
        self._phase[given_up] = Burner.LOCKOUT
        self.cause[given_up] = LOCKS.index("ignition_failed") + 1
        return fired

    def _purge(self, dt_s: float) -> None:
        at = np.flatnonzero(self._phase == Burner.POSTPURGE)
        if len(at):
            self._clock_s[at] += dt_s
            self._phase[at[self._clock_s[at] >= self.timing.postpurge_s]] = Burner.OFF

    def _odds(self, per_h: Floats | None, dt_s: float) -> Floats | float:
        """Chance of at least one in this step."""
        if per_h is None:
            return -math.expm1(-self.timing.restarts_h * dt_s / 3600)
        return np.asarray(-np.expm1(-per_h * dt_s / 3600), dtype=np.float64)

    def _lose(self, lost: Bools) -> None:
        """Flames that were not meant to go out are lit again, until there were too many."""
        self._lost += lost
        self.lock(lost & (self._lost >= _LOST_LOCK), "flame_lost")
        self._drop(lost & self.running)

    def _drop(self, out: Bools) -> None:
        self._phase[out] = Burner.PREPURGE
        self._clock_s[out] = 0.0

    def force(self, where: Bools) -> None:
        """A gas valve that is stuck open keeps these running, whatever the sequence says."""
        self._phase[where & ~self.locked] = Burner.RUN

    def lock(self, where: Bools, cause: str) -> None:
        """Lock these out for a reason of LOCKS, unless they are locked out already."""
        where = where & ~self.locked
        self._phase[where] = Burner.LOCKOUT
        self.cause[where] = LOCKS.index(cause) + 1

    def reset(self, dt_s: float, healthy: Bools) -> None:
        """Somebody resets what is locked out, some minutes after all is well again."""
        locked = self.locked
        if not locked.any():
            return
        self._healthy_s = np.where(locked & healthy, self._healthy_s + dt_s, 0.0)
        again = locked & (self._healthy_s >= self._reset_s)
        self._phase[again] = Burner.OFF
        self.cause[again] = 0
        self._lost[again] = 0.0
