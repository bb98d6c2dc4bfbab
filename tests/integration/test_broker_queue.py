"""What the broker keeps and what it throws away, found out by trying, and said in health."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import aiomqtt
import psycopg
import pytest

from alerts.channels.channel import Message, Outcome, Receipt, Refused, Way
from alerts.engine import Engine
from alerts.service import AlertsService
from broker import queue_probe
from broker.address import Broker
from broker.delivery import Delivery
from broker.queue_probe import MESSAGES, QueueVerdict, probe_queue
from broker.session import Connection, Login, connect
from broker.version import broker_version
from catalogue.rules import default_pack
from foundation.clock import utc_now
from foundation.errors import BrokerUnavailable
from runtime import mosquitto
from runtime.mosquitto import Mosquitto
from runtime.services import Services
from store.health import look
from tests.integration.test_ingest import until


@pytest.fixture
def own_broker(services: Services) -> Iterator[Mosquitto]:
    """A broker of the test's own, not yet started."""
    folder = Path(tempfile.mkdtemp(prefix="nuanshao-broker-"))
    folder.chmod(0o755)
    broker = Mosquitto(folder / "mosquitto", services.programs.broker)
    yield broker
    broker.stop()
    shutil.rmtree(folder)


@pytest.fixture
def careless(own_broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> Mosquitto:
    """A broker as Mosquitto is without our settings: 1000 messages a session, and no more."""
    ours = mosquitto.SAFETY_SETTINGS.read_text(encoding="ascii")
    settings = own_broker.folder.parent / "settings"
    settings.write_text(ours.replace("max_queued_messages 2000000", "max_queued_messages 1000"), encoding="ascii")
    assert settings.read_text() != ours
    monkeypatch.setattr(mosquitto, "SAFETY_SETTINGS", settings)
    own_broker.start()
    return own_broker


async def test_our_broker_keeps_what_ingest_has_not_taken(broker: Mosquitto) -> None:
    assert await probe_queue(Broker.parse(broker.url)) == QueueVerdict("kept_all", MESSAGES)


async def test_a_broker_with_the_usual_limits_is_found_out(careless: Mosquitto) -> None:
    assert await probe_queue(Broker.parse(careless.url)) == QueueVerdict("dropped", 1000)


async def test_an_account_that_may_not_is_refused_and_an_absent_broker_says_so(
    broker: Mosquitto, let_in: Callable[..., dict[str, str]]
) -> None:
    passwords = let_in("co-000")
    for user, password in (("nuanshao", "wrong"), ("co-000", passwords["co-000"])):
        stranger = Broker("127.0.0.1", broker.port, user, password.encode(), tls=False)
        assert await probe_queue(stranger) == QueueVerdict("refused", 0)
    with pytest.raises(BrokerUnavailable):
        await probe_queue(Broker("127.0.0.1", 9, None, None, tls=False))


async def test_nothing_of_a_trial_stays_also_when_it_fails(
    careless: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise BrokerUnavailable("cut off", do="nothing")

    address = Broker.parse(careless.url)
    monkeypatch.setattr(queue_probe, "_publish", fail)
    with pytest.raises(BrokerUnavailable, match="cut off"):
        await probe_queue(address)
    other = Connection(0, lambda _: None)
    await connect(other, address, Login("another-session", filters=("nuanshao/v1/probe/other",)))
    other.disconnect()
    await asyncio.wait_for(other.lost, 10)
    careless.stop()
    saved = (careless.folder / "data" / "mosquitto.db").read_bytes()
    assert b"another-session" in saved
    assert b"nuanshao-probe" not in saved


async def test_a_session_is_kept_as_long_as_it_asked_for(broker: Mosquitto) -> None:
    address = Broker.parse(broker.url)
    left = Login("left-behind", filters=("nuanshao/v1/probe/left",), keep_s=1)
    first = Connection(0, lambda _: None)
    await connect(first, address, left)
    first.disconnect()
    await asyncio.wait_for(first.lost, 10)
    await asyncio.sleep(3)
    second = Connection(1, lambda _: None)
    await connect(second, address, left)
    second.disconnect(for_good=True)
    assert second.session_present is False


class Nowhere:
    name = "nowhere"
    way: Way = "sms"
    receipts = True
    remembers = True

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
        database_url=database_url, engine=Engine(default_pack()), channels={"sms": Nowhere()}, name="a",
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


async def test_the_broker_says_which_one_it_is(
    broker: Mosquitto, services: Services, let_in: Callable[..., dict[str, str]]
) -> None:
    address = Broker.parse(broker.url)
    assert await broker_version(address) == f"mosquitto version {services.programs.broker.version}"
    passwords = let_in("co-000")
    device = Broker(address.host, address.port, "co-000", passwords["co-000"].encode(), tls=False)
    assert await broker_version(device) == "", "not for everybody"


async def test_the_broker_has_nothing_to_say_against_an_ordinary_publisher(own_broker: Mosquitto) -> None:
    own_broker.start()
    address = Broker.parse(own_broker.url)
    publisher = Connection(0, lambda _: None)
    await connect(publisher, address, Login("publisher", keep=False))
    await asyncio.gather(*(publisher.publish("nuanshao/v1/probe/quota", b"") for _ in range(100)))
    publisher.disconnect()
    await asyncio.wait_for(publisher.lost, 10)
    async with aiomqtt.Client(
        address.host, address.port, username=address.username, password=(address.password or b"").decode(),
        protocol=aiomqtt.ProtocolVersion.V311,
    ) as client:  # fmt: skip
        await client.publish("nuanshao/v1/probe/quota", b"", qos=1)
    own_broker.stop()
    assert "receive-maximum" not in own_broker.log.read_text(encoding="utf-8")


@pytest.mark.parametrize(("share", "come"), [(False, [b"before", b"after"]), (True, [b"before"])])
async def test_a_restarted_broker_has_forgotten_shared_subscriptions_and_no_others(
    own_broker: Mosquitto, *, share: bool, come: list[bytes]
) -> None:
    """Why one worker shares with nobody (ingest/sessions.py). Should a Mosquitto save them one day, this tells."""
    topic = "nuanshao/v1/probe/restart"
    login = Login("worker", divisible=(topic,), group="workers", share=share)
    own_broker.start()
    address = Broker.parse(own_broker.url)
    arrived: list[bytes] = []
    ended = asyncio.Event()

    def hear(deliveries: list[Delivery]) -> None:
        arrived.extend(delivery.payload for delivery in deliveries)
        back.acknowledge(deliveries)
        if b"end" in arrived:
            ended.set()

    async def leave(connection: Connection) -> None:
        connection.disconnect()
        await asyncio.wait_for(connection.lost, 10)

    async def publish(payload: bytes) -> None:
        publisher = Connection(0, lambda _: None)
        await connect(publisher, address, Login("publisher", keep=False))
        await publisher.publish(topic, payload)
        await leave(publisher)

    worker = Connection(0, lambda _: None)
    await connect(worker, address, login)
    await leave(worker)
    await publish(b"before")
    own_broker.restart()
    await publish(b"after")
    back = Connection(1, hear)
    await connect(back, address, login)
    await publish(b"end")
    await asyncio.wait_for(ended.wait(), 10)
    await leave(back)
    assert arrived == [*come, b"end"]
