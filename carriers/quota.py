"""Flow control per number + signature + template, in rolling windows, as Aliyun words it."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from carriers.settings import Limits
from foundation.clock import Clock

Key = tuple[str, str, str]
"""number, signature, template code."""

_DAY = timedelta(days=1)
_SWEEP_ABOVE = 20_000


class Quota:
    """Counts what was accepted; a refused message costs nothing."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._clock = clock
        self._windows = (
            ("分钟级", timedelta(minutes=1), limits.per_minute),
            ("小时级", timedelta(hours=1), limits.per_hour),
            ("天级", _DAY, limits.per_day),
        )
        self._taken: dict[Key, deque[datetime]] = {}

    def exceeded(self, key: Key) -> str:
        """Aliyun's message for the window that is full, or an empty text."""
        now = self._clock()
        taken = self._recent(key, now)
        for name, window, permits in self._windows:
            if permits is not None and sum(1 for at in taken if now - at < window) >= permits:
                return f"触发{name}流控Permits:{permits}"
        return ""

    def take(self, key: Key) -> None:
        """Count one accepted message."""
        if len(self._taken) > _SWEEP_ABOVE:
            self._sweep()
        self._taken.setdefault(key, deque()).append(self._clock())

    def _recent(self, key: Key, now: datetime) -> deque[datetime]:
        taken = self._taken.get(key, deque())
        while taken and now - taken[0] >= _DAY:
            taken.popleft()
        return taken

    def _sweep(self) -> None:
        now = self._clock()
        self._taken = {key: taken for key in self._taken if (taken := self._recent(key, now))}
