"""What a transaction of ingest stores, counts and refuses, on the real database."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace
from psycopg import sql as pg

from broker.delivery import Delivery
from ingest.batch import Rejected
from ingest.commit import Counts, reject_row
from ingest.reject import Reject
from store.named_sql import sql
from tests.world import World, ms, one, rows


def delivery(
    world: World, payload: bytes | object, *, uid: str = "co-000", channel: str = "telemetry", duplicate: bool = False
) -> Delivery:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Delivery(1, 1, f"heat/v1/{uid}/{channel}", raw, duplicate, ms(world.now))


def reading(world: World, seq: int = 1, **more: Any) -> dict[str, Any]:
    return {"ts": ms(world.now), "seq": seq, "m": {"co_ppm": 3}, **more}


async def test_a_reading_is_stored_with_both_times(world: World) -> None:
    counts = await world.deliver(delivery(world, reading(world, boot=2, fault="E1")))
    assert counts == Counts(received=1, stored=1)
    (row,) = await rows(world.database, "select * from telemetry")
    assert (row["ts"], row["received_at"], row["device_ts"]) == (world.now, world.now, None)
    assert (row["seq"], row["boot"], row["fault"], row["co_ppm"], row["flags"]) == (1, 2, "E1", 3.0, 0)
    latest = await rows(world.database, "select co_ppm, ts from device_latest")
    assert latest == [{"co_ppm": 3.0, "ts": world.now}]


async def test_a_redelivery_is_a_duplicate(world: World) -> None:
    message = delivery(world, reading(world))
    await world.deliver(message)
    again = await world.deliver(replace(message, duplicate=True))
    assert again == Counts(received=1, duplicate=1)
    assert await one(world.database, "select count(*) from telemetry") == 1


@pytest.mark.parametrize("ts", [0, 4_102_444_800_000])
async def test_a_redelivery_of_a_reading_with_a_wrong_clock_is_a_duplicate(world: World, ts: int) -> None:
    message = delivery(world, reading(world) | {"ts": ts})
    first = await world.deliver(message)
    world.at(7)
    again = await world.deliver(delivery(world, reading(world) | {"ts": ts}, duplicate=True))
    assert (first.stored, again.duplicate) == (1, 1)
    (row,) = await rows(world.database, "select ts, device_ts, reading_flags(flags) as flags from telemetry")
    assert row["ts"] == world.start, "judged on receive time"
    assert row["device_ts"].timestamp() * 1000 == ts
    assert row["flags"] == ["clock_behind" if ts == 0 else "clock_ahead"]


async def test_a_backlog_with_a_dead_clock_loses_no_reading(world: World) -> None:
    backlog = [{"ts": 0, "seq": seq, "m": {"co_ppm": seq}} for seq in range(50)]
    assert (await world.deliver(delivery(world, backlog))).stored == 50
    assert await one(world.database, "select count(distinct ts) from telemetry") == 50


async def test_a_dead_clock_without_seq_and_with_the_same_values_is_no_silence(world: World) -> None:
    payload = {"ts": 0, "m": {"co_ppm": 0}}
    await world.deliver(delivery(world, payload))
    world.at(10)
    second = await world.deliver(delivery(world, payload))
    repeated = await world.deliver(delivery(world, payload, duplicate=True))
    assert (second.stored, repeated.duplicate) == (1, 1)


async def test_rejects_keep_the_reason_and_the_bytes(world: World) -> None:
    counts = await world.deliver(
        delivery(world, b"\xff\x00not json"),
        delivery(world, reading(world), uid="nobody-at-home"),
        delivery(world, b"x" * 1_000_000),
        delivery(world, b""),
    )
    assert counts == Counts(received=4, rejected=4)
    found = await rows(world.database, "select reason, payload, payload_size from rejects order by id")
    assert [row["reason"] for row in found] == ["not_utf8", "unknown_device", "too_large", "empty"]
    assert found[0]["payload"] == b"\xff\x00not json"
    assert (len(found[2]["payload"]), found[2]["payload_size"]) == (65536, 1_000_000)


async def test_a_redelivered_reject_is_a_duplicate(world: World) -> None:
    broken = delivery(world, b"{")
    await world.deliver(broken)
    again = await world.deliver(replace(broken, duplicate=True))
    fresh = await world.deliver(broken)
    assert (again, fresh) == (Counts(received=1, duplicate=1), Counts(received=1, rejected=1))
    assert await one(world.database, "select count(*) from rejects") == 2


async def test_whether_a_redelivered_reject_is_here_is_asked_of_an_index(world: World) -> None:
    again = reject_row(Rejected(delivery(world, b"{", duplicate=True), Reject("empty", "no bytes")))
    await world.database.execute("set enable_seqscan = off")
    cursor = await world.database.execute(pg.SQL("explain ") + sql("insert_reject"), again)
    plan = "\n".join(line for (line,) in await cursor.fetchall())
    (condition,) = (line for line in plan.splitlines() if "Index Cond" in line)
    assert "rejects_same" in plan
    assert all(part in condition for part in ("hashtextextended", "sha256", "received_at")), plan


async def test_one_bad_reading_never_costs_a_neighbour(world: World) -> None:
    good, bad = reading(world), {"ts": ms(world.now), "m": "warm"}
    later = reading(world, 2) | {"ts": ms(world.now) + 1000}
    counts = await world.deliver(delivery(world, [good, bad, later]))
    assert counts == Counts(received=3, stored=2, rejected=1)


async def test_a_reject_in_an_array_keeps_its_own_bytes_and_not_the_array_each_time(world: World) -> None:
    payload = [*range(50), {"id": "somebody-else", "m": {"co_ppm": 1}}, "x" * 20_000]
    await world.deliver(delivery(world, payload))
    found = await rows(world.database, "select payload, payload_size from rejects order by id")
    assert [bytes(row["payload"]) for row in found[:3]] == [b"0", b"1", b"2"]
    assert b"somebody-else" in bytes(found[50]["payload"])
    assert sum(len(row["payload"]) for row in found) < 2 * found[0]["payload_size"]


async def test_a_device_whose_clock_jumps_back_is_heard(world: World) -> None:
    await world.read("co-000", 0, co_ppm=1)
    await world.read("co-000", -1200, received=10, co_ppm=2)
    (latest,) = await rows(world.database, "select ts, received_at, co_ppm from device_latest")
    assert (latest["ts"], latest["co_ppm"]) == (world.start, 1.0), "never back in time"
    assert latest["received_at"] == world.at(10), "but heard"


async def test_an_event_is_stored_once(world: World) -> None:
    event = {"ts": ms(world.now), "type": "co_alarm", "on": True}
    first = await world.deliver(delivery(world, event, channel="event"))
    again = await world.deliver(delivery(world, event, channel="event", duplicate=True))
    assert (first.stored, again.duplicate) == (1, 1)


async def test_a_will_of_an_older_session_is_ignored(world: World) -> None:
    def status(state: str, session: str) -> Delivery:
        return delivery(world, {"state": state, "session": session, "ts": ms(world.now)}, channel="status")

    await world.deliver(status("online", "s1"), status("online", "s2"), status("offline", "s1"))
    assert await one(world.database, "select state from device_status") == "online"
    await world.deliver(status("offline", "s2"))
    assert await one(world.database, "select state from device_status") == "offline"


async def test_the_ledger_balances_and_counts_a_restarted_worker_apart(world: World) -> None:
    await world.deliver(delivery(world, reading(world)), delivery(world, reading(world)), delivery(world, b"{"))
    ledger = await rows(world.database, "select received, stored, duplicate, rejected from ledger")
    assert ledger == [{"received": 3, "stored": 1, "duplicate": 1, "rejected": 1}]


async def test_when_the_transaction_fails_nothing_of_it_is_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> int:
        raise RuntimeError("the engine has a bug")

    monkeypatch.setattr(world.engine, "evaluate", fail)
    with pytest.raises(RuntimeError):
        await world.deliver(delivery(world, reading(world)), delivery(world, b"{"))
    for table in ("telemetry", "rejects", "ledger", "device_latest"):
        assert await rows(world.database, f"table {table}") == [], table
