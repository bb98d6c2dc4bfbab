"""What a run must have shown: every reading accounted for, every injected event told. Read from the database."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg

from catalogue.rules import ThresholdRule, default_pack
from device_sim.score.truth import Injected
from store.health import LedgerCounts
from store.named_sql import sql


@dataclass(frozen=True)
class Told:
    """An injected event and what became of it. None: not (yet)."""

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
        """From the first reading over the threshold (or the event itself) to the carrier's "accepted"."""
        if self.told_at is None:
            return None
        return (self.told_at - (self.first_over_at or self.injected_at)).total_seconds()


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


def told(connection: psycopg.Connection, event: Injected) -> Told:
    """What the alarm side made of one injected event."""
    if event.kind == "power_cut":
        row = connection.execute(sql("told_of_village"), {"code": event.village, "since": event.injected_at}).fetchone()
    else:
        row = connection.execute(
            sql("told_of_device"),
            {"uid": event.device, "rules": rules_for(event.kind), "since": event.injected_at},
        ).fetchone()
    alarm_at, told_at, channel, text = row or (None, None, None, None)
    return Told(
        event.kind, event.home, event.village, event.device, event.injected_at, event.first_over_at,
        alarm_at, told_at, channel, text,
    )  # fmt: skip


def rules_for(kind: str) -> list[str]:
    """The rules that an injected event is to raise one of."""
    metric = {"co_leak": "co_ppm", "overheat": "flow_c"}[kind]
    event = {"co_leak": "co_alarm", "overheat": "overheat"}[kind]
    return [
        rule.id
        for rule in default_pack().rules
        if (rule.metric == metric if isinstance(rule, ThresholdRule) else getattr(rule, "event", "") == event)
    ]
