"""What the broker throws away, as the alerts process learns it and as health tells it; and that alerts outlive it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from alerts.broker_watch import BrokerWatch
from alerts.engine import Engine
from alerts.metrics import AlertsMetrics
from alerts.service import AlertsService
from broker import statistics
from broker.address import Broker
from broker.statistics import DROPPED
from catalogue.rules import default_pack
from runtime.mosquitto import Mosquitto
from store.health import look
from tests.integration.test_broker_queue import Nowhere
from tests.integration.test_ingest import until
from tests.world import NIGHT, World, one


class Watch(BrokerWatch):
    """Fed by hand, by the world's clock."""

    def __init__(self, world: World) -> None:
        super().__init__(Broker("nowhere", 1883, None, None, tls=False), AlertsMetrics(lambda: 0), lambda: world.now)
        self._world = world

    async def heard(self, at: float, dropped: float) -> None:
        self._world.at(at)
        self.hear(DROPPED, dropped)
        await self.keep_broker_state(self._world.database)


async def told(world: World, at: float = 100) -> list[str]:
    found = await look(world.database, NIGHT + timedelta(seconds=at))
    return [problem.partition(",")[0] for problem in found.problems if "thrown away" in problem]


async def test_nothing_dropped_is_nothing_told(world: World) -> None:
    await Watch(world).heard(0, 0)
    assert await told(world) == []


async def test_what_was_dropped_is_told_for_a_day_also_when_the_broker_has_begun_again(world: World) -> None:
    watch = Watch(world)
    await watch.heard(0, 0)
    await watch.heard(10, 400)
    assert await told(world) == ["the broker has thrown away 400 messages"]
    await watch.heard(20, 0)
    assert await told(world) == ["the broker has thrown away 400 messages"], "a restart made nothing good"
    await watch.heard(30, 70)
    assert await told(world) == ["the broker has thrown away 470 messages"]
    assert await told(world, 30 + 24 * 3600 - 1) == ["the broker has thrown away 470 messages"]
    assert await told(world, 30 + 24 * 3600) == []


async def test_what_a_restarted_broker_has_dropped_before_we_heard_of_it_counts(world: World) -> None:
    watch = Watch(world)
    await watch.heard(0, 1000)
    await watch.heard(10, 300)
    assert await told(world) == ["the broker has thrown away 1300 messages"]


async def test_after_a_day_without_the_count_begins_anew(world: World) -> None:
    watch = Watch(world)
    await watch.heard(0, 1000)
    await watch.heard(25 * 3600, 1001)
    assert await told(world, 25 * 3600) == ["the broker has thrown away 1 messages"]


async def test_two_processes_that_hear_the_same_count_it_once_and_a_late_one_does_no_harm(world: World) -> None:
    first, second = Watch(world), Watch(world)
    await first.heard(0, 10)
    await second.heard(1, 10)
    world.at(2)
    second.hear(DROPPED, 15)
    await first.heard(3, 30)
    await second.keep_broker_state(world.database)
    assert await told(world) == ["the broker has thrown away 30 messages"]
    await first.keep_broker_state(world.database)
    assert await one(world.database, "select value from broker_state") == 30


async def test_what_could_not_be_written_is_written_later(world: World, database_url: str) -> None:
    watch = Watch(world)
    gone = await psycopg.AsyncConnection.connect(database_url)
    await gone.close()
    world.at(0)
    watch.hear(DROPPED, 5)
    with pytest.raises(psycopg.OperationalError):
        await watch.keep_broker_state(gone)
    await watch.keep_broker_state(world.database)
    assert await told(world) == ["the broker has thrown away 5 messages"]


@pytest.mark.parametrize("how", ["wrong password", "no broker", "no certificate"])
async def test_alerts_go_on_whatever_the_broker_refuses_and_say_so(
    how: str,
    broker: Mosquitto,
    database_url: str,
    database: psycopg.AsyncConnection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(statistics, "RETRY_S", 0.1)
    port = broker.port
    address = {
        "wrong password": Broker("127.0.0.1", port, "nuanshao", b"wrong", tls=False),
        "no broker": Broker("127.0.0.1", 9, None, None, tls=False),
        "no certificate": Broker("127.0.0.1", port, None, None, tls=True, ca_file=str(tmp_path / "renewing.pem")),
    }[how]
    service = AlertsService(
        database_url=database_url, engine=Engine(default_pack()), channels={"sms": Nowhere()}, name="a", broker=address
    )
    stop = asyncio.Event()
    task = asyncio.create_task(service.run(stop))

    async def said() -> bool:
        assert not task.done(), task.exception()
        return bool(
            await one(database, "select problem like '%%counters are not heard%%' from worker where name = 'a'")
        )

    try:
        await until(said)
        await asyncio.sleep(0.5)
        assert not task.done()
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)
