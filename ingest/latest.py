"""The newest reading of each device, gathered for some seconds: writing it each time would cost as much as storing.

The devices are dealt out to stripes that are written one after the other: all of a city's at once would hold up the
commits behind them for half a second (measured: 20 000 devices), and an alarm with them.

What is held here is in `telemetry` already; a worker that dies with it leaves `device_latest` some seconds behind, and
the next reading of the device brings it up. DESIGN §4: at most 10 s old.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from ingest.columns import Block
from ingest.judge import Judged

AT_LEAST_EVERY_S: Final = 4.0
"""How long a newest reading may wait to be written while many come (our choice, within DESIGN's 10 s)."""
STRIPES: Final = 8
"""One of them each half second."""
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

    def __add__(self, other: Held) -> Held:
        return Held(self.blocks + other.blocks, self.readings + other.readings)

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


Stripes = tuple[Held, ...]
NOTHING: Final[Stripes] = (Held(),) * STRIPES


class Latest:
    """Newest readings that are not written yet. `with_new` and `due` change nothing; `committed` does."""

    def __init__(self) -> None:
        self._held = NOTHING
        self._turns = [-1] * STRIPES

    def __len__(self) -> int:
        return sum(map(len, self._held))

    def with_new(self, blocks: Iterable[Block] = (), readings: Iterable[Judged] = ()) -> Stripes:
        """What is held, and these readings."""
        held = [(list(stripe.blocks), list(stripe.readings)) for stripe in self._held]
        for block in blocks:
            for number, part in _dealt(block):
                held[number][0].append(part)
        for reading in readings:
            held[reading.device.id % STRIPES][1].append(reading)
        return tuple(Held(tuple(blocks), tuple(readings)) for blocks, readings in held)

    def due(self, held: Stripes, now_s: float) -> list[int]:
        """The stripes that are to be written now; `now_s` by a clock that only goes on."""
        many = sum(map(len, held))
        at_once = many <= FEW or many >= MANY
        return [
            number
            for number, stripe in enumerate(held)
            if len(stripe) and (at_once or _turn(number, now_s) > self._turns[number])
        ]

    def committed(self, held: Stripes, written: Sequence[int], now_s: float) -> None:
        """All these are committed, and the newest of the stripes `written` have been brought to `device_latest`."""
        kept = list(held)
        for number in written:
            kept[number] = Held()
            self._turns[number] = _turn(number, now_s)
        self._held = tuple(kept)


def _turn(stripe: int, now_s: float) -> int:
    """Which round it is for a stripe: they begin one after the other."""
    return int(now_s / AT_LEAST_EVERY_S - stripe / STRIPES)


def _dealt(block: Block) -> Iterator[tuple[int, Block]]:
    stripe_of = block.device_ids % STRIPES
    in_order = block.at(np.argsort(stripe_of, kind="stable"))
    ends = np.cumsum(np.bincount(stripe_of, minlength=STRIPES)).tolist()
    for number, (start, end) in enumerate(pairwise([0, *ends])):
        if start < end:
            yield number, in_order.part(start, end)
