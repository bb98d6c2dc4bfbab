"""What a run must show: nothing lost, nothing twice, everybody told. Pure: counted facts in, shortcomings out."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np

from chaos.books import Books, broker_explains
from chaos.schedule import Schedule, Way
from store.health import LedgerCounts


@dataclass(frozen=True)
class Told:
    """One injected carbon monoxide, and what became of it. `copies`: how often the carrier has it."""

    uid: str
    at: datetime
    way: Way
    alarms: int
    accepted_at: datetime | None
    copies: int

    @property
    def told(self) -> bool:
        """Whether somebody was told, by our books and by the carrier's."""
        return self.accepted_at is not None and self.copies > 0

    @property
    def told_s(self) -> float | None:
        """Seconds from its first sign to the carrier's "accepted"."""
        return None if self.accepted_at is None else round((self.accepted_at - self.at).total_seconds(), 1)


@dataclass(frozen=True)
class Facts:
    """Everything that was counted after all faults had healed."""

    published: int
    unacknowledged: int
    dropped: int
    books: Books
    ledger: LedgerCounts
    told: tuple[Told, ...]
    alarms_without_cause: int
    false_incidents: int
    notifications_open: int
    receipts_awaited: int
    broker_kills_ms: tuple[int, ...]
    deaths: Counter[str]
    """Who died, by Stack.deaths."""
    kills: Counter[str]
    """Whom we killed."""
    played: Counter[str]
    """Faults that were played to their end, by kind."""
    problems: tuple[str, ...]
    """What the system says of itself (GET /health), and what failed while faults were played."""

    @property
    def lost_co(self) -> list[Told]:
        """Carbon monoxide that nobody was told of, and that a killed broker does not explain."""
        return [one for one in self.told if not one.told and not self._with_the_broker(one)]

    @property
    def co_lost_with_the_broker(self) -> int:
        """Carbon monoxide that nobody was told of because the broker was killed."""
        return sum(not one.told and self._with_the_broker(one) for one in self.told)

    def _with_the_broker(self, one: Told) -> bool:
        at_ms = np.array([int(one.at.timestamp() * 1000)], dtype=np.int64)
        return any(broker_explains(at_ms, killed_ms).all() for killed_ms in self.broker_kills_ms)


def shortcomings(facts: Facts, plan: Schedule) -> list[str]:
    """One line for each thing that must hold and does not."""
    books, ledger = facts.books, facts.ledger
    rules = (
        (not facts.published, "nothing was published"),
        (facts.dropped, f"{facts.dropped} readings were given up by the devices: the truth is not known"),
        (facts.unacknowledged, f"{facts.unacknowledged} items were never acknowledged by the broker"),
        (books.lost, f"{books.lost} of {facts.published} published items are lost"),
        (books.duplicated, f"{books.duplicated} items are stored twice"),
        (books.never_sent, f"{books.never_sent} rows are of nobody's sending"),
        (books.wrongly_rejected, f"{books.wrongly_rejected} good items were rejected"),
        (not ledger.balanced, f"the ledger does not balance: {_as_words(ledger)}"),
        (
            (ledger.stored, ledger.rejected) != (books.stored_rows, books.rejected_rows),
            (
                f"the ledger counts {ledger.stored} stored and {ledger.rejected} rejected, the tables have"
                f" {books.stored_rows} and {books.rejected_rows}"
            ),
        ),
        (facts.alarms_without_cause, f"{facts.alarms_without_cause} critical alarms have no cause"),
        (facts.false_incidents, f"{facts.false_incidents} villages were called silent and were not"),
        (facts.notifications_open, f"{facts.notifications_open} messages are neither accepted nor ended"),
    )
    found = [line for wrong, line in rules if wrong]
    found += [f"carbon monoxide at {one.uid} ({one.way}, {one.at:%H:%M:%S} UTC): {_why(one)}" for one in facts.lost_co]
    found += [f"{name} died {times} times by itself" for name, times in sorted((facts.deaths - facts.kills).items())]
    found += [
        f"{kind} was played {facts.played[kind]} times, not {wanted}"
        for kind, wanted in Counter(fault.kind for fault in plan.faults).items()
        if facts.played[kind] != wanted
    ]
    return found + list(facts.problems)


def as_json(facts: Facts, plan: Schedule, wrong: list[str]) -> dict[str, Any]:
    """The whole result."""
    told = [one for one in facts.told if one.told]
    waits = sorted(one.told_s for one in told if one.told_s is not None)
    books = facts.books
    return {
        "ok": not wrong,
        "shortcomings": wrong,
        "seed": plan.seed,
        "minutes": round(plan.minutes, 2),
        "published": facts.published,
        "stored": books.stored,
        "rejected": books.rejected,
        "lost": books.lost,
        "lost_with_the_broker": books.lost_with_the_broker,
        "lost_back_s": books.lost_back_s,
        "duplicated": books.duplicated,
        "ledger": asdict(facts.ledger),
        "co_injected": len(facts.told),
        "co_told": len(told),
        "co_told_twice": sum(one.copies > 1 for one in told),
        "co_lost_with_the_broker": facts.co_lost_with_the_broker,
        "co": [
            {"at": one.at.isoformat(timespec="milliseconds"), "uid": one.uid, "way": one.way, "told_s": one.told_s}
            for one in facts.told
        ],
        "co_median_s": waits[len(waits) // 2] if waits else None,
        "co_slowest_s": waits[-1] if waits else None,
        "alarms_without_cause": facts.alarms_without_cause,
        "false_incidents": facts.false_incidents,
        "notifications_open": facts.notifications_open,
        "receipts_awaited": facts.receipts_awaited,
        "messages_per_s": round(facts.published / plan.length_s, 1),
        "longest_gap_s": books.longest_gap_s,
        "faults": dict(facts.played),
        "deaths": dict(facts.deaths),
        "schedule": [
            {"at_s": fault.at_s, "kind": fault.kind, "for_s": fault.for_s, "link": fault.link} for fault in plan.faults
        ],
    }


def account(result: dict[str, Any]) -> list[str]:
    """How it went, for people."""
    ledger = ", ".join(f"{name} {count}" for name, count in result["ledger"].items())
    lines = [
        (
            f"{result['published']} published ({result['messages_per_s']:.0f} a second), {result['stored']} stored,"
            f" {result['rejected']} rejected, {result['lost']} lost, {result['duplicated']} twice"
        ),
        f"the ledger: {ledger}",
        (
            f"{result['co_injected']} times carbon monoxide, {result['co_told']} told,"
            f" {result['co_told_twice']} of them twice; {result['co_median_s']} s in the median,"
            f" {result['co_slowest_s']} s at most"
        ),
        (
            f"longest time without a reading {result['longest_gap_s']} s;"
            f" messages open {result['notifications_open']}, waiting for a receipt {result['receipts_awaited']}"
        ),
    ]
    with_the_broker = result["lost_with_the_broker"] or result["co_lost_with_the_broker"]
    if with_the_broker:
        lines.append(
            f"lost with the broker: {result['lost_with_the_broker']} items, the oldest {result['lost_back_s']} s old;"
            f" {result['co_lost_with_the_broker']} times carbon monoxide"
        )
    if result["ok"]:
        but = ", but for what died with the broker" if with_the_broker else ""
        lines.append(f"all is well: nothing lost, nothing twice, everybody told{but}")
    return lines


def _why(one: Told) -> str:
    if not one.alarms:
        return "no alarm"
    if one.accepted_at is None:
        return "an alarm, and nobody was told"
    return "told by our books, and the carrier has no message"


def _as_words(ledger: LedgerCounts) -> str:
    return ", ".join(f"{name} {count}" for name, count in asdict(ledger).items())
