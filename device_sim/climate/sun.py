"""Where the sun stands over Tongliao and what a clear sky sends onto a collector. Scalars: once a step is enough."""

from __future__ import annotations

import math
from typing import Final

LATITUDE_DEG: Final = 43.6
"""Tongliao (V)."""
SLOPE_DEG: Final = 60.0
"""Collectors face south, steep for the winter's sun (A)."""
_NOON: Final = 11.85
"""Solar noon on the clock (C): 122.3° E is nine minutes ahead of UTC+8; the equation of time is left out."""
_TILT_DEG: Final = 23.45
_SOLAR_WM2: Final = 1353.0
_CLEARNESS, _AIR_MASS_POWER = 0.7, 0.678
"""Beam behind air mass m: 1353·0.7^(m^0.678) W/m² (M: Meinel)."""
_DIFFUSE: Final = 0.10
"""Diffuse light of a clear sky over its beam (M)."""
_SNOW: Final = 0.4
"""Reflected by the ground (A): fields partly under snow."""


def clear_sky_wm2(day_of_year: int, hour: float) -> float:
    """Sun on the slope in W/m² on day 0…365 of the year at local `hour` (UTC+8); 0 while the sun is down."""
    latitude, slope = math.radians(LATITUDE_DEG), math.radians(SLOPE_DEG)
    declination = math.radians(_TILT_DEG) * math.sin(2 * math.pi * (day_of_year - 80) / 365)
    turned = math.radians(15.0 * (hour - _NOON))
    height = _height(declination, latitude, turned)
    if height <= 0:
        return 0.0
    # Kasten's form in its simplest shape: finite at the horizon
    air_mass = 1 / (height + 0.025)
    beam = _SOLAR_WM2 * math.pow(_CLEARNESS, math.pow(air_mass, _AIR_MASS_POWER))
    # a slope towards the south sees the sun as flat ground does that much nearer to the equator
    onto = max(_height(declination, latitude - slope, turned), 0.0)
    sky = (1 + math.cos(slope)) / 2
    return beam * (onto + _DIFFUSE * sky + _SNOW * (height + _DIFFUSE) * (1 - sky))


def _height(declination: float, latitude: float, turned: float) -> float:
    """Sine of the sun's height above flat ground at this latitude."""
    return math.sin(declination) * math.sin(latitude) + math.cos(declination) * math.cos(latitude) * math.cos(turned)
