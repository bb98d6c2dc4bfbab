"""What a device keeps until the broker has acknowledged it: one lane of items, sent in order, none lost or skipped."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final

from catalogue.wire import MAX_PAYLOAD_BYTES, MAX_READINGS, Channel

MOST_KEPT: Final = 20_000
"""Items that a device can store while it is cut off: over two days at 10 s (A). Beyond it the oldest go."""


@dataclass(frozen=True, slots=True)
class Item:
    """A reading or an event as bytes; `mark` is the place of the injected event that it shows, if it shows one."""

    payload: bytes
    ts_ms: int
    mark: int | None = None


class Lane:
    """Items of one channel. `take` gives the next payload; the same one again until `done` says it is acknowledged."""

    def __init__(self, channel: Channel, *, together: bool) -> None:
        self.channel = channel
        self._most = MAX_READINGS if together else 1
        self._waiting: deque[Item] = deque()
        self._flying: list[Item] = []
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        """Items without an acknowledgement."""
        return len(self._waiting) + len(self._flying)

    def offer(self, item: Item) -> int:
        """Keep `item`; returns how many old ones had to go for it."""
        self._waiting.append(item)
        self._filled.set()
        if len(self._waiting) <= MOST_KEPT:
            return 0
        self._waiting.popleft()
        return 1

    async def take(self) -> bytes:
        """The next payload, as soon as there is one: a single item as it is, a backlog as an array."""
        while not self._flying:
            while not self._waiting:
                self._filled.clear()
                await self._filled.wait()
            self._load()
        if len(self._flying) == 1:
            return self._flying[0].payload
        return b"[" + b",".join(item.payload for item in self._flying) + b"]"

    def done(self) -> list[Item]:
        """The broker has acknowledged what `take` gave: these items are through."""
        through, self._flying = self._flying, []
        return through

    def _load(self) -> None:
        size = 2
        while self._waiting and len(self._flying) < self._most:
            size += len(self._waiting[0].payload) + 1
            if self._flying and size > MAX_PAYLOAD_BYTES:
                return
            self._flying.append(self._waiting.popleft())
