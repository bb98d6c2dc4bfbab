"""Ice on the coils of air-source heat pumps, and the defrosts that melt it."""

from __future__ import annotations

from typing import Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator

_FASTEST_S: Final = 45 * 60.0
_LASTS_S: Final = (180.0, 600.0)
"""A defrost takes 3–10 min (V), each unit always about as long (A)."""
_PLUGGED: Final = 1.0


def frost_rate(outdoor_c: float, humidity_pct: float) -> float:
    """Share of a coil iced over per second: every 45 min at worst, most between −12 and −1 °C and humid (V)."""
    return humidity_pct / 100 * float(np.exp(-(((outdoor_c + 5.0) / 7.5) ** 2))) / _FASTEST_S


class Frost:
    """State of all coils, shape (units,): `ice` 0…1, `left_s` of a defrost under way, its `share` of the last step."""

    def __init__(self, units: int, dice: Generator) -> None:
        self.ice = dice.uniform(0.0, _PLUGGED, units)
        self.lasts_s = dice.uniform(*_LASTS_S, units)
        self.left_s = np.zeros(units)
        self.share = np.zeros(units)

    def step(self, dt_s: float, rate_s: float, runs: Bools) -> Floats:
        """Advance the coils of the units that run; the share of the step that each spends defrosting.

        `rate_s` as from `frost_rate`. Exact as long as no more than one defrost begins within the step (45 min).
        """
        melting_s = np.minimum(self.left_s, dt_s) * runs
        self.left_s -= melting_s
        self.ice += rate_s * (dt_s - melting_s) * runs
        begins = self.ice >= _PLUGGED
        if begins.any():
            since_s = np.where(begins, (self.ice - _PLUGGED) / rate_s, 0.0)
            now_s = np.minimum(since_s, self.lasts_s)
            melting_s += now_s
            self.left_s = np.where(begins, self.lasts_s - now_s, self.left_s)
            self.ice = np.where(begins, (since_s - now_s) * rate_s, self.ice)
        self.share = melting_s / dt_s
        return self.share
