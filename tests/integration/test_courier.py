"""The outbox and its courier against the emulated carrier, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from alerts.acknowledgement import acknowledge_alarm
from alerts.channels.aliyun_sms import AliyunSms
from alerts.channels.aliyun_templates import TEMPLATES
from alerts.channels.channel import Receipt
from alerts.courier import Courier, Step, record_receipt
from alerts.parcel import Parcel
from carriers.app import Running, started
from carriers.settings import CarrierSettings
from foundation.clock import utc_now
from store.connect import Pool, pool
from tests.world import COMMITTEE_PHONE, World, rows

SECRET = "made-up-for-the-test"


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


class Behave(Protocol):
    def __call__(self, **how: object) -> None: ...


@pytest.fixture
def behave(carrier: Running) -> Iterator[Behave]:
    """Tells the carrier how to behave for this test."""

    def tell(**how: object) -> None:
        httpx.post(f"{carrier.url}/_carrier/behaviour", json=how, trust_env=False).raise_for_status()

    yield tell
    httpx.delete(f"{carrier.url}/_carrier/behaviour", trust_env=False).raise_for_status()


@pytest.fixture
async def connections(database_url: str) -> AsyncIterator[Pool]:
    opened = pool(database_url)
    await opened.open()
    yield opened
    await opened.close()


def channel(carrier: Running, *, timeout_s: float = 5.0) -> AliyunSms:
    return AliyunSms(
        endpoint=carrier.url,
        access_key_id="id",
        secret=SecretStr(SECRET),
        sign_name="暖哨",
        templates={"critical": "SMS_1", "routine": "SMS_2"},
        timeout_s=timeout_s,
    )


class Office:
    """A courier, its clock moved by the test, and what the phone of the committee received."""

    def __init__(self, carrier: Running, connections: Pool, *, timeout_s: float = 5.0) -> None:
        self.carrier = carrier
        self.ahead = timedelta()
        self.channel = channel(carrier, timeout_s=timeout_s)
        self.courier = Courier(connections, {"sms": self.channel}, lambda: utc_now() + self.ahead)

    async def later(self, seconds: float) -> int:
        self.ahead += timedelta(seconds=seconds)
        return await self.courier.round()

    async def received(self, text: str) -> int:
        async with httpx.AsyncClient(trust_env=False) as http:
            messages = (await http.get(f"{self.carrier.url}/messages.json")).json()
        return sum(text in message["text"] for message in messages)


@pytest.fixture
async def office(carrier: Running, connections: Pool) -> AsyncIterator[Office]:
    made = Office(carrier, connections, timeout_s=1.5)
    yield made
    await made.channel.close()


@pytest.fixture
async def now_world(world: World) -> World:
    """The world at the present time: carriers refuse dates that are far from theirs."""
    world.start = world.now = datetime.now(UTC)
    return world


async def overheat(world: World, at: float, flow_c: float = 103.0) -> str:
    """An alarm with one message; returns the words by which the phone recognises it."""
    await world.read("gb-000", at, flow_c=flow_c)
    return f"现{flow_c:.1f}度"


async def notification(database: psycopg.AsyncConnection) -> dict[str, object]:
    (row,) = await rows(database, "select * from notification where kind = 'raised'")
    return row


async def test_a_message_is_accepted_and_its_receipt_ends_it(now_world: World, office: Office) -> None:
    words = await overheat(now_world, 0, 103.1)
    assert await office.courier.round() == 1
    sent = await notification(now_world.database)
    assert (sent["state"], sent["attempts"], await office.received(words)) == ("accepted", 1, 1)

    receipt = Receipt(str(sent["carrier_id"]), str(sent["idempotency_key"]), True, "delivered", utc_now())
    assert await record_receipt(now_world.database, receipt, utc_now()) is True
    assert await record_receipt(now_world.database, receipt, utc_now()) is False, "a repeated receipt is no news"
    assert (await notification(now_world.database))["state"] == "delivered"


async def test_a_lost_receipt_is_asked_for(now_world: World, office: Office) -> None:
    await overheat(now_world, 0, 103.2)
    await office.courier.round()
    assert (await notification(now_world.database))["state"] == "accepted"
    await office.later(25 * 60)
    ended = await notification(now_world.database)
    assert (ended["state"], ended["ended_at"] is not None) == ("delivered", True)


async def test_a_time_out_is_looked_up_and_not_sent_twice(now_world: World, office: Office, behave: Behave) -> None:
    behave(kind="time_out", accept=True, times=1)
    words = await overheat(now_world, 0, 103.3)
    await office.courier.round()
    assert (await notification(now_world.database))["state"] == "sending"
    await office.later(20)
    assert (await notification(now_world.database))["state"] in {"accepted", "delivered"}
    assert await office.received(words) == 1


async def test_a_time_out_that_never_arrived_is_sent_again(now_world: World, office: Office, behave: Behave) -> None:
    behave(kind="time_out", accept=False, times=1)
    words = await overheat(now_world, 0, 103.4)
    await office.courier.round()
    await office.later(20)
    row = await notification(now_world.database)
    assert (row["state"], row["attempts"], await office.received(words)) == ("accepted", 2, 1)


async def test_a_limit_is_waited_for_and_a_wrong_number_is_the_end(
    now_world: World, office: Office, behave: Behave
) -> None:
    behave(kind="refuse", code="isv.BUSINESS_LIMIT_CONTROL", message="触发分钟级流控Permits:1", times=1)
    await overheat(now_world, 0, 103.5)
    await office.courier.round()
    row = await notification(now_world.database)
    assert (row["state"], row["reason"]) == ("pending", "carrier_limit_minute")
    behave(kind="refuse", code="isv.MOBILE_NUMBER_ILLEGAL", message="非法手机号", times=1)
    await office.later(61)
    row = await notification(now_world.database)
    assert (row["state"], row["ended_at"] is not None) == ("failed", True)


async def test_what_is_over_before_it_was_told_is_superseded(now_world: World, office: Office) -> None:
    await now_world.read("gb-000", 0, flow_c=97)
    await now_world.deadlines(30)
    for second in range(40, 130, 10):
        await now_world.read("gb-000", second, flow_c=60)
    await office.later(130)
    await office.later(5)
    states = {row["kind"]: (row["state"], row["reason"]) for row in await now_world.messages()}
    assert states == {
        "raised": ("superseded", "closed_before_it_was_told"),
        "cleared": ("superseded", "the_first_was_never_told"),
    }


async def test_a_safety_alarm_that_is_normal_again_is_told_all_the_same(now_world: World, office: Office) -> None:
    words = await overheat(now_world, 0, 103.6)
    for second in range(10, 100, 10):
        await now_world.read("gb-000", second, flow_c=50)
    await office.later(100)
    await office.later(5)
    assert await office.received(words) == 1
    kinds = {row["kind"]: row["state"] for row in await now_world.messages()}
    assert kinds == {"raised": "accepted", "cleared": "accepted"}


async def test_acknowledged_before_it_was_told_still_reaches_the_village_when_critical(
    now_world: World, office: Office
) -> None:
    words = await overheat(now_world, 0, 103.7)
    alarm = (await now_world.alarms())[0]["id"]
    await acknowledge_alarm(now_world.database, alarm, by="desk", how="api", now=utc_now())
    await office.courier.round()
    assert await office.received(words) == 1


async def test_a_courier_killed_between_sending_and_writing_down_does_not_send_twice(
    now_world: World, carrier: Running, connections: Pool, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = await overheat(now_world, 0, 103.8)
    victim = Office(carrier, connections)

    async def die(*_: object) -> None:
        raise ConnectionAbortedError("kill -9")

    monkeypatch.setattr(victim.courier, "_write", die)
    with pytest.raises(ConnectionAbortedError):
        await victim.courier.round()
    await victim.channel.close()
    assert await office.courier.round() == 0, "the claim still holds"
    await office.later(61)
    assert await office.received(words) == 1
    told = await notification(now_world.database)
    assert (told["state"] in {"accepted", "delivered"}, told["accepted_at"] is not None) == (True, True)


async def test_a_message_whose_answer_was_lost_and_that_has_arrived_counts_as_told(
    now_world: World, office: Office, behave: Behave
) -> None:
    behave(kind="time_out", accept=True, times=1)
    words = await overheat(now_world, 0, 104.1)
    await office.courier.round()
    await asyncio.sleep(0.1)  # its receipt is there at once
    await office.later(20)
    told = await notification(now_world.database)
    assert (told["state"], told["accepted_at"] is not None, await office.received(words)) == ("delivered", True, 1)


async def test_a_database_that_goes_away_while_a_message_is_under_way_recalls_nothing(
    now_world: World, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = await overheat(now_world, 0, 104.2)
    write, away = office.courier._write, 3

    async def fail(connection: psycopg.AsyncConnection, ended: Sequence[tuple[Parcel, Step]]) -> None:
        nonlocal away
        away -= 1
        if away >= 0:
            raise psycopg.OperationalError("the database system is starting up")
        await write(connection, ended)

    monkeypatch.setattr(office.courier, "_write", fail)
    for _ in range(3):
        with pytest.raises(psycopg.OperationalError):
            await office.courier.round()
    assert (await notification(now_world.database))["state"] == "sending"
    await office.courier.round()
    assert (await notification(now_world.database))["state"] == "accepted", "long before its claim has run out"
    assert await office.received(words) == 1


async def test_two_couriers_send_each_message_once(now_world: World, carrier: Running, connections: Pool) -> None:
    first, second = Office(carrier, connections), Office(carrier, connections)
    await overheat(now_world, 0, 103.9)
    await now_world.database.execute(
        "with others as (insert into contact (region_id, name, phone)"
        "  select region_id, 'n', 13800001000 + n from contact, generate_series(1, 40) n returning id)"
        " insert into notification (alarm_id, kind, contact_id, template, params, body, idempotency_key)"
        " select n.alarm_id, 'raised', o.id, template, params, body, 'two-couriers-' || o.id"
        " from notification n, others o"
    )
    behind = await asyncio.gather(first.courier.round(), second.courier.round())
    for one_of_them in (first, second):
        await one_of_them.channel.close()
    assert sum(behind) == 41
    attempts = await rows(now_world.database, "select state, attempts, count(*) from notification group by 1, 2")
    assert attempts == [{"state": "accepted", "attempts": 1, "count": 41}]


async def test_the_outbox_wakes_its_courier(now_world: World, database_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as listener:
        await listener.execute("listen nuanshao_outbox")
        await overheat(now_world, 0)
        heard = [note.channel async for note in listener.notifies(timeout=5, stop_after=1)]
    assert heard == ["nuanshao_outbox"]


async def test_the_phone_is_the_committees(now_world: World, office: Office) -> None:
    await overheat(now_world, 0)
    await office.courier.round()
    async with httpx.AsyncClient(trust_env=False) as http:
        messages = (await http.get(f"{office.carrier.url}/messages.json")).json()
    assert [message["phone"] for message in messages] == [COMMITTEE_PHONE]
