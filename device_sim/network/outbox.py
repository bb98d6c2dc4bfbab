"""What a client keeps until the broker has acknowledged it: one lane of items, sent in order, none lost or skipped."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from catalogue.wire import MAX_PAYLOAD_BYTES, MAX_READINGS, Channel

MOST_KEPT: Final = 20_000
"""Items that a device can store while it is cut off: over two days at 10 s (A). Beyond it the oldest go."""
MOST_KEPT_GATEWAY: Final = 200_000
"""The same for a gateway: 14 hours of 240 devices at 60 s (A)."""
MOST_KEPT_TOGETHER: Final = 2_000_000
"""What all clients of this process may keep: some 800 MB of ours, not of theirs."""


@dataclass(slots=True)
class Item:
    """A reading or an event of a device (a row of the fleet) as bytes.

    `twice`: the broker is to get it two times. `history`: it goes on `backfill`. `proof` is called when the broker has
    it, for what somebody watches.
    """

    payload: bytes
    device: int = -1
    twice: bool = False
    history: bool = False
    proof: Callable[[], None] | None = None


class Memory:
    """How many items all lanes of a process hold together."""

    def __init__(self, most: int = MOST_KEPT_TOGETHER) -> None:
        self.most = most
        self.kept = 0


class Lane:
    """Items of one channel. `load` gives the next payload, the same one again until `done` says it is acknowledged."""

    __slots__ = ("_flying", "_memory", "_most_kept", "_most_sent", "_repeat", "_waiting", "channel")

    def __init__(self, channel: Channel, memory: Memory, *, together: bool, most: int = MOST_KEPT) -> None:
        self.channel: Channel = channel
        self._memory = memory
        self._most_kept = most
        self._most_sent = MAX_READINGS if together else 1
        self._waiting: deque[Item] = deque()
        self._flying: list[Item] = []
        self._repeat = False

    def __len__(self) -> int:
        """Items without an acknowledgement."""
        return len(self._waiting) + len(self._flying)

    @property
    def full_load(self) -> bool:
        """Whether a payload could not hold more than what waits."""
        return len(self._waiting) >= self._most_sent

    def offer(self, item: Item) -> int:
        """Keep `item`; returns how many old ones had to go for it."""
        self._waiting.append(item)
        self._memory.kept += 1
        if len(self._waiting) <= self._most_kept and self._memory.kept <= self._memory.most:
            return 0
        self._waiting.popleft()
        self._memory.kept -= 1
        return 1

    @property
    def under_way(self) -> bool:
        """Whether what `load` gives has been given before and is not acknowledged."""
        return bool(self._flying)

    def load(self) -> bytes | None:
        """The next payload: a single item as it is, a backlog as an array; None when there is nothing."""
        if not self._flying:
            self._fill()
        if not self._flying:
            return None
        if len(self._flying) == 1:
            return self._flying[0].payload
        return b"[" + b",".join([item.payload for item in self._flying]) + b"]"

    def repeat(self) -> bool:
        """Whether what `load` gave is to be sent once more before it is done; true once."""
        repeat, self._repeat = self._repeat, False
        return repeat

    def done(self) -> list[Item]:
        """The broker has acknowledged what `load` gave: these items are through."""
        through, self._flying = self._flying, []
        self._memory.kept -= len(through)
        return through

    def _fill(self) -> None:
        size = 2
        while self._waiting and len(self._flying) < self._most_sent:
            size += len(self._waiting[0].payload) + 1
            if self._flying and size > MAX_PAYLOAD_BYTES:
                break
            item = self._waiting.popleft()
            self._flying.append(item)
            self._repeat |= item.twice
