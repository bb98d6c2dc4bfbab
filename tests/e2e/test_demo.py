"""`nuanshao demo` from beginning to end, as `make demo` runs it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from demo.run import shortcomings, summary
from demo.verdict import Books
from tests.beside import Beside


@pytest.fixture(scope="module")
def report(beside: dict[str, Beside]) -> dict[str, Any]:
    """The shortest demo, with a third of the usual homes; it has been playing beside the other tests."""
    said = beside["demo"].end()
    assert said.returncode == 0, said.stderr
    place = beside["demo"].folder
    assert not (place / ".nuanshao" / "demo").exists(), "nothing is left behind"
    assert not (place / ".nuanshao" / "env").exists()
    found: dict[str, Any] = json.loads((place / "r.json").read_text())
    return found


@pytest.mark.timeout(300)
def test_nothing_is_lost(report: dict[str, Any]) -> None:
    ledger = report["ledger"]
    assert ledger["balanced"] is True
    assert ledger["published"] == ledger["stored"] > 1000
    assert ledger["received"] == ledger["stored"] + ledger["duplicate"] + ledger["rejected"]
    assert report["simulator"] == {"final": True, "sent": ledger["published"]}


def test_every_injected_event_is_told_to_its_village(report: dict[str, Any]) -> None:
    told = {event["kind"]: event for event in report["events"]}
    assert set(told) == {"co_leak", "overheat", "power_cut"}
    assert "一氧化碳" in told["co_leak"]["text"]
    assert "水温超过" in told["overheat"]["text"]
    assert "失联" in told["power_cut"]["text"]
    for event in told.values():
        assert event["channel"] == "aliyun_sms"
        injected, alarm, at = (datetime.fromisoformat(event[k]) for k in ("injected_at", "alarm_at", "told_at"))
        assert injected < alarm <= at


def test_it_says_on_what_it_ran(report: dict[str, Any]) -> None:
    assert report["edition"] in {"apache", "community"}
    assert all(report["versions"].values())


GOOD: dict[str, Any] = {
    "ledger": Books(10, 11, 10, 1, 0).as_json(),
    "events": [{"kind": "co_leak", "home": "h1", "village": "v", "told_at": "now", "seconds": 4.0, "text": "…"}],
}


def test_a_run_with_a_shortcoming_is_not_good() -> None:
    assert shortcomings(GOOD) == []
    lost = GOOD | {"ledger": Books(10, 9, 9, 0, 0).as_json()}
    assert shortcomings(lost)[0].startswith("the ledger does not balance: published 10, stored 9")
    twice = GOOD | {"ledger": Books(10, 11, 11, 0, 0).as_json()}
    assert len(shortcomings(twice)) == 1
    untold = GOOD | {"events": [GOOD["events"][0] | {"told_at": None}]}
    assert shortcomings(untold) == ["co_leak at h1 was not told"]
    assert shortcomings(GOOD | {"ledger": Books(0, 0, 0, 0, 0).as_json()}) == [
        "nothing was published: look into the simulator's log"
    ]
    assert len(summary(GOOD)) == 2
