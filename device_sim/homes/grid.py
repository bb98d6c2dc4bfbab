"""The wires that come in: each village's feeder sags under its load, each home has its own place along it."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from device_sim.arrays import Bools, Floats, Generator

NO_LOAD_V: Final = 231.0
"""At the transformer (A); GB/T 12325 allows 198–235.4 V (SAFETY.md)."""
_SAG_V: Final = 14.0
"""Fall of the voltage at the load for which a feeder was built (A)."""
_MOST_SAG_V: Final = 30.0
"""Beyond this a transformer's fuse would go (A)."""
STORING: Final = 3.5
"""What heaters that charge in the valley hours draw then, over their homes' design load (C: a day's heat in 8 h)."""
_ALONG_V: Final = 6.0
"""What the last home of a feeder has less than the first, unloaded (A)."""
HOUSEHOLD_W: Final = 180.0
"""Light, refrigerator and cooking of a home, averaged over the day (A)."""


class Feeders:
    """Voltage at each home, one feeder a village; `volts` of shape (homes,), 0 without power."""

    def __init__(self, village: npt.NDArray[np.int32], planned_w: Floats, dice: Generator) -> None:
        """`planned_w`: the load of each home for which its feeder was built."""
        self._village = village
        self._planned_w = np.bincount(village, planned_w)
        self._along_v = dice.uniform(0.0, _ALONG_V, len(village)).astype(np.float32)
        self.volts: Floats = NO_LOAD_V - self._along_v.astype(np.float64)

    def step(self, load_w: Floats, powered: Bools, low_v: Floats | None) -> None:
        """Voltages at a load per home in W; `low_v` what a fault takes away (NaN for nothing), None for no fault."""
        sag_v = np.minimum(_SAG_V * np.bincount(self._village, load_w) / self._planned_w, _MOST_SAG_V)
        volts = (NO_LOAD_V - sag_v)[self._village] - self._along_v
        if low_v is not None:
            volts -= np.nan_to_num(low_v)
        self.volts = np.where(powered, volts, 0.0)
