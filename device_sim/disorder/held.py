"""What devices keep to themselves for a while, in a live run: items in the order in which they leave."""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

T = TypeVar("T")


class Held(Generic[T]):
    """Items by the moment at which they leave; those of one moment in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, T]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def keep(self, leaves_ms: int, item: T) -> None:
        """Hold `item` until `leaves_ms`."""
        heapq.heappush(self._waiting, (leaves_ms, self._count, item))
        self._count += 1

    def due(self, now_ms: int) -> list[T]:
        """Take out what leaves by `now_ms`."""
        out = []
        while self._waiting and self._waiting[0][0] <= now_ms:
            out.append(heapq.heappop(self._waiting)[2])
        return out

    def rest(self) -> list[T]:
        """Take out everything: the run is over."""
        out = [item for _, _, item in sorted(self._waiting, key=lambda entry: entry[:2])]
        self._waiting.clear()
        return out
