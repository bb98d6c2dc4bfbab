"""Outdoor temperature, humidity, sun and surplus wind of Tongliao, seeded: yearly course + weather of the day + hour.

Numbers from SIMULATION.md, "Weather": GB 50736 appendix A (V) and the harmonics fitted to its monthly means (C).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Final

import numpy as np

from device_sim.arrays import Bools, Floats, Generator
from device_sim.climate.sun import clear_sky_wm2

LOCAL: Final = timezone(timedelta(hours=8))
DESIGN_C: Final = -19.0
"""Heating design temperature, GB 50736 (V): colder on five days a year."""
EXTREMES_C: Final = (-31.6, 38.9)
"""The coldest and the hottest ever measured (V)."""
PLAYED_C: Final = (-36.0, 44.0)
"""How far a cold wave, a heat wave or an offset of a scenario may go beyond what was ever measured (A)."""

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
_HOUR_CORRELATION: Final = 0.9
"""Clouds and wind of an hour and the next (A): they change within half a day."""
_CLEAR: Final = (0.72, 0.28, 0.12, 1.0)
"""Share of the clear sky's sun that comes through (A): mean and spread before it is cut at least and most."""
_SURPLUS: Final = (0.6, 2.2)
"""The wind, in standard deviations, from which the grid has too much, by night and by day (A): 27 % and 1 %."""
_NIGHT: Final = (22, 8)
_DAYS: Final = 3 * 366
_DAY_S: Final = 86_400.0

Wave = tuple[float, float, float]
"""A cold wave (negative) or thaw: from and until in seconds after the start, K at its peak; a half sine."""


def climate_c(day_of_year: float | Floats) -> Floats:
    """Long-term daily mean in °C on day 0…365 of the year (C: harmonics of the monthly means)."""
    turn = 2 * math.pi / 365 * np.asarray(day_of_year, dtype=np.float64)
    return (
        6.595 - 18.631 * np.cos(turn) - 3.992 * np.sin(turn) - 1.519 * np.cos(2 * turn) - 0.053 * np.sin(2 * turn)
    ).astype(np.float64)


def autoregressive(dice: Generator, count: int, correlation: float) -> Floats:
    """A stationary AR(1): `count` values of standard deviation 1, neighbours correlated by 0 < `correlation` < 1."""
    values = dice.standard_normal(count)
    values[1:] *= math.sqrt(1 - correlation**2)
    # the recursion unrolled by doubling: after shift n every value holds its 2n latest shocks
    shift = 1
    while shift < count and correlation**shift > np.finfo(np.float64).tiny:
        values[shift:] += correlation**shift * values[:-shift]
        shift *= 2
    return values


def anomalies(seed: int, days: int, spread: float) -> Floats:
    """Deviations of `days` successive days from the climate: stationary AR(1), ρ = 0.7, standard deviation `spread`."""
    return spread * autoregressive(np.random.default_rng([seed, 54135]), days, _DAY_CORRELATION)


def daily_means_c(seed: int, first_day: int, days: int) -> Floats:
    """Daily mean temperatures from `first_day` (0 = 1 January) on, in °C, within the recorded extremes."""
    wave = climate_c(np.arange(first_day, first_day + days, dtype=np.float64)) + anomalies(seed, days, _DAY_SPREAD_K)
    return np.clip(wave, *EXTREMES_C)


class Weather:
    """The weather from `start` on. The same seed and start give the same weather; it covers three years.

    Every method takes seconds after `start`. `events` are cold waves and thaws, `offset_k` shifts the temperature of
    the whole run; with either it may leave the recorded extremes, but not −36…44 °C.
    """

    def __init__(self, seed: int, start: datetime, events: Sequence[Wave] = (), offset_k: float = 0.0) -> None:
        local = start.astimezone(LOCAL)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        self._first_s = (local - midnight).total_seconds()
        self._first_day = local.timetuple().tm_yday - 1
        # one day earlier, because the day's mean is interpolated between noons
        self._daily_c = daily_means_c(seed, self._first_day - 1, _DAYS)
        self._daily_rh = _WINTER_RH_PCT + anomalies(seed + 1, _DAYS, _RH_SPREAD_PCT)
        mean, spread, least, most = _CLEAR
        sky = autoregressive(np.random.default_rng([seed, 54136]), 24 * _DAYS, _HOUR_CORRELATION)
        self._clear = np.clip(mean + spread * sky, least, most)
        self._surplus = _surplus(seed)
        self._events = tuple(events)
        self._offset_k = offset_k

    def local_hour(self, at_s: float) -> float:
        """Hour of the local day (UTC+8), 0…24."""
        return (self._first_s + at_s) % _DAY_S / 3600

    def outdoor_c(self, at_s: float) -> float:
        """Air temperature in °C."""
        value = self._of_day(self._daily_c, at_s) + _DIURNAL_HALF_RANGE_K * self._hour_wave(at_s)
        value = min(max(value, EXTREMES_C[0]), EXTREMES_C[1])
        if not self._events and not self._offset_k:
            return value
        value += self._offset_k
        for begins_s, ends_s, peak_k in self._events:
            if begins_s < at_s < ends_s:
                value += peak_k * math.sin(math.pi * (at_s - begins_s) / (ends_s - begins_s))
        return min(max(value, PLAYED_C[0]), PLAYED_C[1])

    def humidity_pct(self, at_s: float) -> float:
        """Relative humidity outdoors in %, 15…100."""
        value = self._of_day(self._daily_rh, at_s) - _RH_SWING_PCT * self._hour_wave(at_s)
        return min(max(value, 15.0), 100.0)

    def irradiance_wm2(self, at_s: float) -> float:
        """Sun on a south-facing slope of 60° in W/m²: the clear sky's, dimmed by the clouds of the hour."""
        days = (self._first_s + at_s) / _DAY_S
        sun = clear_sky_wm2(self._first_day + int(days), self.local_hour(at_s))
        if sun == 0:
            return 0.0
        hour = int(days * 24)
        share = days * 24 - hour
        return sun * float(self._clear[hour] * (1 - share) + self._clear[hour + 1] * share)

    def curtailment(self, at_s: float) -> bool:
        """Whether the grid has more wind than it can use and offers it to heat stores; changes on the hour."""
        return bool(self._surplus[int((self._first_s + at_s) // 3600)])

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


def _surplus(seed: int) -> Bools:
    """Hours with surplus wind: windy ones, and few by day, when the load is high."""
    hour = np.arange(24 * _DAYS) % 24
    night = (hour >= _NIGHT[0]) | (hour < _NIGHT[1])
    wind = autoregressive(np.random.default_rng([seed, 54137]), 24 * _DAYS, _HOUR_CORRELATION)
    return np.asarray(wind > np.where(night, *_SURPLUS), dtype=np.bool_)
