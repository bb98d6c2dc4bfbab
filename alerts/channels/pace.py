"""So many messages a minute and not more: what a carrier would refuse is not even sent. Pure but for its memory."""

from __future__ import annotations

from collections import deque
from datetime import timedelta

from foundation.clock import Clock

WINDOW = timedelta(minutes=1)


class Pace:
    """A rolling minute with room for `most`; the last `reserve` places are for critical messages alone.

    Of this process only: where several send, the carrier has the last word.
    """

    def __init__(self, most: int, *, reserve: int, clock: Clock) -> None:
        self._most = most
        self._reserve = reserve
        self._clock = clock
        self._sent: deque[float] = deque()

    def wait_s(self, *, critical: bool) -> float:
        """Takes a place and returns 0, or returns in how many seconds one is free."""
        now = self._clock().timestamp()
        window = WINDOW.total_seconds()
        # a clock that was set back must not hold messages for longer than the window
        while self._sent and not now - window < self._sent[0] <= now:
            self._sent.popleft()
        room = self._most if critical else self._most - self._reserve
        if len(self._sent) < room:
            self._sent.append(now)
            return 0.0
        return max(self._sent[len(self._sent) - room] + window - now, 1.0)
