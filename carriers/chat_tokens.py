"""Access tokens of two hours, and windows in which so many messages fit, as WeCom and WeChat count them."""

from __future__ import annotations

import secrets
from collections import deque
from datetime import datetime, timedelta
from typing import Literal

from foundation.clock import Clock

LIVES = timedelta(seconds=7200)
OVERLAP = timedelta(minutes=5)
"""For so long an older token lives on beside a new one."""


class Tokens:
    """The tokens of one account."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, datetime] = {}
        self._newest = ""

    def same(self) -> tuple[str, int]:
        """The token that is valid, or a new one; and for how many seconds it is good."""
        left = self._until.get(self._newest, self._clock()) - self._clock()
        if left <= timedelta(0):
            return self.new()
        return self._newest, int(left.total_seconds())

    def new(self) -> tuple[str, int]:
        """A new token; the older ones end soon."""
        now = self._clock()
        self._until = {token: min(until, now + OVERLAP) for token, until in self._until.items()}
        self._newest = secrets.token_urlsafe(32)
        self._until[self._newest] = now + LIVES
        return self._newest, int(LIVES.total_seconds())

    def expire(self) -> None:
        """All end now."""
        self._until = dict.fromkeys(self._until, self._clock())

    def state(self, token: str) -> Literal["good", "expired", "unknown"]:
        """Of a token that came with a request."""
        until = self._until.get(token)
        if until is None:
            return "unknown"
        return "good" if self._clock() < until else "expired"


class Window:
    """Counts by name in rolling windows; `(length, most)` each."""

    def __init__(self, clock: Clock, *limits: tuple[timedelta, int]) -> None:
        self._clock = clock
        self._limits = limits
        self._longest = max(length for length, _ in limits)
        self._taken: dict[str, deque[datetime]] = {}

    def take(self, name: str) -> bool:
        """Whether there is room, which is taken."""
        now, taken = self._clock(), self._taken.setdefault(name, deque())
        while taken and now - taken[0] >= self._longest:
            taken.popleft()
        if any(sum(1 for at in taken if now - at < length) >= most for length, most in self._limits):
            return False
        taken.append(now)
        return True
