"""Which devices' time has run out since the last look. Holds what every device was last heard; asks for few of them.

To read a city's 150 000 devices takes the database half a second; who was heard 5 s ago need not be asked for.
What is held here a restart reads anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from alerts.blackout import MISSED_READINGS, SILENT_AT_LEAST

SWEEP_EVERY = timedelta(minutes=5)
"""How often all devices are read though none was heard for the first time: for those that have come into service or
have another interval (our choice; within the 10 minutes after which a silent device is offline)."""
KNOWN_AGAIN_AFTER = timedelta(seconds=30)
"""A silence that an alarm or an incident has recorded is looked at no more often (our choice)."""

Floats = npt.NDArray[np.float64]


class Overdue:
    """Devices by place: their ids, when each may be called silent, when it need not be asked for before."""

    def __init__(self) -> None:
        self._ids: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._heard: Floats = np.empty(0)
        self._allowed: Floats = np.empty(0)
        self._not_before: Floats = np.empty(0)
        self._swept_at: datetime | None = None
        self._ever_heard = 0

    def sweep_is_due(self, ever_heard: int, now: datetime) -> bool:
        """Whether all devices must be read: others were heard since, it was long ago, or the clock was set back."""
        if self._swept_at is None or ever_heard != self._ever_heard:
            return True
        return not timedelta() <= now - self._swept_at < SWEEP_EVERY

    def sweep(self, rows: Sequence[tuple[int, int, float]], ever_heard: int, now: datetime) -> None:
        """All devices in service that were ever heard: id, interval, and when, in seconds since 1970.

        `ever_heard`: how many devices were ever heard, in service or not.
        """
        self._ever_heard = ever_heard
        table = np.array(rows, dtype=np.float64).reshape(len(rows), 3)
        order = np.argsort(table[:, 0], kind="stable")
        self._ids = table[order, 0].astype(np.int64)
        self._allowed = np.maximum(table[order, 1] * MISSED_READINGS, SILENT_AT_LEAST.total_seconds())
        self._heard = table[order, 2]
        self._not_before = np.zeros(len(rows))
        self._swept_at = now

    def due(self, hearing_since: datetime, now: datetime) -> list[int]:
        """The ids of devices that, as far as we know, have been silent for too long."""
        return [int(one) for one in self._ids[self._is_due(hearing_since, now)]]

    def heard(
        self, rows: Sequence[tuple[int, float, bool, bool]], hearing_since: datetime, now: datetime
    ) -> tuple[list[int], list[int]]:
        """When some were really heard: id, seconds since 1970, whether the silence is recorded, whether unexplained.

        Returns those that are silent still, and of them the unexplained ones.
        """
        if not rows:
            return [], []
        table = np.array(rows, dtype=np.float64)
        places = np.searchsorted(self._ids, table[:, 0].astype(np.int64))
        self._heard[places] = table[:, 1]
        silent = self._is_due(hearing_since, now)
        marked = np.zeros((len(self._ids), 2), dtype=bool)
        marked[places] = table[:, 2:] > 0
        recorded, unexplained = marked.T
        self._not_before[silent & recorded] = (now + KNOWN_AGAIN_AFTER).timestamp()
        return [int(one) for one in self._ids[silent]], [int(one) for one in self._ids[silent & unexplained]]

    def _is_due(self, hearing_since: datetime, now: datetime) -> npt.NDArray[np.bool_]:
        # nobody counts as silent for the time in which nobody listened
        since = np.maximum(self._heard, hearing_since.timestamp())
        return (now.timestamp() - since > self._allowed) & (self._not_before <= now.timestamp())
