"""The newest reading of each device, gathered for some seconds: writing it each time would cost as much as storing.

What is held here is in `telemetry` already; a worker that dies with it leaves `device_latest` some seconds behind, and
the next reading of the device brings it up. DESIGN §4: at most 10 s old.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from ingest.columns import Block
from ingest.judge import Judged

AT_LEAST_EVERY_S: Final = 4.0
"""How long a newest reading may wait to be written while many come (our choice, within DESIGN's 10 s)."""
FEW: Final = 256
"""So many are written at once: at a low rate everybody sees what has just come."""

Place = tuple[int, Block | Judged, int]
"""Measured time, what it stands in, at which row."""


class Latest:
    """Newest readings that are not written yet. `with_new` does not change it; `written` and `keep` do."""

    def __init__(self) -> None:
        self._held: dict[int, Place] = {}
        self._written_s = float("-inf")

    def __len__(self) -> int:
        return len(self._held)

    def due(self, newest: dict[int, Place], now_s: float) -> bool:
        """Whether these are to be written now; `now_s` by a clock that only goes on."""
        return 0 < len(newest) <= FEW or (bool(newest) and now_s - self._written_s >= AT_LEAST_EVERY_S)

    def with_new(self, blocks: Iterable[Block], readings: Iterable[Judged]) -> dict[int, Place]:
        """What is held, brought up to these readings."""
        newest = dict(self._held)
        for block in blocks:
            order = np.lexsort((block.ts_ms, block.device_ids))
            ids = block.device_ids[order]
            last = np.append(ids[1:] != ids[:-1], values=True)
            rows = order[last]
            for device_id, ts_ms, row in zip(
                ids[last].tolist(), block.ts_ms[rows].tolist(), rows.tolist(), strict=True
            ):
                held = newest.get(device_id)
                if held is None or ts_ms > held[0]:
                    newest[device_id] = (ts_ms, block, row)
        for reading in readings:
            held = newest.get(reading.device.id)
            if held is None or reading.ts_ms > held[0]:
                newest[reading.device.id] = (reading.ts_ms, reading, 0)
        return newest

    def keep(self, newest: dict[int, Place]) -> None:
        """Their readings are committed, they themselves are not written yet."""
        self._held = newest

    def written(self, now_s: float) -> None:
        """All are in the database."""
        self._held = {}
        self._written_s = now_s


def sorted_out(newest: dict[int, Place]) -> tuple[list[Block], list[Judged]]:
    """The newest readings as blocks in which each device stands once, and as single readings."""
    rows: dict[int, tuple[Block, list[int]]] = {}
    single = []
    for _, source, row in newest.values():
        if isinstance(source, Judged):
            single.append(source)
        else:
            rows.setdefault(id(source), (source, []))[1].append(row)
    return [block.at(np.array(places)) for block, places in rows.values()], single
