"""What a run must have shown: every reading accounted for, every injected event told. Read from the database."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg

from device_sim.score.kinds import KIND
from device_sim.score.truth import TruthEvent
from store.health import LedgerCounts
from store.named_sql import sql


@dataclass(frozen=True)
class Told:
    """An injected event and what became of it. None: not (yet). `kind` is the fault's name."""

    kind: str
    home: str | None
    village: str
    device: str | None
    injected_at: datetime
    first_over_at: datetime | None
    alarm_at: datetime | None
    told_at: datetime | None
    channel: str | None
    text: str | None

    @property
    def seconds(self) -> float | None:
        """From when it was dangerous (or the event itself) to the carrier's "accepted"; 0 where that came first."""
        if self.told_at is None:
            return None
        return max((self.told_at - (self.first_over_at or self.injected_at)).total_seconds(), 0.0)


@dataclass(frozen=True)
class Books:
    """The ledger of a run: `published` is what the simulator's devices had acknowledged by the broker."""

    published: int
    received: int
    stored: int
    duplicate: int
    rejected: int

    @property
    def balanced(self) -> bool:
        """Nothing lost, nothing twice."""
        accounted = self.received == self.stored + self.duplicate + self.rejected
        return accounted and self.published == self.stored + self.rejected

    def as_json(self) -> dict[str, Any]:
        """For the report."""
        return {**asdict(self), "balanced": self.balanced}


def books(published: int, now: LedgerCounts, before: LedgerCounts) -> Books:
    """The ledger since the run began."""
    return Books(
        published,
        now.received - before.received,
        now.stored - before.stored,
        now.duplicate - before.duplicate,
        now.rejected - before.rejected,
    )


def read_ledger(connection: psycopg.Connection) -> LedgerCounts:
    """The ledger of the whole deployment."""
    row = connection.execute(sql("read_ledger")).fetchone()
    return LedgerCounts(*row) if row else LedgerCounts(0, 0, 0, 0)


def told(connection: psycopg.Connection, event: TruthEvent) -> Told:
    """What the alarm side made of one injected event. Raises ValueError for a decoy: nobody is to be told of it."""
    if event.kind is None:
        raise ValueError(f"{event.fault} is nothing that anybody should be told of")
    kind = KIND[event.kind]
    home = event.homes[0] if event.homes else None
    device = event.devices[0] if home is not None and event.devices else None
    if kind.incidents:
        row = connection.execute(sql("told_of_village"), {"code": event.village, "since": event.injected_at}).fetchone()
    else:
        row = connection.execute(
            sql("told_of_device"), {"uid": device, "rules": list(kind.rules), "since": event.injected_at}
        ).fetchone()
    alarm_at, told_at, channel, text = row or (None, None, None, None)
    return Told(
        event.fault, home, event.village, device, event.injected_at, event.dangerous_at,
        alarm_at, told_at, channel, text,
    )  # fmt: skip
