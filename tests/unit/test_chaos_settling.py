"""When a run is over: at 0 s …, at 15 s …"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from chaos.counting import UnderWay
from chaos.sent import Injected, Sent
from chaos.settling import RECEIPTS_WITHIN_S, STILL_S, Settling
from store.health import LedgerCounts

THERE = UnderWay(LedgerCounts(4, 2, 1, 1), open=0, receipts=0, told=1)


def sent() -> Sent:
    made = Sent()
    made.note(0, 1)
    made.note(0, 2)
    made.note(0, 3, readable=False)
    made.injected.append(Injected("co-00001", datetime(2026, 1, 15, tzinfo=UTC), "event"))
    return made


def over(seen: UnderWay, *, outstanding: int = 0) -> bool:
    return Settling(loses=False).over(seen, sent(), outstanding, 0.0)


def test_when_all_is_there_it_is_over_at_once() -> None:
    assert over(THERE)


def test_it_is_not_over_while_something_is_under_way() -> None:
    assert not over(THERE, outstanding=1)
    assert not over(replace(THERE, open=1))
    assert not over(replace(THERE, told=0))
    assert not over(replace(THERE, ledger=LedgerCounts(3, 1, 1, 1)))
    assert not over(replace(THERE, ledger=LedgerCounts(3, 2, 1, 0)))


def test_a_receipt_is_waited_for_a_little() -> None:
    settling, seen = Settling(loses=False), replace(THERE, receipts=1)
    assert not settling.over(seen, sent(), 0, 100.0)
    assert not settling.over(seen, sent(), 0, 100.0 + RECEIPTS_WITHIN_S)
    assert settling.over(seen, sent(), 0, 100.1 + RECEIPTS_WITHIN_S)


def test_after_a_killed_broker_stillness_is_an_end_and_else_it_is_not() -> None:
    loses, keeps = Settling(loses=True), Settling(loses=False)
    short = replace(THERE, ledger=LedgerCounts(3, 1, 1, 1))
    for settling in (loses, keeps):
        assert not settling.over(short, sent(), 0, 100.0)
    assert not loses.over(replace(short, ledger=LedgerCounts(4, 1, 2, 1)), sent(), 0, 101.0 + STILL_S), "it moved"
    assert loses.over(replace(short, ledger=LedgerCounts(4, 1, 2, 1)), sent(), 0, 102.0 + 2 * STILL_S)
    assert not keeps.over(short, sent(), 0, 1000.0)
