"""How often something may be asked for: bounded by key and in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass
class Allowance:
    """At most `most` times in `within_s` for each key; of at most `keys` keys, the oldest forgotten first."""

    most: int
    within_s: float
    keys: int = 10_000
    _seen: OrderedDict[Hashable, tuple[float, int]] = field(default_factory=OrderedDict)

    def take(self, key: Hashable, now_s: float) -> bool:
        """Whether once more is allowed; counts it."""
        since, times = self._seen.pop(key, (now_s, 0))
        if now_s - since >= self.within_s:
            since, times = now_s, 0
        self._seen[key] = since, times + 1
        if len(self._seen) > self.keys:
            self._seen.popitem(last=False)
        return times < self.most
