"""What the database knows of the deployment's health: workers, ledger, outbox, recipients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

import psycopg

from catalogue.rules import pack_in_force
from foundation.sealing import beginnings, has_key
from store import canary
from store.edition import Fitness, fitness_async
from store.named_sql import sql
from store.phones import Kept

HEARTBEAT_VALID = timedelta(seconds=15)
"""A process that has said nothing for so long is taken for dead."""
OUTBOX_OVERDUE = timedelta(minutes=2)
ESCALATION_LATE = timedelta(minutes=2)
"""Longer than the alerts process needs to say so itself (alerts/escalation/late.py)."""
DROPS_SHOWN = timedelta(hours=24)
"""How long it is shown that the broker has thrown messages away: somebody looks at least once a day."""


@dataclass(frozen=True)
class LedgerCounts:
    """received = stored + duplicate + rejected."""

    received: int
    stored: int
    duplicate: int
    rejected: int

    @property
    def balanced(self) -> bool:
        """Whether every item is accounted for."""
        return self.received == self.stored + self.duplicate + self.rejected


@dataclass(frozen=True)
class WorkerState:
    """One of our processes, as its heartbeat says."""

    kind: Literal["ingest", "alerts"]
    name: str
    started_at: datetime
    connected_since: datetime | None
    heartbeat_at: datetime
    waiting: int
    problem: str
    alive: bool = False


@dataclass(frozen=True)
class Drops:
    """Messages that the broker has thrown away since its start, and when it last did."""

    messages: int
    at: datetime


@dataclass(frozen=True)
class Look:
    """Everything at one moment. `problems` are lines for people; empty when all is well."""

    fitness: Fitness
    ledger: LedgerCounts
    workers: list[WorkerState]
    problems: list[str]


async def look(connection: psycopg.AsyncConnection, now: datetime) -> Look:
    """Reads the state of the deployment."""
    fit = await fitness_async(connection)
    row = await (await connection.execute(sql("read_ledger"))).fetchone()
    ledger = LedgerCounts(*row) if row else LedgerCounts(0, 0, 0, 0)
    cursor = await connection.execute(sql("workers"))
    workers = [_alive(WorkerState(*one), now) for one in await cursor.fetchall()]
    overdue = await (await connection.execute(sql("outbox_overdue"), (now - OUTBOX_OVERDUE,))).fetchone()
    telling = [rule.id for rule in pack_in_force().rules if rule.tell]
    untold = await (await connection.execute(sql("told_to_nobody"), (telling,))).fetchone()
    late = await (await connection.execute(sql("escalations_late"), {"before": now - ESCALATION_LATE})).fetchone()
    dropped = await (await connection.execute(sql("broker_dropped"), (now - DROPS_SHOWN,))).fetchone()
    places = {"beginnings": beginnings() if has_key() else []}
    kept = await (await connection.execute(sql("phones_kept"), places)).fetchone()
    found = problems(
        ledger,
        workers,
        overdue=overdue[0] if overdue else 0,
        untold=untold[0] if untold else 0,
        late=late[0] if late else 0,
        dropped=Drops(int(dropped[0]), dropped[1]) if dropped else None,
        # who has no key cannot say whether another one would do
        phones=Kept(kept[0], kept[1], kept[2] if has_key() else 0) if kept else None,
    )
    if broken := canary.problem(await canary.standing(connection), now):
        found.append(broken)
    return Look(fit, ledger, workers, found)


def _alive(worker: WorkerState, now: datetime) -> WorkerState:
    return replace(worker, alive=now - worker.heartbeat_at < HEARTBEAT_VALID)


def problems(
    ledger: LedgerCounts,
    workers: list[WorkerState],
    *,
    overdue: int,
    untold: int,
    late: int = 0,
    dropped: Drops | None = None,
    phones: Kept | None = None,
) -> list[str]:
    """What is wrong, one line each. Pure."""
    alive = {worker.kind for worker in workers if worker.alive}
    found = [
        f"no {kind} process is running: start `nuanshao {kind}`" for kind in ("ingest", "alerts") if kind not in alive
    ]
    for worker in workers:
        if worker.alive and worker.kind == "ingest" and worker.connected_since is None:
            found.append(f"{worker.name} is not connected to the broker: {worker.problem or 'connecting'}")
        elif worker.alive and worker.problem:
            found.append(f"{worker.name}: {worker.problem}")
    if not ledger.balanced:
        found.append(
            f"the ledger does not balance: received {ledger.received},"
            f" stored {ledger.stored} + duplicate {ledger.duplicate} + rejected {ledger.rejected}"
        )
    found += _of_telling(overdue, untold, late, phones)
    if dropped is not None:
        found.append(
            f"the broker has thrown away {dropped.messages} messages, the last at {dropped.at:%Y-%m-%d %H:%M} UTC:"
            " raise max_queued_messages, and see why ingest does not keep up"
        )
    return found


def _of_telling(overdue: int, untold: int, late: int, phones: Kept | None) -> list[str]:
    """What keeps people from being told."""
    found = []
    if overdue:
        found.append(f"{overdue} messages to people are overdue: is the carrier reachable?")
    if untold:
        found.append(f"{untold} open alarms were told to nobody: add a contact to the village or a region above it")
    if late:
        found.append(f"{late} alarms that nobody has answered are late to be told further: is `nuanshao alerts` alive?")
    if phones is not None and phones.foreign:
        found.append(
            f"{phones.foreign} contacts cannot be told: their numbers were sealed with another key:"
            " set NUANSHAO_PHONE_KEY to that one, or import them again"
        )
    if phones is not None and phones.clear:
        found.append(f"{phones.clear} telephone numbers are not sealed: run `nuanshao migrate`")
    return found
