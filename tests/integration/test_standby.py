"""The alarm path survives the database: real broker, real database, emulated carrier, and our processes in this one."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import httpx
import psycopg
import pytest
from pydantic import SecretStr

from alerts import service as service_module
from alerts.channels.aliyun_sms import AliyunSms
from alerts.channels.aliyun_templates import TEMPLATES
from alerts.engine import Engine
from alerts.service import AlertsService
from alerts.standby.bulletin import TOPIC, Bulletin, Danger, encode
from alerts.standby.folder import Folder
from alerts.standby.standby import Standby
from broker import session
from broker.address import Broker
from carriers.app import Running, started
from carriers.settings import CarrierSettings
from catalogue.rules import default_pack
from catalogue.wire import topic
from foundation.clock import utc_now
from ingest.worker import Worker
from runtime.mosquitto import Mosquitto
from runtime.services import Services
from store.connect import connect
from store.registry import add_contact
from tests.forgetting import forget_sessions
from tests.integration.test_ingest import now_ms, until
from tests.outage import Relay, read_only, refusing
from tests.world import COMMITTEE_PHONE, VILLAGE, one, rows, settle

SECRET = "made-up-for-the-test"
SECOND_PHONE = "13800000202"
LetIn = Callable[..., dict[str, str]]


@pytest.fixture
def carrier() -> Iterator[Running]:
    settings = CarrierSettings(
        access_key_id="id",
        access_key_secret=SecretStr(SECRET),
        sign_name="暖哨",
        templates={"SMS_1": TEMPLATES["critical"], "SMS_2": TEMPLATES["routine"]},
        receipt_delay_s=0.0,
    )
    with started(settings) as running:
        yield running


@pytest.fixture
def registered(database_url: str) -> str:
    """Three homes; the detector of the last measures every minute, so that 300 ppm needs no second sample."""
    with connect(database_url) as connection:
        settle(connection)
        add_contact(connection, region=VILLAGE, name="李某某", role="网格员", phone=SECOND_PHONE)
        connection.execute("update device set interval_s = 60 where uid = 'co-002'")
        connection.commit()
    return database_url


class House:
    """Ingest and alerts around one database, one broker and one carrier."""

    def __init__(self, database_url: str, direct_url: str, broker: Mosquitto, carrier: Running, folder: Path) -> None:
        self.database_url, self.direct_url = database_url, direct_url
        self.broker, self.carrier, self.folder = broker, carrier, folder
        self.name = f"{time.time_ns():x}"
        self._sequence = 0

    @asynccontextmanager
    async def ingest(self, index: int = 0, workers: int = 1) -> AsyncIterator[Worker]:
        worker = Worker(
            database_url=self.database_url, broker=Broker.parse(self.broker.url), engine=Engine(default_pack()),
            client_id=f"ingest-{self.name}-{index}", name=f"w-{index}", index=index, workers=workers,
        )  # fmt: skip
        async with running(worker.run) as task:
            await until(lambda: soon(worker.events.connected_since is not None or task.done()))
            yield worker

    @asynccontextmanager
    async def alerts(self) -> AsyncIterator[Standby]:
        folder = Folder(self.folder)
        assert folder.lock()
        channel = AliyunSms(
            endpoint=self.carrier.url, access_key_id="id", secret=SecretStr(SECRET), sign_name="暖哨",
            templates={"critical": "SMS_1", "routine": "SMS_2"}, timeout_s=5.0,
        )  # fmt: skip
        standby = Standby(
            folder=folder, broker=Broker.parse(self.broker.url), pack=default_pack(), channel=channel,
            name=self.name, clock=utc_now,
        )  # fmt: skip
        service = AlertsService(
            database_url=self.database_url,
            engine=Engine(default_pack()),
            channels={"sms": channel},
            name="a",
            standby=standby,
        )
        async with running(service.run):
            await until(lambda: soon(not standby._listener.problem))
            yield standby

    async def copied(self, standby: Standby) -> None:
        """Returns when the copies are newer than this call."""
        now = utc_now()
        await until(lambda: soon(standby._copied_at > now and (self.folder / "registry.sqlite").exists()))

    @asynccontextmanager
    async def device(self, uid: str) -> AsyncIterator[aiomqtt.Client]:
        parts = Broker.parse(self.broker.url)
        async with aiomqtt.Client(
            parts.host, parts.port, username=uid, password=f"password-of-{uid}", identifier=uid
        ) as client:
            yield client

    async def read(self, uid: str, **metrics: float) -> None:
        self._sequence += 1
        payload = json.dumps({"ts": now_ms(), "seq": self._sequence, "boot": 1, "m": metrics})
        async with self.device(uid) as client:
            await client.publish(topic(uid, "telemetry"), payload, qos=1)

    async def say(self, uid: str, event: str) -> None:
        async with self.device(uid) as client:
            await client.publish(topic(uid, "event"), json.dumps({"ts": now_ms(), "type": event, "on": True}), qos=1)

    async def phones(self) -> list[tuple[str, str]]:
        """What each phone has received of critical messages: its number and what happened, in the order of both."""
        async with httpx.AsyncClient(trust_env=False) as http:
            messages = (await http.get(f"{self.carrier.url}/messages.json")).json()
        return sorted(
            (message["phone"], what(message["text"])) for message in messages if "回复1确认" in message["text"]
        )

    async def told(self, *happened: str) -> None:
        """Returns when both phones have received exactly this, each once; never when anything more has come."""
        wanted = sorted((phone, text) for phone in (COMMITTEE_PHONE, SECOND_PHONE) for text in happened)
        await until(lambda: self._phones_have(wanted), 30)

    async def _phones_have(self, wanted: list[tuple[str, str]]) -> bool:
        received = await self.phones()
        assert len(received) == len(set(received)), f"told twice: {received}"
        return received == wanted


@asynccontextmanager
async def running(work: Callable[[asyncio.Event], Awaitable[None]]) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    task = asyncio.ensure_future(work(stop))
    assert isinstance(task, asyncio.Task)
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


async def soon(value: object) -> bool:
    return bool(value)


BIT, GAS, CO, GAS_BIT, FIRE = "一氧化碳探测器报警", "10%LEL", "300ppm", "燃气探测器报警", "火灾或烟雾探测器报警"


def what(text: str) -> str:
    return next(word for word in (BIT, GAS, CO, GAS_BIT, FIRE) if word in text)


async def told_notifications(house: House, database: psycopg.AsyncConnection, count: int) -> list[dict[str, Any]]:
    """The messages of the database, when so many of them have been accepted."""
    query = (
        "select count(*) from notification"
        " where kind = 'raised' and template = 'critical' and state in ('accepted', 'delivered')"
    )

    async def all_there() -> bool:
        return bool(await one(database, query) >= count)

    await until(all_there, 60)
    return await rows(
        database, "select * from notification where kind = 'raised' and template = 'critical' order by id"
    )


@pytest.fixture
async def house(
    registered: str, broker: Mosquitto, carrier: Running, tmp_path: Path, let_in: LetIn,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[House]:  # fmt: skip
    let_in("co-000", "co-001", "co-002", "gb-000")
    monkeypatch.setattr(service_module, "OPEN_ALARMS_EVERY_S", 0.5)
    made = House(registered, registered, broker, carrier, tmp_path / "standby")
    yield made
    await forget_sessions(broker.url, *(f"ingest-{made.name}-{index}" for index in range(2)))


@pytest.fixture
def admin_url(services: Services) -> str:
    assert services.postgres is not None
    return services.postgres.url("postgres")


async def accounted_for(house: House, database: psycopg.AsyncConnection, happened: set[str]) -> None:
    """Alarms and messages stand in the database, with the carrier's ids, and nobody was told twice."""
    messages = await told_notifications(house, database, 2 * len(happened))
    async with httpx.AsyncClient(trust_env=False) as http:
        sent = (await http.get(f"{house.carrier.url}/messages.json")).json()
    carriers = {
        (message["biz_id"], message["out_id"], message["text"].removeprefix("【暖哨】"))
        for message in sent
        if message["template"] == "SMS_1"
    }
    assert {(m["carrier_id"], m["idempotency_key"], m["body"]) for m in messages} == carriers
    assert {m["reason"] for m in messages} <= {"told_without_database", "delivered"}
    recorded = await rows(database, "select * from told_without_database order by key")
    assert {(t["key"], t["notification_id"]) for t in recorded} == {(m["idempotency_key"], m["id"]) for m in messages}
    assert await one(database, "select count(*) from alarm where raised_at is not null") >= len(happened)


async def test_with_the_database_stopped_co_and_gas_are_told_and_then_accounted_for(
    house: House, admin_url: str, registered: str
) -> None:
    async with house.alerts() as standby, house.ingest():
        await house.copied(standby)
        async with refusing(admin_url, registered):
            await house.say("co-000", "co_alarm")
            await house.read("co-002", co_ppm=400)
            await house.read("co-001", ch4_lel=14)
            await house.told(BIT, CO, GAS)
            await until(lambda: soon(standby.problem == "telling without the database"))
            # three alarms, two people each
            await until(lambda: soon((standby.acting, standby.unrecorded) == (True, 6)))
        async with await psycopg.AsyncConnection.connect(house.direct_url, autocommit=True) as database:
            await accounted_for(house, database, {BIT, CO, GAS})
            await house.told(BIT, CO, GAS)
            await until(lambda: soon(not standby.problem))
            assert (standby.acting, standby.unrecorded) == (False, 0)


async def test_with_a_database_that_hangs_they_are_told_too(house: House, registered: str) -> None:
    relay = Relay()
    async with relay.before(registered) as through:
        house.database_url = through
        async with house.alerts() as standby, house.ingest():
            await house.copied(standby)
            relay.flows.clear()
            await house.say("co-000", "co_alarm")
            await house.read("co-002", co_ppm=400)
            await house.told(BIT, CO)
            relay.flows.set()
            async with await psycopg.AsyncConnection.connect(registered, autocommit=True) as database:
                await accounted_for(house, database, {BIT, CO})
                await house.told(BIT, CO)


async def test_with_a_database_that_refuses_to_store_it_is_told_too(
    house: House, admin_url: str, registered: str
) -> None:
    async with house.alerts() as standby, house.ingest():
        await house.copied(standby)
        async with read_only(admin_url, registered):
            await house.say("co-000", "co_alarm")
            await house.say("co-001", "fire_alarm")
            await house.told(BIT, FIRE)
        async with await psycopg.AsyncConnection.connect(registered, autocommit=True) as database:
            await accounted_for(house, database, {BIT, FIRE})
            await house.told(BIT, FIRE)


async def test_two_ingest_workers_that_cannot_store_tell_it_once(house: House, admin_url: str, registered: str) -> None:
    async with house.alerts() as standby, house.ingest(0, 2), house.ingest(1, 2):
        await house.copied(standby)
        async with refusing(admin_url, registered):
            await house.say("co-000", "co_alarm")
            await house.read("co-002", co_ppm=400)
            await house.told(BIT, CO)
            await house.read("co-002", co_ppm=420)
            await house.say("co-001", "gas_alarm")
            await house.told(BIT, CO, GAS_BIT)
        async with await psycopg.AsyncConnection.connect(registered, autocommit=True) as database:
            await accounted_for(house, database, {BIT, CO, GAS_BIT})
            await house.told(BIT, CO, GAS_BIT)


async def test_a_device_cannot_say_that_something_is_dangerous_elsewhere(house: House) -> None:
    async with house.alerts() as standby:
        await house.copied(standby)
        lie = Bulletin("w", (Danger("co-001", now_ms(), now_ms(), event="co_alarm", on=True),))
        async with house.device("co-000") as client:
            await client.publish(TOPIC, encode(lie), qos=1)
        parts = Broker.parse(house.broker.url)
        true = Bulletin("w", (Danger("co-000", now_ms(), now_ms(), event="gas_alarm", on=True),))
        async with aiomqtt.Client(
            parts.host, parts.port, username=parts.username, password=(parts.password or b"").decode()
        ) as client:
            await client.publish(TOPIC, encode(true), qos=1)
        await house.told(GAS_BIT)


async def test_what_was_open_and_told_before_is_not_told_again(house: House, admin_url: str, registered: str) -> None:
    async with house.alerts() as standby, house.ingest():
        await house.copied(standby)
        await house.read("co-002", co_ppm=400)
        await house.told(CO)
        await house.copied(standby)
        async with refusing(admin_url, registered):
            await house.read("co-002", co_ppm=410)
            await house.say("co-000", "co_alarm")
            await house.told(BIT, CO)
        async with await psycopg.AsyncConnection.connect(registered, autocommit=True) as database:
            await told_notifications(house, database, 4)
            await house.told(BIT, CO)
            assert await one(database, "select count(*) from told_without_database") == 2


async def test_a_restart_of_alerts_in_the_outage_tells_nothing_twice_and_what_is_new(
    house: House, admin_url: str, registered: str
) -> None:
    async with house.ingest():
        async with house.alerts() as standby:
            await house.copied(standby)
        async with refusing(admin_url, registered):
            async with house.alerts():
                await house.say("co-000", "co_alarm")
                await house.told(BIT)
            await house.read("co-002", co_ppm=400)  # while nobody listens
            async with house.alerts():
                await house.told(BIT, CO)
                await house.say("co-000", "co_alarm")
                await house.read("co-001", ch4_lel=20)
                await house.told(BIT, CO, GAS)
        async with house.alerts(), await psycopg.AsyncConnection.connect(registered, autocommit=True) as database:
            await accounted_for(house, database, {BIT, CO, GAS})
            await house.told(BIT, CO, GAS)


async def test_a_restart_of_ingest_in_the_outage_tells_all_the_same(
    house: House, admin_url: str, registered: str
) -> None:
    async with house.alerts() as standby:
        async with house.ingest():
            await house.copied(standby)
        async with refusing(admin_url, registered):
            await house.say("co-000", "co_alarm")  # waits in the session
            async with house.ingest():
                await house.told(BIT)
                await house.read("co-002", co_ppm=400)
                await house.told(BIT, CO)
        async with house.ingest(), await psycopg.AsyncConnection.connect(registered, autocommit=True) as database:
            await accounted_for(house, database, {BIT, CO})
            await house.told(BIT, CO)


async def test_a_session_that_may_take_no_more_does_not_block_it(
    house: House, admin_url: str, registered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ingest import sessions

    real = sessions.readings_login

    def small(client_id: str, index: int, workers: int) -> session.Login:
        from dataclasses import replace

        return replace(real(client_id, index, workers), receive_max=20)

    monkeypatch.setattr("ingest.worker.readings_login", small)
    async with house.alerts() as standby, house.ingest() as worker:
        await house.copied(standby)
        async with refusing(admin_url, registered):
            await house.say("co-000", "co_alarm")
            await house.told(BIT)
            async with house.device("gb-000") as client:
                for number in range(200):
                    payload = json.dumps({"ts": now_ms() + number, "seq": number, "boot": 1, "m": {"flow_c": 40}})
                    await client.publish(topic("gb-000", "telemetry"), payload, qos=1)
            assert len(worker._storing[0].unstored()) <= 20
            await house.read("co-002", co_ppm=400)
            await house.told(BIT, CO)
        async with await psycopg.AsyncConnection.connect(registered, autocommit=True) as database:
            await accounted_for(house, database, {BIT, CO})
            assert await one(database, "select count(*) from telemetry") == 201
            await house.told(BIT, CO)
