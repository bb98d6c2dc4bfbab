"""Chance without a state: a number in 0…1 from what it is about, the same whenever and in whatever company it is asked.

A generator that is drawn from would give a device other numbers as soon as another device reports or is hit by a fault;
live, history and a test would each see a different network.
"""

from __future__ import annotations

import zlib
from typing import Final

import numpy as np
import numpy.typing as npt

from device_sim.arrays import Floats

# the finaliser of SplitMix64 (Steele, Lea, Flood 2014)
_STRIDE: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_BITS: Final = 53


def chance(seed: int, about: str, *what: npt.NDArray[np.integer] | int) -> Floats:
    """Evenly distributed numbers, 0 ≤ x < 1, one for each element of `what` (arrays of one shape, or plain numbers)."""
    state = np.zeros(1, dtype=np.uint64)
    for part in (seed, zlib.crc32(about.encode()), *what):
        # widths of 64 bits wrap around, negative numbers too
        state = _mixed(state + _STRIDE + np.atleast_1d(np.asarray(part, dtype=np.int64)).view(np.uint64))
    return np.asarray((state >> np.uint64(64 - _BITS)) / float(1 << _BITS), dtype=np.float64)


def _mixed(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return np.asarray(state ^ (state >> np.uint64(31)), dtype=np.uint64)
