"""Arithmetic of the figures. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that `share` (0…1) of the values do not exceed; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True)
class Pair:
    """Measured one after the other, so that a noisy machine is as noisy for each. Messages or rows a second."""

    throwaway_per_s: float
    copy_per_s: float
    durable_per_s: float

    @property
    def ratio(self) -> float:
        """What is left of the throw-away rate when everything is kept and judged."""
        return self.durable_per_s / self.throwaway_per_s if self.throwaway_per_s else 0.0

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {name: round(value) for name, value in asdict(self).items()} | {"ratio": round(self.ratio, 3)}


def middle(pairs: Sequence[Pair]) -> dict[str, Any]:
    """The medians of the pairs; the ratio's is that of the ratios, not one of two medians."""
    return {
        "throwaway_per_s": round(median(pair.throwaway_per_s for pair in pairs)),
        "durable_per_s": round(median(pair.durable_per_s for pair in pairs)),
        "ratio": round(median(pair.ratio for pair in pairs), 3),
        "copy_per_s": round(median(pair.copy_per_s for pair in pairs)),
    }


def each_message(cpu_s: Mapping[str, float], messages: int) -> dict[str, float]:
    """CPU microseconds a message, by process."""
    return {name: round(seconds / max(messages, 1) * 1e6, 2) for name, seconds in cpu_s.items()}
