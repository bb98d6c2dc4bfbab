"""What a worker remembers of its devices' clocks. None of it needs to survive a restart."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_GAP_S = 3600
"""Two readings further apart than this say nothing about the clock between them."""
TOLERANCE_S = 5.0
"""How much the delay of a message may wander beside half an interval (our choice)."""


@dataclass(frozen=True, slots=True)
class _Old:
    ts_ms: int
    received_ms: int
    slow: bool


class DeviceClocks:
    """Places readings whose time is not believed, and tells a slow clock from late data.

    Worker `index` of `workers` places on every `workers`-th millisecond only: two of them never take the same one for
    one device.
    """

    def __init__(self, index: int = 0, workers: int = 1) -> None:
        self._index = index
        self._workers = workers
        self._last: dict[int, int] = {}
        self._old: dict[int, _Old] = {}

    def copy(self) -> DeviceClocks:
        """As they are now: who asks the copy changes nothing here."""
        copy = DeviceClocks(self._index, self._workers)
        copy._last, copy._old = self._last.copy(), self._old.copy()
        return copy

    def place(self, device_id: int, received_ms: int) -> int:
        """The first free millisecond of ours at or after `received_ms` in the device's line of time.

        A backlog without believable times arrives within one millisecond; under one time all but one would be lost.
        """
        place = max(received_ms, self._last.get(device_id, 0) + 1)
        place += (self._index - place) % self._workers
        self._last[device_id] = place
        return place

    def is_slow(self, device_id: int, interval_s: float, ts_ms: int, received_ms: int) -> bool:
        """Whether this old reading is as old as the one before it, which came about one interval earlier.

        A backlog arrives faster than it was measured, so its delay shrinks from reading to reading; a slow clock
        keeps its delay, at the device's own pace. Without this a detector whose clock is ten minutes slow would
        never raise a live alarm.
        """
        before = self._old.get(device_id)
        if before is not None and (before.ts_ms, before.received_ms) == (ts_ms, received_ms):
            return before.slow  # the same reading once more: its batch is tried again
        slow = before is not None and self._keeps_pace(before, interval_s, ts_ms, received_ms)
        self._old[device_id] = _Old(ts_ms, received_ms, slow)
        return slow

    @staticmethod
    def _keeps_pace(before: _Old, interval_s: float, ts_ms: int, received_ms: int) -> bool:
        gap_s = (received_ms - before.received_ms) / 1000
        drift_s = abs((received_ms - ts_ms) - (before.received_ms - before.ts_ms)) / 1000
        return interval_s / 2 <= gap_s <= LONGEST_GAP_S and drift_s <= interval_s / 2 + TOLERANCE_S
