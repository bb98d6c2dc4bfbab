"""Readings as columns: what many devices of one type measured at one step, before it becomes bytes or rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from device_sim.arrays import Floats32, Ints

BROKEN: Final = np.float32(np.inf)
"""In a column: the device sent something that is no number. NaN: it sent nothing."""


@dataclass(slots=True)
class Batch:
    """Readings of `len(device)` devices of one type, distinct rows of the fleet.

    `ts_ms`: what the device's clock says, UTC milliseconds. `true_ms`: when it really was. `fault`: what the controller
    shows, as the vendor writes it, "" for nothing. `columns`: shown values by metric (float32, already noisy, clipped
    and rounded), in the catalogue's order.
    """

    type: str
    device: Ints
    ts_ms: Ints
    true_ms: Ints
    seq: Ints
    boot: Ints
    fault: list[str]
    columns: dict[str, Floats32]

    def __len__(self) -> int:
        return len(self.device)


def joined(batches: Sequence[Batch]) -> Batch:
    """One after the other; all of one type. Devices may then stand in it more than once."""
    first = batches[0]
    return Batch(
        first.type,
        np.concatenate([batch.device for batch in batches]),
        np.concatenate([batch.ts_ms for batch in batches]),
        np.concatenate([batch.true_ms for batch in batches]),
        np.concatenate([batch.seq for batch in batches]),
        np.concatenate([batch.boot for batch in batches]),
        [fault for batch in batches for fault in batch.fault],
        {name: np.concatenate([batch.columns[name] for batch in batches]) for name in first.columns},
    )
