"""The numbers that the processes of a phase share: a small file that each of them maps."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np


class Number(IntEnum):
    """Who writes what: STOP and PROGRESS the bench, SENT, ACKED the publisher; READY whoever is waited for.

    PROGRESS is how many of the phase's messages are done with; the throw-away subscriber writes it itself.
    """

    STOP = 0
    PROGRESS = 1
    SENT = 2
    ACKED = 3
    READY = 4


class Board:
    """Whole numbers by name; one writer each, so that none is ever lost."""

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        self.path = path
        if fresh:
            path.write_bytes(bytes(8 * len(Number)))
        self._numbers = np.memmap(path, dtype=np.int64, mode="r+", shape=(len(Number),))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The file may go."""
        self.path.unlink(missing_ok=True)

    def __getitem__(self, number: Number) -> int:
        return int(self._numbers[number])

    def __setitem__(self, number: Number, value: int) -> None:
        self._numbers[number] = value
