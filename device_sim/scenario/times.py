"""Times as people write them in a scenario. They are read as text: YAML would make 605 of 10:05."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from device_sim.climate.weather import LOCAL

SPAN_FORM: Final = "hh:mm, hh:mm:ss, or numbers with their unit such as 90s, 15m, 36h, 3d, 1d12h"
MOMENT_FORM: Final = "local time as 2026-01-15 22:00"

_CLOCK: Final = re.compile(r"(?P<h>\d{1,4}):(?P<m>[0-5]\d)(:(?P<s>[0-5]\d))?")
_UNITS: Final = re.compile(r"((?P<d>\d+(\.\d+)?)d)?((?P<h>\d+(\.\d+)?)h)?((?P<m>\d+(\.\d+)?)m)?((?P<s>\d+(\.\d+)?)s)?")
_SECONDS: Final = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_MOMENTS: Final = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")


def seconds(text: str) -> float | None:
    """The span in seconds, None when it cannot be read; see SPAN_FORM."""
    found = _CLOCK.fullmatch(text) or (_UNITS.fullmatch(text) if text else None)
    if found is None:
        return None
    return sum(float(value) * _SECONDS[unit] for unit, value in found.groupdict().items() if value is not None)


def moment(text: str) -> datetime | None:
    """The local time (UTC+8), None when it cannot be read; see MOMENT_FORM."""
    for form in _MOMENTS:
        try:
            return datetime.strptime(text.replace("T", " "), form).replace(tzinfo=LOCAL)
        except ValueError:
            continue
    return None


def written(span_s: float) -> str:
    """A span as `seconds` reads it: 00:16, 00:00:55."""
    minutes, rest_s = divmod(round(span_s), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}" + (f":{rest_s:02d}" if rest_s else "")
