"""What is said of a run: item by item against the tables, then one line for each thing that does not hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from chaos.books import BROKER_FORGETS_MS, BROKER_KEEPS_MS, Books, Tables, balance
from chaos.schedule import schedule
from chaos.sent import Keys, Sent, key, time_ms
from chaos.verdict import Facts, Told, account, as_json, shortcomings
from store.health import LedgerCounts

NOW_MS = 1_767_225_600_000
NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)
PLAN = schedule(1, 1, short=True)


def items(*numbers: int, device: int = 3) -> Keys:
    return np.array([key(device, NOW_MS + number) for number in numbers], dtype=np.int64)


def compared(sent: Keys, stored: Keys, *, bad: Keys | None = None, rejected: Keys | None = None) -> Books:
    nothing = items()
    held = Tables(stored, np.array([NOW_MS, NOW_MS + 400, NOW_MS + 5400]), nothing if rejected is None else rejected)
    return balance(sent, nothing if bad is None else bad, held, [])


def test_a_key_holds_device_and_time() -> None:
    assert key(3, NOW_MS) != key(4, NOW_MS)
    assert time_ms(items(5)).tolist() == [NOW_MS + 5]


def test_what_is_sent_is_remembered_by_what_must_become_of_it() -> None:
    sent = Sent()
    sent.note(3, NOW_MS)
    sent.note(3, NOW_MS + 1, readable=False)
    assert (sent.readable, sent.unreadable) == (1, 1)
    assert sent.to_store().tolist() == items(0).tolist()
    assert sent.to_reject().tolist() == items(1).tolist()


def test_everything_stored_and_every_spoilt_one_rejected_is_balanced() -> None:
    books = compared(items(1, 2), items(2, 1), bad=items(3), rejected=items(3, 3))
    assert (books.stored, books.rejected, books.lost, books.duplicated) == (2, 1, 0, 0)
    assert (books.never_sent, books.wrongly_rejected) == (0, 0)
    assert (books.stored_rows, books.rejected_rows) == (2, 2), "a spoilt one that came twice is rejected twice"
    assert books.longest_gap_s == 5.0


def test_one_that_is_missing_is_lost_though_the_counts_agree() -> None:
    books = compared(items(1, 2, 3), items(1, 2, 4))
    assert (books.stored, books.lost, books.never_sent) == (2, 1, 1)


def test_a_second_row_is_seen() -> None:
    assert compared(items(1, 2), items(1, 2, 2)).duplicated == 1


def test_a_good_one_among_the_rejects_is_seen_and_not_lost() -> None:
    books = compared(items(1, 2), items(1), rejected=items(2))
    assert (books.lost, books.rejected, books.wrongly_rejected) == (0, 1, 1)


def test_only_what_a_killed_broker_may_have_had_is_lost_with_it() -> None:
    held = Tables(items(), items(), items())
    killed = BROKER_KEEPS_MS + 1000
    sent = items(0, BROKER_KEEPS_MS // 2, killed + BROKER_FORGETS_MS, killed + BROKER_FORGETS_MS + 1)
    books = balance(sent, items(), held, [NOW_MS + killed])
    assert (books.lost, books.lost_with_the_broker) == (2, 2)
    assert books.lost_back_s == pytest.approx((BROKER_KEEPS_MS / 2 + 1000) / 1000)
    assert books.longest_gap_s == 0.0


BOOKS = compared(items(1, 2), items(1, 2), bad=items(3), rejected=items(3))
TOLD = Told("co-00001", NOW, "event", alarms=1, accepted_at=NOW + timedelta(seconds=1.5), copies=1)
GOOD = Facts(
    published=3,
    unacknowledged=0,
    dropped=0,
    books=BOOKS,
    ledger=LedgerCounts(4, 2, 1, 1),
    told=(TOLD, replace(TOLD, uid="co-00002", copies=2)),
    alarms_without_cause=0,
    false_incidents=0,
    notifications_open=0,
    receipts_awaited=0,
    broker_kills_ms=(),
    deaths=Counter({"ingest": 1}),
    kills=Counter({"ingest": 1}),
    played=Counter(fault.kind for fault in PLAN.faults),
    problems=(),
)


def test_a_good_run_has_no_shortcoming_and_its_json_says_so() -> None:
    assert shortcomings(GOOD, PLAN) == []
    result = as_json(GOOD, PLAN, [])
    assert result["ok"] is True
    assert (result["published"], result["stored"], result["rejected"], result["lost"]) == (3, 2, 1, 0)
    assert (result["co_injected"], result["co_told"], result["co_told_twice"]) == (2, 2, 1)
    assert (result["co_median_s"], result["co_slowest_s"]) == (1.5, 1.5)
    assert result["ledger"] == {"received": 4, "stored": 2, "duplicate": 1, "rejected": 1}
    assert len(result["schedule"]) == len(PLAN.faults) == sum(result["faults"].values())
    assert "3 published" in account(result)[0]
    assert account(result)[-1] == "all is well: nothing lost, nothing twice, everybody told"
    assert not any("all is well" in line for line in account(as_json(GOOD, PLAN, ["something"])))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"published": 0}, "nothing was published"),
        ({"dropped": 2}, "2 readings were given up by the devices: the truth is not known"),
        ({"unacknowledged": 2}, "2 items were never acknowledged by the broker"),
        ({"books": replace(BOOKS, lost=2)}, "2 of 3 published items are lost"),
        ({"books": replace(BOOKS, duplicated=1)}, "1 items are stored twice"),
        ({"books": replace(BOOKS, never_sent=1)}, "1 rows are of nobody's sending"),
        ({"books": replace(BOOKS, wrongly_rejected=1)}, "1 good items were rejected"),
        (
            {"ledger": LedgerCounts(5, 2, 1, 1)},
            "the ledger does not balance: received 5, stored 2, duplicate 1, rejected 1",
        ),
        (
            {"ledger": LedgerCounts(5, 3, 1, 1)},
            "the ledger counts 3 stored and 1 rejected, the tables have 2 and 1",
        ),
        ({"alarms_without_cause": 1}, "1 critical alarms have no cause"),
        ({"false_incidents": 1}, "1 villages were called silent and were not"),
        ({"notifications_open": 1}, "1 messages are neither accepted nor ended"),
        ({"deaths": Counter({"ingest": 2})}, "ingest died 1 times by itself"),
        ({"problems": ("/health: no alerts process",)}, "/health: no alerts process"),
        (
            {"told": (replace(TOLD, alarms=0, accepted_at=None, copies=0),)},
            "carbon monoxide at co-00001 (event, 00:00:00 UTC): no alarm",
        ),
        (
            {"told": (replace(TOLD, accepted_at=None, copies=0),)},
            "carbon monoxide at co-00001 (event, 00:00:00 UTC): an alarm, and nobody was told",
        ),
        (
            {"told": (replace(TOLD, copies=0),)},
            "carbon monoxide at co-00001 (event, 00:00:00 UTC): told by our books, and the carrier has no message",
        ),
    ],
)
def test_each_shortcoming_is_one_line(change: dict[str, Any], line: str) -> None:
    assert shortcomings(replace(GOOD, **change), PLAN) == [line]


def test_a_fault_that_was_not_played_is_a_shortcoming() -> None:
    played = GOOD.played - Counter({"disk_stalled": 1})
    assert shortcomings(replace(GOOD, played=played), PLAN) == ["disk_stalled was played 0 times, not 1"]


def test_what_dies_with_the_broker_is_said_and_is_no_shortcoming() -> None:
    untold = replace(TOLD, alarms=0, accepted_at=None, copies=0)
    killed = replace(
        GOOD,
        books=replace(BOOKS, lost_with_the_broker=7),
        told=(untold,),
        broker_kills_ms=(NOW_MS + 1000,),
    )
    assert shortcomings(killed, PLAN) == []
    result = as_json(killed, PLAN, [])
    assert (result["lost"], result["lost_with_the_broker"], result["co_lost_with_the_broker"]) == (0, 7, 1)
    assert account(result)[-1].endswith("everybody told, but for what died with the broker")
    assert account(result)[-2] == "lost with the broker: 7 items, the oldest 0.0 s old; 1 times carbon monoxide"
    late = replace(killed, told=(replace(untold, at=NOW + timedelta(seconds=12)),))
    assert len(shortcomings(late, PLAN)) == 1, "it came long after the kill"
