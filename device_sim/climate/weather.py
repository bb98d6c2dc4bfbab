"""Outdoor temperature and humidity of Tongliao (station 54135), seeded: yearly course + weather of the day + hour.

Numbers from SIMULATION.md, "Weather": GB 50736 appendix A (V) and the harmonics fitted to its monthly means (C).
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import Final

import numpy as np

from device_sim.arrays import Floats

LOCAL: Final = timezone(timedelta(hours=8))
DESIGN_C: Final = -19.0
"""Heating design temperature, GB 50736 (V): colder on five days a year."""
EXTREMES_C: Final = (-31.6, 38.9)
"""The coldest and the hottest ever measured (V)."""

_DAY_CORRELATION: Final = 0.7
_DAY_SPREAD_K: Final = 4.2
_DIURNAL_HALF_RANGE_K: Final = 5.8
_COLDEST_HOUR: Final = 6.5
_WARMEST_HOUR: Final = 14.5
"""(M) the afternoon peak; SIMULATION.md only fixes the minimum."""
_WINTER_RH_PCT: Final = 54.0
_RH_SWING_PCT: Final = 12.0
"""Humidity runs against the temperature of the hour (A)."""
_RH_SPREAD_PCT: Final = 10.0
_DAYS: Final = 3 * 366
_DAY_S: Final = 86_400.0


def climate_c(day_of_year: float | Floats) -> Floats:
    """Long-term daily mean in °C on day 0…365 of the year (C: harmonics of the monthly means)."""
    turn = 2 * math.pi / 365 * np.asarray(day_of_year, dtype=np.float64)
    return (
        6.595 - 18.631 * np.cos(turn) - 3.992 * np.sin(turn) - 1.519 * np.cos(2 * turn) - 0.053 * np.sin(2 * turn)
    ).astype(np.float64)


def anomalies(seed: int, days: int, spread: float) -> Floats:
    """Deviations of `days` successive days from the climate: stationary AR(1), ρ = 0.7, standard deviation `spread`."""
    shocks = np.random.default_rng([seed, 54135]).standard_normal(days) * spread
    shocks[1:] *= math.sqrt(1 - _DAY_CORRELATION**2)
    for day in range(1, days):
        shocks[day] += _DAY_CORRELATION * shocks[day - 1]
    return shocks


def daily_means_c(seed: int, first_day: int, days: int) -> Floats:
    """Daily mean temperatures from `first_day` (0 = 1 January) on, in °C, within the recorded extremes."""
    wave = climate_c(np.arange(first_day, first_day + days, dtype=np.float64)) + anomalies(seed, days, _DAY_SPREAD_K)
    return np.clip(wave, *EXTREMES_C)


class Weather:
    """The weather from `start` on. The same seed and start give the same weather; it covers three years."""

    def __init__(self, seed: int, start: datetime) -> None:
        local = start.astimezone(LOCAL)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        self._first_s = (local - midnight).total_seconds()
        # one day earlier, because the day's mean is interpolated between noons
        self._daily_c = daily_means_c(seed, local.timetuple().tm_yday - 2, _DAYS)
        self._daily_rh = _WINTER_RH_PCT + anomalies(seed + 1, _DAYS, _RH_SPREAD_PCT)

    def local_hour(self, at_s: float) -> float:
        """Hour of the local day (UTC+8), 0…24, `at_s` seconds after the start."""
        return (self._first_s + at_s) % _DAY_S / 3600

    def outdoor_c(self, at_s: float) -> float:
        """Air temperature in °C, `at_s` seconds after the start."""
        value = self._of_day(self._daily_c, at_s) + _DIURNAL_HALF_RANGE_K * self._hour_wave(at_s)
        return min(max(value, EXTREMES_C[0]), EXTREMES_C[1])

    def humidity_pct(self, at_s: float) -> float:
        """Relative humidity outdoors in %, 15…100."""
        value = self._of_day(self._daily_rh, at_s) - _RH_SWING_PCT * self._hour_wave(at_s)
        return min(max(value, 15.0), 100.0)

    def _of_day(self, daily: Floats, at_s: float) -> float:
        noons = (self._first_s + at_s) / _DAY_S + 0.5
        day = int(noons)
        share = noons - day
        return float(daily[day] * (1 - share) + daily[day + 1] * share)

    def _hour_wave(self, at_s: float) -> float:
        """−1 at the coldest hour, +1 at the warmest, two half cosines between (so that their mean is zero)."""
        since = (self.local_hour(at_s) - _COLDEST_HOUR) % 24
        warming = _WARMEST_HOUR - _COLDEST_HOUR
        if since < warming:
            return -math.cos(math.pi * since / warming)
        return math.cos(math.pi * (since - warming) / (24 - warming))
