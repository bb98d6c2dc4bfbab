"""The newest reading of each device, gathered for some seconds: writing it each time would cost as much as storing.

What is held here is in `telemetry` already; a worker that dies with it leaves `device_latest` some seconds behind, and
the next reading of the device brings it up. DESIGN §4: at most 10 s old.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from ingest.columns import Block
from ingest.judge import Judged

AT_LEAST_EVERY_S: Final = 4.0
"""How long a newest reading may wait to be written while many come (our choice, within DESIGN's 10 s)."""
FEW: Final = 256
"""So many are written at once: at a low rate everybody sees what has just come."""
MANY: Final = 400_000
"""No more are kept: it bounds our memory (some 250 bytes each)."""


@dataclass(frozen=True, slots=True)
class Held:
    """Committed readings of which the newest of each device is yet to be written."""

    blocks: tuple[Block, ...] = ()
    readings: tuple[Judged, ...] = ()

    def __len__(self) -> int:
        return sum(map(len, self.blocks)) + len(self.readings)

    def newest(self) -> tuple[list[Block], list[Judged]]:
        """The newest reading of each device: as blocks in which each device stands once, and as single readings."""
        sources: list[Block | None] = [*self.blocks, None]
        ids = [*(block.device_ids for block in self.blocks), np.array([r.device.id for r in self.readings], np.int64)]
        stamps = [*(block.ts_ms for block in self.blocks), np.array([r.ts_ms for r in self.readings], np.int64)]
        source = np.repeat(np.arange(len(sources)), [len(each) for each in ids])
        row = np.concatenate([np.arange(len(each)) for each in ids])
        device = np.concatenate(ids)
        order = np.lexsort((np.concatenate(stamps), device))
        last = order[np.append(device[order][1:] != device[order][:-1], values=True)] if len(order) else order
        blocks, single = [], []
        for number, block in enumerate(sources):
            rows = row[last[source[last] == number]]
            if block is None:
                single = [self.readings[place] for place in rows.tolist()]
            elif len(rows):
                blocks.append(block.at(rows))
        return blocks, single


class Latest:
    """Newest readings that are not written yet. `with_new` does not change it; `written` and `keep` do."""

    def __init__(self) -> None:
        self._held = Held()
        self._written_s = float("-inf")

    def __len__(self) -> int:
        return len(self._held)

    def due(self, held: Held, now_s: float) -> bool:
        """Whether these are to be written now; `now_s` by a clock that only goes on."""
        many = len(held)
        return 0 < many <= FEW or many >= MANY or (many > 0 and now_s - self._written_s >= AT_LEAST_EVERY_S)

    def with_new(self, blocks: Iterable[Block], readings: Iterable[Judged]) -> Held:
        """What is held, and these readings."""
        return Held((*self._held.blocks, *blocks), (*self._held.readings, *readings))

    def keep(self, held: Held) -> None:
        """Their readings are committed, the newest of them are not written yet."""
        self._held = held

    def written(self, now_s: float) -> None:
        """All are in the database."""
        self._held = Held()
        self._written_s = now_s
