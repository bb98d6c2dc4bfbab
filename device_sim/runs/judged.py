"""What ingest would make of times and values, so that generated history reads like stored readings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from catalogue.flags import Flag
from catalogue.wire import CLOCK_AHEAD_S, CLOCK_BEHIND_S, LATE_AFTER_S
from device_sim.arrays import Bools, Floats32, Ints


def clocks_of(claimed_ms: Ints, received_ms: Ints) -> tuple[Ints, Bools]:
    """(time to judge on, where the device's own clock is not believed), both in ms since 1970."""
    wrong = _ahead(claimed_ms, received_ms) | _behind(claimed_ms, received_ms)
    return np.where(wrong, received_ms, claimed_ms), wrong


def flags_of(claimed_ms: Ints, received_ms: Ints, metrics: Mapping[str, Floats32]) -> Ints:
    """The bits of the column `flags` of each reading."""
    ahead, behind = _ahead(claimed_ms, received_ms), _behind(claimed_ms, received_ms)
    late = ~ahead & ~behind & (received_ms - claimed_ms > LATE_AFTER_S * 1000)
    broken = np.zeros(len(claimed_ms), dtype=np.bool_)
    for values in metrics.values():
        broken |= np.isinf(values)
    flags = np.zeros(len(claimed_ms), dtype=np.int64)
    for where, flag in (
        (ahead, Flag.CLOCK_AHEAD), (behind, Flag.CLOCK_BEHIND), (late, Flag.LATE), (broken, Flag.NOT_A_NUMBER),
    ):  # fmt: skip
        flags[where] |= int(flag)
    return flags


def _ahead(claimed_ms: Ints, received_ms: Ints) -> Bools:
    return np.asarray(claimed_ms > received_ms + CLOCK_AHEAD_S * 1000)


def _behind(claimed_ms: Ints, received_ms: Ints) -> Bools:
    return np.asarray(claimed_ms < received_ms - CLOCK_BEHIND_S * 1000)
