"""What the broker keeps and what it throws away, found out by trying, and said in health."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import psycopg
import pytest

from alerts.channels.channel import Message, Outcome, Receipt, Refused
from alerts.engine import Engine
from alerts.service import AlertsService
from broker.address import Broker
from broker.queue_probe import MESSAGES, QueueVerdict, probe_queue
from broker.session import Connection, Login, connect
from catalogue.rules import default_pack
from foundation.clock import utc_now
from foundation.errors import BrokerUnavailable
from runtime import mosquitto
from runtime.mosquitto import Mosquitto
from runtime.services import Services
from store.health import look
from tests.integration.test_ingest import until


@pytest.fixture
def careless(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mosquitto]:
    """A broker as Mosquitto is without our settings: 1000 messages a session, and no more."""
    folder = Path(tempfile.mkdtemp(prefix="nuanshao-broker-"))
    folder.chmod(0o755)
    ours = mosquitto.SAFETY_SETTINGS.read_text(encoding="ascii")
    settings = folder / "settings"
    settings.write_text(ours.replace("max_queued_messages 2000000", "max_queued_messages 1000"), encoding="ascii")
    assert settings.read_text() != ours
    monkeypatch.setattr(mosquitto, "SAFETY_SETTINGS", settings)
    broker = Mosquitto(folder / "mosquitto", services.programs.broker)
    broker.start()
    yield broker
    broker.stop()
    shutil.rmtree(folder)


async def test_our_broker_keeps_what_ingest_has_not_taken(broker: Mosquitto) -> None:
    assert await probe_queue(Broker.parse(broker.url)) == QueueVerdict("kept_all", MESSAGES)


async def test_a_broker_with_the_usual_limits_is_found_out(careless: Mosquitto) -> None:
    verdict = await probe_queue(Broker.parse(careless.url))
    assert verdict.reason == "dropped"
    assert 900 < verdict.kept < MESSAGES


async def test_an_account_that_may_not_is_refused_and_an_absent_broker_says_so(broker: Mosquitto) -> None:
    parts = Broker.parse(broker.url)
    stranger = Broker(parts.host, parts.port, "nuanshao", b"wrong", tls=False)
    with pytest.raises(Exception, match="refused us"):
        await probe_queue(stranger)
    with pytest.raises(BrokerUnavailable):
        await probe_queue(Broker("127.0.0.1", 9, None, None, tls=False))


class Nowhere:
    name = "nowhere"

    async def send(self, _: Message) -> Outcome:
        return Refused("nowhere", retryable=False)

    async def lookup(self, _: Message, __: object) -> Receipt | None:
        return None

    async def close(self) -> None:
        return None


async def test_what_a_broker_throws_away_turns_health_red(
    careless: Mosquitto, database_url: str, database: psycopg.AsyncConnection
) -> None:
    address = Broker.parse(careless.url)
    service = AlertsService(
        database_url=database_url, engine=Engine(default_pack()), channel=Nowhere(), name="a",
        broker=address,
    )  # fmt: skip
    stop = asyncio.Event()
    task = asyncio.create_task(service.run(stop))
    try:
        await probe_queue(address)  # overfills a session

        async def red() -> bool:
            found = (await look(database, utc_now())).problems
            return any("thrown away" in problem and "max_queued_messages" in problem for problem in found)

        await until(red, 60)
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


async def test_a_keep_alive_of_an_hour_is_one_that_the_broker_bears(broker: Mosquitto) -> None:
    parts = Broker.parse(broker.url)
    async with aiomqtt.Client(
        parts.host, parts.port, username=parts.username, password=(parts.password or b"").decode(), keepalive=3600,
        protocol=aiomqtt.ProtocolVersion.V311,
    ) as client:  # fmt: skip
        await asyncio.sleep(3)
        await client.publish("nuanshao/v1/probe/keep-alive", b"still here", qos=1)


async def test_a_session_that_has_left_for_good_is_forgotten(broker: Mosquitto) -> None:
    address = Broker.parse(broker.url)
    for _ in range(2):
        connection = Connection(1, lambda _: None)
        await connect(connection, address, Login("leaver", filters=("nuanshao/v1/probe/leaver",)))
        assert connection.session_present is False, "nothing was kept"
        connection.disconnect(for_good=True)
        await asyncio.wait_for(asyncio.shield(connection.lost), 10)
