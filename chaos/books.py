"""The books: what was sent against what is in the tables, item by item. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from chaos.sent import Keys, time_ms

Bools = np.ndarray[Any, np.dtype[np.bool_]]

BROKER_KEEPS_MS: Final = 90_000
"""A killed broker loses what came since its last save, at most 60 s (mosquitto.conf); measured a little earlier."""

BROKER_FORGETS_MS: Final = 10_000
"""And where it has forgotten our session too, what it takes until ingest has subscribed again."""


@dataclass(frozen=True)
class Tables:
    """What the database holds: keys of everything stored, one for each row, and of everything rejected."""

    stored: Keys
    received_ms: Keys
    rejected: Keys


@dataclass(frozen=True)
class Books:
    """What became of everything that was sent. `stored` and `rejected` count items, however many rows they have."""

    stored: int
    rejected: int
    lost: int
    lost_with_the_broker: int
    lost_back_s: float
    """How long before its death the oldest of these had been measured."""
    duplicated: int
    """Rows beyond the first of their item."""
    never_sent: int
    """Rows that nobody sent."""
    wrongly_rejected: int
    stored_rows: int
    rejected_rows: int
    longest_gap_s: float
    """The longest time in which ingest received nothing that it stored."""


def balance(to_store: Keys, to_reject: Keys, tables: Tables, broker_kills_ms: list[int]) -> Books:
    """Compares both sides. `broker_kills_ms`: when the broker was killed outright."""
    stored, rejected = np.unique(tables.stored), np.unique(tables.rejected)
    wanted = np.union1d(to_store, to_reject)
    found = np.union1d(stored, rejected)
    lost_ms = time_ms(np.setdiff1d(wanted, found))
    with_the_broker, back_ms = np.zeros(len(lost_ms), dtype=np.bool_), 0
    for killed_ms in broker_kills_ms:
        its = broker_explains(lost_ms, killed_ms) & ~with_the_broker
        back_ms = max(back_ms, int((killed_ms - lost_ms[its]).max(initial=0)))
        with_the_broker |= its
    return Books(
        stored=len(np.intersect1d(stored, wanted)),
        rejected=len(np.setdiff1d(np.intersect1d(rejected, wanted), stored)),
        lost=int((~with_the_broker).sum()),
        lost_with_the_broker=int(with_the_broker.sum()),
        lost_back_s=round(back_ms / 1000, 1),
        duplicated=len(tables.stored) - len(stored),
        never_sent=len(np.setdiff1d(found, wanted)),
        wrongly_rejected=len(np.intersect1d(rejected, to_store)),
        stored_rows=len(tables.stored),
        rejected_rows=len(tables.rejected),
        longest_gap_s=_longest_gap_s(tables.received_ms),
    )


def broker_explains(lost_ms: Keys, killed_ms: int) -> Bools:
    """Which of these may have been lost because the broker was killed at that moment."""
    found: Bools = (lost_ms > killed_ms - BROKER_KEEPS_MS) & (lost_ms <= killed_ms + BROKER_FORGETS_MS)
    return found


def _longest_gap_s(received_ms: Keys) -> float:
    gaps = np.diff(np.sort(received_ms))
    return round(float(gaps.max()) / 1000, 1) if len(gaps) else 0.0
