"""Lanes and several workers: whichever of them a message reaches, the result is the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime

import psycopg
import pytest

from alerts.engine import Engine
from broker.address import Broker
from catalogue.rules import default_pack
from catalogue.wire import topic
from ingest import lane
from ingest import worker as worker_module
from ingest.worker import Worker
from runtime.mosquitto import Mosquitto
from runtime.workers import names, out_of_use
from tests.forgetting import forget_sessions
from tests.integration.test_ingest import LetIn, device, now_ms, reading, stored, until
from tests.world import one, rows


@pytest.fixture
async def forget(broker: Mosquitto) -> AsyncIterator[Callable[[str], None]]:
    """Sessions that the broker is to forget after the test."""
    sessions: list[str] = []
    yield sessions.append
    await forget_sessions(broker.url, *sessions)


@asynccontextmanager
async def at_work(
    url: str,
    broker: Mosquitto,
    client_id: str,
    *,
    index: int = 0,
    workers: int = 1,
    goes: bool = False,
    ca_file: str = "",
) -> AsyncIterator[Worker]:
    stop = asyncio.Event()
    worker = Worker(
        database_url=url, broker=Broker.parse(broker.url, ca_file), client_id=client_id, engine=Engine(default_pack()),
        name=f"w-{index}", index=index, workers=workers, goes=goes,
    )  # fmt: skip
    task = asyncio.create_task(worker.run(stop))
    try:
        await until(lambda: so(worker.standing().connected or task.done()))
        yield worker
    finally:
        if not goes:
            stop.set()
        await asyncio.wait_for(task, 30)


async def so(what: object) -> bool:
    return bool(what)


async def test_an_alarm_bit_does_not_wait_behind_readings_that_the_database_cannot_take(
    registered: str, database: psycopg.AsyncConnection, broker: Mosquitto, let_in: LetIn,
    forget: Callable[[str], None], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    forget("lanes")
    passwords = let_in("co-000", "gb-000")
    async with at_work(registered, broker, "lanes") as worker, device(broker, "co-000", passwords) as client:
        await until(lambda: so(len(worker._known.devices) == 6))
        async with await psycopg.AsyncConnection.connect(registered) as blocker:
            await blocker.execute("lock table telemetry in access exclusive mode")
            for number in range(300):
                await client.publish(topic("co-000", "telemetry"), reading(number), qos=1)
            alarm = json.dumps({"ts": now_ms(), "type": "co_alarm", "on": True}).encode()
            await client.publish(topic("co-000", "event"), alarm, qos=1)
            await until(lambda: told(database))
            assert worker.standing().waiting > 0, "the readings still wait"
            monkeypatch.setattr(worker_module, "BEHIND_S", 0.0)
            hears_since = worker._pulse()[3]
            assert isinstance(hears_since, datetime)
            assert worker.readings.connected_since is not None
            assert hears_since > worker.readings.connected_since, "what is not stored must not look like silence"
        await until(lambda: stored(database, 300))
    # other tests' retained births are unknown here, and rejected
    ledger = await rows(database, "select worker, received - rejected as received, stored from ledger order by worker")
    assert ledger == [
        {"worker": "w-0", "received": 300, "stored": 300}, {"worker": "w-0-events", "received": 1, "stored": 1}
    ]  # fmt: skip


async def told(database: psycopg.AsyncConnection) -> bool:
    return bool(await one(database, "select count(*) from notification where kind = 'raised'"))


async def test_two_workers_share_the_messages_and_raise_one_alarm(
    registered: str, database: psycopg.AsyncConnection, broker: Mosquitto, let_in: LetIn,
    forget: Callable[[str], None], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(lane, "LARGEST_BATCH", 20)  # many small batches, so that both have something to do
    forget("two-0")
    forget("two-1")
    passwords = let_in("co-000", "co-001")
    async with AsyncExitStack() as stack:
        for index in range(2):
            await stack.enter_async_context(at_work(registered, broker, f"two-{index}", index=index, workers=2))
        first = await stack.enter_async_context(device(broker, "co-000", passwords))
        second = await stack.enter_async_context(device(broker, "co-001", passwords))
        begin = now_ms() - 60_000
        async with asyncio.TaskGroup() as tasks:
            for number in range(400):
                payload = json.dumps({"ts": begin + number * 100, "seq": number, "boot": 1, "m": {"co_ppm": 420}})
                tasks.create_task(first.publish(topic("co-000", "telemetry"), payload.encode(), qos=1))
                # a clock that knows no time: each must find a place of its own, whoever takes it
                lost = json.dumps({"seq": number, "boot": 1, "m": {"co_ppm": 1}})
                tasks.create_task(second.publish(topic("co-001", "telemetry"), lost.encode(), qos=1))
        await until(lambda: stored(database, 800))
    by_worker = await rows(database, "select worker, stored from ledger where stored > 0 order by worker")
    assert [row["worker"] for row in by_worker] == ["w-0", "w-1"], "both had their share"
    (ledger,) = await rows(
        database,
        "select sum(received - rejected) as received, sum(stored) as stored, sum(duplicate) as twice from ledger",
    )
    assert ledger == {"received": 800, "stored": 800, "twice": 0}
    alarms = await rows(database, "select rule from alarm where closed_at is null and rule = 'co_300'")
    assert len(alarms) == 1
    newest = await rows(database, "select seq from device_latest where device_id = 1 or device_id = 2 order by seq")
    assert newest[-1]["seq"] == 399


async def test_from_one_worker_to_two_and_back_nothing_is_lost(
    registered: str, database: psycopg.AsyncConnection, broker: Mosquitto, let_in: LetIn,
    forget: Callable[[str], None],
) -> None:  # fmt: skip
    for session in ("scale-0", "scale-1"):
        forget(session)
    passwords = let_in("co-000")
    sent = 0

    async def send(many: int) -> None:
        nonlocal sent
        async with device(broker, "co-000", passwords) as client:
            for _ in range(many):
                await client.publish(topic("co-000", "telemetry"), reading(sent), qos=1)
                sent += 1

    async with at_work(registered, broker, "scale-0"):
        await send(20)
    async with AsyncExitStack() as stack:
        for index in range(2):
            await stack.enter_async_context(at_work(registered, broker, f"scale-{index}", index=index, workers=2))
        await send(20)
    await send(20)  # to both sessions, while nobody is at work
    async with at_work(registered, broker, "scale-0"):
        await send(20)  # worker 1's session still gets its share
        async with at_work(registered, broker, "scale-1", index=1, goes=True):
            pass  # takes the last of it, and goes
        await send(20)
        await until(lambda: stored(database, sent))
    assert await one(database, "select count(distinct ts) from telemetry") == sent
    workers = await rows(database, "select name from worker where kind = 'ingest'")
    assert workers == [{"name": "w-0"}], "who has gone is no missing worker"


async def test_a_worker_of_another_time_is_found_by_its_stopped_heart(
    registered: str, database: psycopg.AsyncConnection
) -> None:
    beat = (
        "insert into worker (kind, name, started_at, heartbeat_at) values ('ingest', %s, now(), now() - %s::interval)"
    )
    for name, ago in (("ingest-0", "1 hour"), ("ingest-1", "1 hour"), ("ingest-2", "1 second"), ("other-1", "1 hour")):
        await database.execute(beat, (name, ago))
    assert names("ingest-0", 1) == ["ingest-0"]
    assert out_of_use(registered, "ingest-0", names("ingest-0", 1)) == ["ingest-1"]
    assert out_of_use(registered, "ingest", names("ingest", 2)) == []
    assert out_of_use("postgresql://nobody@127.0.0.1:9/none", "ingest", []) == []


async def test_after_a_blackout_a_birth_of_each_device_is_taken_in_its_order(
    registered: str, database: psycopg.AsyncConnection, broker: Mosquitto, let_in: LetIn,
    forget: Callable[[str], None],
) -> None:  # fmt: skip
    forget("births")
    passwords = let_in("co-000", "co-001")
    said: list[tuple[str, str, str]] = [
        ("co-000", "online", "1"), ("co-000", "offline", "1"), ("co-000", "online", "2"), ("co-000", "offline", "1"),
        ("co-001", "online", "7"), ("co-001", "offline", "7"),
    ]  # fmt: skip
    async with at_work(registered, broker, "births"):
        for uid, state, session in said:
            async with device(broker, uid, passwords) as client:
                payload = json.dumps({"state": state, "session": session, "ts": now_ms()}).encode()
                await client.publish(topic(uid, "status"), payload, qos=1)
        await until(lambda: both_known(database))
    states = await rows(
        database,
        "select d.uid, s.state, s.session from device_status s join device d on d.id = s.device_id order by d.uid",
    )
    assert states == [
        {"uid": "co-000", "state": "online", "session": "2"}, {"uid": "co-001", "state": "offline", "session": "7"}
    ]  # fmt: skip


async def both_known(database: psycopg.AsyncConnection) -> bool:
    left = await one(database, "select count(*) from device_status where session = '7' and state = 'offline'")
    return bool(left == 1)
