"""Flow control in rolling windows, as Aliyun words it, and Tencent's of one number."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from carriers.phones import CHINA
from carriers.settings import Limits, TencentLimits
from foundation.clock import Clock

Key = tuple[str, ...]
"""What is counted by: number, signature and template code of an SMS; the callee of a call."""

_DAY = timedelta(days=1)
_SWEEP_ABOVE = 20_000
_SAME_TEXT = timedelta(seconds=30)


class Quota:
    """Counts what was accepted; a refused message costs nothing."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._windows = (
            ("分钟级", timedelta(minutes=1), limits.per_minute),
            ("小时级", timedelta(hours=1), limits.per_hour),
            ("天级", _DAY, limits.per_day),
        )
        self._taken = _Taken(clock)

    def exceeded(self, key: Key) -> str:
        """Aliyun's message for the window that is full, or an empty text."""
        ages = self._taken.ages(key)
        for name, window, permits in self._windows:
            if permits is not None and sum(1 for age in ages if age < window) >= permits:
                return f"触发{name}流控Permits:{permits}"
        return ""

    def within(self, key: Key, span: timedelta) -> bool:
        """Whether anything was accepted so short a time ago."""
        return any(age < span for age in self._taken.ages(key))

    def take(self, key: Key) -> None:
        """Count one accepted message."""
        self._taken.add(key)


class TencentQuota:
    """Counts what was accepted, by number and by number and text."""

    def __init__(self, limits: TencentLimits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._taken = _Taken(clock)

    def exceeded(self, phone: str, text: str) -> str:
        """Tencent's code for the limit that is reached, or an empty text."""
        most_same, most_a_day = self._limits.same_text_in_30_s, self._limits.per_china_day
        same = [age for age in self._taken.ages((phone, text)) if age < _SAME_TEXT]
        if most_same is not None and len(same) >= most_same:
            return "LimitExceeded.PhoneNumberThirtySecondLimit"
        now = self._clock().astimezone(CHINA)
        today = now - now.replace(hour=0, minute=0, second=0, microsecond=0)
        if most_a_day is not None and sum(1 for age in self._taken.ages((phone,)) if age <= today) >= most_a_day:
            return "LimitExceeded.PhoneNumberDailyLimit"
        return ""

    def take(self, phone: str, text: str) -> None:
        """Count one accepted message."""
        self._taken.add((phone,))
        self._taken.add((phone, text))


class _Taken:
    """When things were accepted, of the last 24 hours."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at: dict[Key, deque[datetime]] = {}

    def add(self, key: Key) -> None:
        """Count one now."""
        if len(self._at) > _SWEEP_ABOVE:
            self._sweep()
        self._at.setdefault(key, deque()).append(self._clock())

    def ages(self, key: Key) -> list[timedelta]:
        """How long ago each was, the oldest first."""
        now = self._clock()
        return [now - at for at in self._recent(key, now)]

    def _recent(self, key: Key, now: datetime) -> deque[datetime]:
        at = self._at.get(key, deque())
        while at and now - at[0] >= _DAY:
            at.popleft()
        return at

    def _sweep(self) -> None:
        now = self._clock()
        self._at = {key: at for key, at in self._at.items() if self._recent(key, now)}
