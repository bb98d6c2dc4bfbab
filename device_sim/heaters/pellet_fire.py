"""A fire that a screw feeds with pellets, as room stoves and village boilers have it: states, hopper, what jams.

off → starting → running or modulating → cooling → off, or fault; codes as in the catalogue (metrics.yaml, `state`).
Numbers: (A) where nothing is said; fuel 17 MJ/kg (M).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator
from device_sim.heaters.heater import Surroundings

PELLET_J_KG: Final = 17.0e6
"""Lower heating value of pellets (M)."""
LEAST: Final = 0.30
"""Least share of the rated power; below it the fire pulses or goes out."""
LEVELS: Final = 5
LOCKS: Final = ("feed_jam", "out_of_fuel", "fumes_hot", "dry_fire")
"""What brings the state `fault`; `PelletFire.cause` holds the place here + 1. SHOWS begins with these."""
_LIT: Final = 0.4
"""Feed while it is lit."""
_DEAD: Final = 0.06
"""Below this share of the rated fire there is no flame to be seen."""
_EMBERS: Final = 1e-6
_FUMES_K: Final = 230.0
"""Fumes above the water or room: 230·x/(x + 0.5) K at the share x of the rated fire: 153 K at full, 86 K at least."""
_SOOT_LAG_S: Final = 120.0
_RESET_S: Final = (600.0, 2400.0)
"""How long after the cause has gone somebody clears the stove and starts it again."""


class State(IntEnum):
    """What the controller shows."""

    OFF = 0
    STARTING = 1
    RUNNING = 2
    MODULATING = 3
    COOLING = 4
    FAULT = 5


@dataclass(frozen=True, slots=True)
class Make:
    """What tells a stove from a boiler: seconds of the phases, lag of the fire, fuel.

    `glow_s` of the start pass before the fuel burns · `burn_lag_s` time constant of the fire behind the feed ·
    `hopper_h` hours at full power that a hopper holds · `efficiency` · `too_hot_c` fumes at which it stops.
    """

    start_s: float
    glow_s: float
    cool_s: float
    burn_lag_s: float
    hopper_h: float
    efficiency: float
    too_hot_c: float


class PelletFire:
    """State of all fires of one make, shape (units,)."""

    def __init__(self, rated_w: Floats, make: Make, wanted: Floats, hopper: Floats, dice: Generator) -> None:
        """`wanted`: power that is asked for at the start over the rated one, 0 for a fire that is out."""
        units = len(rated_w)
        self.make = make
        self.rated_w = rated_w
        self.rated_kg_h = rated_w * 3600 / (make.efficiency * PELLET_J_KG)
        self.hopper = hopper
        """How full, 0…1."""
        burning = wanted > 0
        self.state = np.where(burning, np.int8(State.RUNNING), np.int8(State.OFF))
        self.share = np.where(burning, np.clip(wanted, LEAST, 1.0), 0.0)
        """Feed that the controller asks for, over the rated one."""
        self.burn = self.share.copy()
        """The fire over the rated one; lags behind the feed."""
        self.soot_k = np.zeros(units)
        self.cause = np.zeros(units, dtype=np.int16)
        self._clock_s = np.zeros(units)
        self._healthy_s = np.zeros(units)
        self._reset_s = dice.uniform(*_RESET_S, units)

    @property
    def burn_kg_h(self) -> Floats:
        """Fuel that burns now."""
        return self.burn * self.rated_kg_h

    @property
    def level(self) -> Floats:
        """Power level 1–5 of the feed, 0 while there is none."""
        level = 1.0 + np.rint((self.share - LEAST) / (1 - LEAST) * (LEVELS - 1))
        return np.where(self.share > 0, np.maximum(level, 1.0), 0.0)

    def step(
        self, s: Surroundings, wanted: Floats, warmer_k: Floats, band_k: tuple[float, float], base_c: Floats
    ) -> Floats:
        """Advance by `s.dt_s`; the mean power of the fire in W, after its efficiency.

        `wanted`: power asked for over the rated one · `warmer_k`: how much room or water is above its target; the fire
        is lit below the first of `band_k` and put out above the second · `base_c`: what the fumes cool down to.
        """
        self._clock_s += s.dt_s
        self._move(s, wanted, warmer_k < band_k[0], warmer_k > band_k[1])
        burning = (self.state >= State.RUNNING) & (self.state <= State.MODULATING)
        lit = (self.state == State.STARTING) & (self._clock_s > self.make.glow_s)
        self.share = np.where(burning, np.clip(wanted, LEAST, 1.0), np.where(lit, _LIT, 0.0))
        fed = self._feed(s)
        left = math.exp(-s.dt_s / self.make.burn_lag_s)
        mean = fed + (self.burn - fed) * ((1 - left) * self.make.burn_lag_s / s.dt_s)
        self.burn = fed + (self.burn - fed) * left
        # a fire that fades for days would end in numbers that are slow to compute
        self.burn *= self.burn > _EMBERS
        self._smoke(s, base_c)
        self._look(s, base_c)
        return mean * self.rated_w

    def _move(self, s: Surroundings, wanted: Floats, cold: Bools, warm: Bools) -> None:
        """The states; a phase that ends within the step is left at its end."""
        state, on = self.state, s.powered
        burning = (state == State.RUNNING) | (state == State.MODULATING)
        started = (state == State.STARTING) & (self._clock_s >= self.make.start_s)
        cooled = (state == State.COOLING) & (self._clock_s >= self.make.cool_s)
        starts = on & (state == State.OFF) & cold & (wanted > 0)
        stops = burning & warm
        dead = ~on & (state != State.FAULT)
        self._clock_s[starts | stops | started | cooled] = 0.0
        state = np.where(burning | started, np.where(wanted < LEAST, State.MODULATING, State.RUNNING), state)
        state = np.where(starts, State.STARTING, np.where(stops, State.COOLING, state))
        self.state = np.where(cooled | dead, State.OFF, state).astype(np.int8)

    def _feed(self, s: Surroundings) -> Floats:
        """What falls into the fire; takes it out of the hopper."""
        fed = self.share
        jam, empty = s.faults.get("feed_jam"), s.faults.get("out_of_fuel")
        if jam is not None:
            fed = np.where(np.isnan(jam), fed, 0.0)
        if empty is not None:
            self.hopper = np.where(np.isnan(empty), self.hopper, 0.0)
        fed = np.where(self.hopper > 0, fed, 0.0)
        self.hopper = np.maximum(self.hopper - fed * (s.dt_s / 3600 / self.make.hopper_h), 0.0)
        return fed

    def fumes_c(self, base_c: Floats) -> Floats:
        """Temperature of the fumes."""
        return base_c + 12.0 * (self.burn > _DEAD) + _FUMES_K * self.burn / (self.burn + 0.5) + self.soot_k

    def _smoke(self, s: Surroundings, base_c: Floats) -> None:
        """Soot that burns in the chimney heats the fumes, whatever the feed does."""
        hot_c = s.faults.get("fumes_hot")
        if hot_c is None and not self.soot_k.any():
            return
        normal_c = self.fumes_c(base_c) - self.soot_k
        aim_k = 0.0 if hot_c is None else np.where(np.isnan(hot_c), 0.0, np.maximum(hot_c - normal_c, 0.0))
        self.soot_k = aim_k + (self.soot_k - aim_k) * math.exp(-s.dt_s / _SOOT_LAG_S)
        self.soot_k *= self.soot_k > _EMBERS

    def _look(self, s: Surroundings, base_c: Floats) -> None:
        """The controller looks for a flame and at the fumes; somebody clears what stopped, once all is well."""
        expects = (self.state == State.RUNNING) | (self.state == State.MODULATING)
        no_flame = s.powered & expects & (self.burn < _DEAD)
        self.lock(no_flame & (self.hopper <= 0), "out_of_fuel")
        self.lock(no_flame & (self.hopper > 0), "feed_jam")
        fumes_c = self.fumes_c(base_c)
        self.lock(s.powered & (fumes_c >= self.make.too_hot_c), "fumes_hot")
        stopped = self.state == State.FAULT
        if not stopped.any():
            return
        healthy = stopped & s.powered & (fumes_c < 0.5 * self.make.too_hot_c)
        for fault in LOCKS:
            if fault in s.faults:
                healthy &= ~s.has(fault)
        self._healthy_s = np.where(healthy, self._healthy_s + s.dt_s, 0.0)
        self.clear(stopped & (self._healthy_s >= self._reset_s))

    def lock(self, where: Bools, cause: str) -> None:
        """Stop these for a reason of LOCKS, unless they have stopped for one already."""
        where = where & (self.state != State.FAULT)
        self.state = np.where(where, np.int8(State.FAULT), self.state)
        self.cause = np.where(where, np.int16(LOCKS.index(cause) + 1), self.cause)
        self.share = np.where(where, 0.0, self.share)

    def clear(self, where: Bools) -> None:
        """Somebody clears and restarts these, and fills what is empty."""
        self.hopper = np.where(where & (self.cause == LOCKS.index("out_of_fuel") + 1), 1.0, self.hopper)
        self.state = np.where(where, np.int8(State.OFF), self.state)
        self.cause = np.where(where, np.int16(0), self.cause)

    def fill(self, where: Bools) -> None:
        """Fill these hoppers."""
        self.hopper = np.where(where, 1.0, self.hopper)
