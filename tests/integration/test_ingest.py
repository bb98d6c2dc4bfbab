"""The ingest worker between the real broker and the real database, in this process."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt
import psycopg
import pytest

from alerts.engine import Engine
from broker import session
from broker.address import Broker
from broker.delivery import Delivery
from catalogue.rules import default_pack
from catalogue.wire import topic
from foundation.errors import BrokerRefused, SettingsError
from ingest.batch import Batch, sort_out
from ingest.worker import Worker
from runtime.mosquitto import Mosquitto
from runtime.services import Services
from store.connect import connect
from store.registry import add_device
from tests.forgetting import forget_sessions
from tests.world import one, rows

LetIn = Callable[..., dict[str, str]]


@pytest.fixture
async def client_id(broker: Mosquitto, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A session name of this test; the broker forgets the session afterwards."""
    name = f"ingest-{request.node.name}"
    yield name
    await forget_sessions(broker.url, name)


@asynccontextmanager
async def working(url: str, broker_url: str, client_id: str) -> AsyncIterator[Worker]:
    stop = asyncio.Event()
    worker = Worker(
        database_url=url, broker=Broker.parse(broker_url), client_id=client_id, engine=Engine(default_pack()), name="w"
    )
    task = asyncio.create_task(worker.run(stop))
    try:
        await until(lambda: connected_or_over(worker, task))
        yield worker
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


@asynccontextmanager
async def device(broker: Mosquitto, uid: str, passwords: dict[str, str]) -> AsyncIterator[aiomqtt.Client]:
    parts = Broker.parse(broker.url)
    async with aiomqtt.Client(parts.host, parts.port, username=uid, password=passwords[uid], identifier=uid) as client:
        yield client


async def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    """Waits until the awaitable that `condition` makes is true."""
    end = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.05)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def reading(number: int, **metrics: float) -> bytes:
    return json.dumps({"ts": now_ms() + number, "seq": number, "m": metrics or {"co_ppm": 1}}).encode()


async def test_readings_are_stored_and_the_ledger_balances(
    registered: str, database: psycopg.AsyncConnection, broker: Mosquitto, let_in: LetIn, client_id: str
) -> None:
    passwords = let_in("co-000")
    async with working(registered, broker.url, client_id), device(broker, "co-000", passwords) as client:
        for number in range(200):
            await client.publish(topic("co-000", "telemetry"), reading(number), qos=1)
        await until(lambda: stored(database, 200))
    ledger = await rows(database, "select received, stored, duplicate, rejected from ledger")
    assert ledger == [{"received": 200, "stored": 200, "duplicate": 0, "rejected": 0}]


async def test_what_arrives_while_ingest_is_away_is_waiting_when_it_comes_back(
    registered: str, database: psycopg.AsyncConnection, broker: Mosquitto, let_in: LetIn, client_id: str
) -> None:
    passwords = let_in("co-000")
    async with working(registered, broker.url, client_id):
        pass
    async with device(broker, "co-000", passwords) as client:
        for number in range(50):
            await client.publish(topic("co-000", "telemetry"), reading(number), qos=1)
    async with working(registered, broker.url, client_id):
        await until(lambda: stored(database, 50))


async def test_a_backlog_larger_than_we_read_ahead_is_worked_off(
    registered: str,
    database: psycopg.AsyncConnection,
    broker: Mosquitto,
    let_in: LetIn,
    client_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "PAUSE_ABOVE_BYTES", 20_000)
    passwords = let_in("co-000")
    async with working(registered, broker.url, client_id):
        pass
    async with device(broker, "co-000", passwords) as client:
        for number in range(120):
            array = b"[" + b",".join(reading(number * 1000 + place) for place in range(200)) + b"]"
            await client.publish(topic("co-000", "telemetry"), array, qos=1)
    async with working(registered, broker.url, client_id):
        await until(lambda: stored(database, 120 * 200))
    (ledger,) = await rows(database, "select sum(stored) as stored, sum(rejected) as rejected from ledger")
    assert ledger == {"stored": 24_000, "rejected": 0}


async def test_a_database_that_goes_away_costs_nothing(
    registered: str,
    database: psycopg.AsyncConnection,
    broker: Mosquitto,
    services: Services,
    let_in: LetIn,
    client_id: str,
) -> None:
    passwords = let_in("co-000")
    name = database.info.dbname
    async with working(registered, broker.url, client_id), device(broker, "co-000", passwords) as client:
        await client.publish(topic("co-000", "telemetry"), reading(0), qos=1)
        await until(lambda: stored(database, 1))
        assert services.postgres is not None
        async with await psycopg.AsyncConnection.connect(services.postgres.url("postgres"), autocommit=True) as admin:
            await admin.execute(f"alter database {name} with allow_connections false".encode())
            await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))
            for number in range(1, 101):
                await client.publish(topic("co-000", "telemetry"), reading(number), qos=1)
            await asyncio.sleep(0.5)
            await admin.execute(f"alter database {name} with allow_connections true".encode())
        async with await psycopg.AsyncConnection.connect(registered, autocommit=True) as again:
            await until(lambda: stored(again, 101))
            (ledger,) = await rows(again, "select received, stored, duplicate, rejected from ledger")
    assert ledger == {"received": 101, "stored": 101, "duplicate": 0, "rejected": 0}


async def test_a_broker_restart_costs_nothing(
    registered: str, database: psycopg.AsyncConnection, services: Services, client_id: str, broker: Mosquitto,
    let_in: LetIn,
) -> None:  # fmt: skip
    passwords = let_in("co-000")
    async with working(registered, broker.url, client_id):
        async with device(broker, "co-000", passwords) as client:
            for number in range(20):
                await client.publish(topic("co-000", "telemetry"), reading(number), qos=1)
        await until(lambda: stored(database, 20))
        await asyncio.to_thread(broker.restart)
        async with device(broker, "co-000", passwords) as client:
            for number in range(20, 40):
                await client.publish(topic("co-000", "telemetry"), reading(number), qos=1)
        await until(lambda: stored(database, 40))


async def test_a_device_added_while_ingest_runs_is_known_at_once(
    registered: str, database: psycopg.AsyncConnection, broker: Mosquitto, let_in: LetIn, client_id: str
) -> None:
    passwords = let_in("late-comer")
    async with working(registered, broker.url, client_id), device(broker, "late-comer", passwords) as client:
        await client.publish(topic("late-comer", "telemetry"), reading(0), qos=1)
        await until(lambda: rejected(database, 1))
        with connect(registered) as connection:
            add_device(connection, uid="late-comer", device_type="co_detector")
        await client.publish(topic("late-comer", "telemetry"), reading(1), qos=1)
        await until(lambda: stored(database, 1))
        with connect(registered) as connection:
            connection.execute("update device set state = 'retired' where uid = 'late-comer'")
        await until(lambda: retired_noticed(client, database))


async def retired_noticed(client: aiomqtt.Client, database: psycopg.AsyncConnection) -> bool:
    await client.publish(topic("late-comer", "telemetry"), reading(2), qos=1)
    return bool(await one(database, "select count(*) from rejects where reason = 'retired_device'"))


async def test_a_payload_that_the_database_cannot_take_is_rejected_alone(
    registered: str, database: psycopg.AsyncConnection, broker: Mosquitto, let_in: LetIn, client_id: str
) -> None:
    await database.execute("alter table telemetry add constraint poison check (co_ppm <> 13)")
    passwords = let_in("co-000")
    async with working(registered, broker.url, client_id), device(broker, "co-000", passwords) as client:
        async with asyncio.TaskGroup() as tasks:
            for number in range(40):
                payload = reading(number, co_ppm=13 if number == 17 else 1)
                tasks.create_task(client.publish(topic("co-000", "telemetry"), payload, qos=1))
        await until(lambda: stored(database, 39))
    (reject,) = await rows(database, "select reason, detail, payload from rejects")
    assert reject["reason"] == "not_storable"
    assert "poison" in reject["detail"]
    assert b'"co_ppm": 13' in reject["payload"]
    (ledger,) = await rows(database, "select received, stored, duplicate, rejected from ledger")
    assert ledger == {"received": 40, "stored": 39, "duplicate": 0, "rejected": 1}


async def test_a_message_that_we_stumble_over_is_rejected_alone(
    registered: str, database: psycopg.AsyncConnection, broker: Mosquitto, let_in: LetIn, client_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def stumbling(deliveries: list[Delivery], *more: Any) -> Batch:
        if any(b'"seq": 17,' in delivery.payload for delivery in deliveries):
            raise RuntimeError("a mistake of ours")
        return sort_out(deliveries, *more)

    monkeypatch.setattr("ingest.storing.sort_out", stumbling)
    passwords = let_in("co-000")
    async with working(registered, broker.url, client_id), device(broker, "co-000", passwords) as client:
        async with asyncio.TaskGroup() as tasks:
            for number in range(40):
                tasks.create_task(client.publish(topic("co-000", "telemetry"), reading(number), qos=1))
        await until(lambda: stored(database, 39))
    (reject,) = await rows(database, "select detail from rejects where reason = 'not_storable'")
    assert "a mistake of ours" in reject["detail"]


async def test_a_wrong_account_is_one_clear_error(registered: str, broker: Mosquitto) -> None:
    wrong = broker.url.replace("nuanshao:", "nuanshao:not-")
    worker = Worker(
        database_url=registered, broker=Broker.parse(wrong), client_id="x", engine=Engine(default_pack()), name="w"
    )
    with pytest.raises(ExceptionGroup) as caught:
        await asyncio.wait_for(worker.run(asyncio.Event()), 20)
    assert isinstance(caught.value.exceptions[0], BrokerRefused)
    assert "not-" not in str(caught.value.exceptions[0])


@pytest.mark.parametrize("url", ["http://127.0.0.1:1883", "mqtt://", "nonsense", "mqtt://host:notaport"])
def test_an_address_that_is_none_is_one_clear_error(url: str) -> None:
    with pytest.raises(SettingsError, match="NUANSHAO_MQTT_URL"):
        Broker.parse(url)


async def connected_or_over(worker: Worker, task: asyncio.Task[None]) -> bool:
    return worker.readings.connected_since is not None or task.done()


async def stored(database: psycopg.AsyncConnection, count: int) -> bool:
    return bool(await one(database, "select count(*) from telemetry") >= count)


async def rejected(database: psycopg.AsyncConnection, count: int) -> bool:
    return bool(await one(database, "select count(*) from rejects") >= count)
