"""What was recorded of one device before, for rules that look back, in memory. Pure."""

from __future__ import annotations

from bisect import bisect_right

from alerts.recording import RecordedBit, RecordedReading
from catalogue.metrics import METRICS


class RecordedPast:
    """Each metric and alarm bit, remembered in order of time."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[list[int], list[float]]] = {}
        self._bits: dict[str, list[int]] = {}

    def remember(self, reading: RecordedReading) -> None:
        """A reading, no older than the last one."""
        for metric, value in zip(METRICS, reading.values, strict=True):
            if value is not None:
                times, values = self._values.setdefault(metric.name, ([], []))
                times.append(reading.judged_ms)
                values.append(value)

    def remember_bit(self, bit: RecordedBit) -> None:
        """An alarm bit, no older than the last one."""
        if bit.on:
            self._bits.setdefault(bit.type, []).append(bit.judged_ms)

    def extremes(self, _device_id: int, metric: str, after_ms: int, until_ms: int) -> tuple[float, float] | None:
        """The lowest and the highest value."""
        times, values = self._values.get(metric, ([], []))
        among = values[bisect_right(times, after_ms) : bisect_right(times, until_ms)]
        return (min(among), max(among)) if among else None

    def times_on(self, _device_id: int, event: str, after_ms: int, until_ms: int) -> int:
        """How often the bit came on."""
        times = self._bits.get(event, [])
        return bisect_right(times, until_ms) - bisect_right(times, after_ms)
