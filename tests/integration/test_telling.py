"""Storms, quotas and nights: what becomes a digest, and what goes through all of it. A clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import httpx
import pytest
from pydantic import SecretStr

from alerts.channels.aliyun_sms import AliyunSms
from alerts.channels.aliyun_templates import TEMPLATES
from alerts.channels.channel import Accepted, Channel, Message, Outcome, Refused, Way
from alerts.courier import Courier
from alerts.digests import Digests
from alerts.policy.stages import Policy, Quiet
from carriers.app import Running, started
from carriers.settings import CarrierSettings, Limits
from catalogue.rules import Hours, default_pack
from store.connect import Pool, pool
from tests.world import World, one, rows

SECRET = "made-up-for-the-test"
QUIET = Policy(Quiet(Hours(since=22, until=7), ZoneInfo("Asia/Shanghai")))


class Phone:
    """Takes everything, this way."""

    receipts = False
    remembers = True

    def __init__(self, way: Way, answer: Outcome | None = None) -> None:
        self.way: Way = way
        self.name: str = way
        self.answer = answer
        self.told: list[Message] = []

    async def send(self, message: Message) -> Outcome:
        if self.answer is None:
            self.told.append(message)
        return self.answer or Accepted("x")

    async def lookup(self, _message: Message, _sent_at: datetime) -> None:
        return None

    async def close(self) -> None:
        return None

    def texts(self) -> list[str]:
        told, self.told = self.told, []
        return [
            f"{one.params['home']} {one.params['what']}" if "合并" in one.params["home"] else one.params["what"]
            for one in told
        ]


class Desk:
    """A courier, the digests, and the phones of the village."""

    def __init__(self, world: World, connections: Pool, policy: Policy | None = None) -> None:
        self.world = world
        self.sms, self.wecom = Phone("sms"), Phone("wecom")
        channels: dict[Way, Channel] = {"sms": self.sms, "wecom": self.wecom}
        self.courier = Courier(connections, channels, lambda: world.now, policy=policy)
        self.digests = Digests(default_pack())

    async def tell(self, at: float) -> list[str]:
        """What is told at this moment."""
        self.world.at(at)
        await self.courier.round()
        await self.digests.look(self.world.database, self.world.now)
        await self.courier.round()
        return self.sms.texts()

    async def states(self) -> dict[str, int]:
        found = await rows(
            self.world.database, "select state || ' ' || reason as how, count(*) from notification group by 1"
        )
        return {row["how"].strip(): row["count"] for row in found}


@pytest.fixture
async def connections(database_url: str) -> AsyncIterator[Pool]:
    opened = pool(database_url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def desk(world: World, connections: Pool) -> Desk:
    return Desk(world, connections)


async def storm(world: World, alarms: int, *, rule: str = "offline", priority: str = "high", begin: int = 0) -> None:
    """So many open alarms of one rule with a message each to the committee, as the outbox writes them."""
    await world.database.execute(
        "with device as (insert into device (uid, type, home_id, interval_s)"
        "  select 'storm-' || replace(%(rule)s, '_', '-') || n, 'co_detector', (select min(id) from home), 60"
        "  from generate_series(%(begin)s, %(begin)s + %(alarms)s - 1) n returning id"
        "), alarm as (insert into alarm (device_id, rule, pack, priority, condition, latching, since, raised_at,"
        "  recorded_at, last_ts, reason)"
        "  select id, %(rule)s, 'p', %(priority)s, 'active', false, %(now)s, %(now)s, %(now)s, %(now)s, 'silent'"
        "  from device returning id)"
        " insert into notification (alarm_id, kind, contact_id, template, params, body, idempotency_key, created_at,"
        "  next_attempt_at)"
        " select alarm.id, 'raised', c.id, case %(priority)s when 'critical' then 'critical' else 'routine' end,"
        "  jsonb_build_object('place', '村', 'home', '户', 'what', %(rule)s, 'since', '今天', 'do', '看'), '',"
        "  'storm-' || alarm.id, %(now)s, %(now)s from alarm, contact c",
        {"rule": rule, "alarms": alarms, "priority": priority, "begin": begin, "now": world.now},
    )  # fmt: skip


async def test_five_hundred_at_once_become_one_message(world: World, desk: Desk) -> None:
    await storm(world, 500)
    told = await desk.tell(1)
    assert len(told) == 1
    assert told[0] == "合并通知共500条 设备离线500条"
    assert await desk.states() == {"handed_over no_receipts_this_way": 1, "superseded in_digest": 500}
    digests = await rows(
        world.database, "select count(distinct digest_id) from notification where digest_id is not null"
    )
    assert digests == [{"count": 1}], "each says in which digest it was told"


async def test_a_few_are_told_one_by_one_and_then_no_more_than_twelve_an_hour(world: World, desk: Desk) -> None:
    told = []
    for number in range(20):
        world.at(number * 60)
        await storm(world, 1, begin=number)
        told += await desk.tell(number * 60)
    assert [text for text in told if "合并" not in text] == ["offline"] * 12
    later = await desk.tell(22 * 60)
    assert sum("合并" in text for text in [*told, *later]) >= 1
    held = await one(world.database, "select count(*) from notification where ended_at is null and held_for is null")
    assert held == 0
    await desk.tell(90 * 60)
    assert await one(world.database, "select count(*) from notification where ended_at is null") == 0, "none is lost"


async def test_what_is_over_before_its_digest_is_not_in_it(world: World, desk: Desk) -> None:
    await storm(world, 10)
    await desk.courier.round()
    await world.database.execute("update alarm set closed_at = %s where id %% 2 = 0", (world.now,))
    (told,) = await desk.tell(1)
    assert "共5条" in told
    assert (await desk.states())["superseded closed_before_it_was_told"] == 5


async def test_carbon_monoxide_passes_a_storm_and_every_budget(world: World, desk: Desk) -> None:
    await storm(world, 100, rule="boiler_flow_102", priority="critical")
    await desk.tell(1)
    for seconds in (10, 20):
        await world.read("co-000", seconds, co_ppm=350)
    told = await desk.tell(20)
    assert len(told) == 1
    assert told[0].startswith("一氧化碳超过300ppm")


async def test_at_night_what_can_wait_waits_for_the_morning(world: World, connections: Pool) -> None:
    desk = Desk(world, connections, QUIET)
    await storm(world, 3, priority="low")
    assert await desk.tell(1) == [], "it is 3 a.m."
    await storm(world, 1, rule="flow_95", priority="high", begin=10)
    assert await desk.tell(2) == ["flow_95"]
    (told,) = await desk.tell(4 * 3600)
    assert "共3条" in told


async def test_where_one_way_fails_for_good_the_next_is_tried(world: World, desk: Desk) -> None:
    await world.database.execute("update contact set wecom_id = 'wang'")
    await world.database.execute("update way set open = true where name = 'wecom'")
    desk.wecom.answer = Refused("nobody_reached", retryable=False)
    for seconds in (0, 40):
        await world.read("gb-000", seconds, flow_c=97.0)
    told = await rows(world.database, "select way, template from notification")
    assert told == [{"way": "wecom", "template": "routine"}], "an SMS costs money"
    assert len(await desk.tell(41)) == 1
    ends = await rows(world.database, "select way, state, reason from notification order by id")
    assert ends == [
        {"way": "wecom", "state": "failed", "reason": "nobody_reached"},
        {"way": "sms", "state": "handed_over", "reason": "no_receipts_this_way"},
    ]


@pytest.fixture
def carrier() -> Iterator[Running]:
    settings = CarrierSettings(
        access_key_id="id",
        access_key_secret=SecretStr(SECRET),
        sign_name="暖哨",
        templates={"SMS_1": TEMPLATES["critical"], "SMS_2": TEMPLATES["routine"]},
        receipt_delay_s=0.0,
        limits=Limits(per_day=50),
    )
    with started(settings) as running:
        yield running


async def test_a_quota_that_is_used_up_by_offline_messages_leaves_co_its_own(
    world: World, connections: Pool, carrier: Running
) -> None:
    """At the carrier itself: 50 a day for a number and template, used up by what others sent with our account."""
    sms = AliyunSms(
        endpoint=carrier.url, access_key_id="id", secret=SecretStr(SECRET), sign_name="暖哨",
        templates={"critical": "SMS_1", "routine": "SMS_2"},
    )  # fmt: skip
    world.start = world.now = datetime.now(ZoneInfo("UTC"))
    phone = "13800000201"
    params = {"place": "村", "home": "户", "what": "离线", "since": "今天", "do": "看"}
    used = [await sms.send(Message(phone, "routine", params, f"used-{number}")) for number in range(51)]
    assert [type(outcome).__name__ for outcome in used] == ["Accepted"] * 50 + ["Refused"]
    await storm(world, 500)
    for seconds in (1, 2):
        await world.read("co-000", seconds, co_ppm=350)
    courier = Courier(connections, {"sms": sms}, lambda: world.now)
    await courier.round()
    await Digests(default_pack()).look(world.database, world.now)
    await courier.round()
    await sms.close()
    told = await rows(world.database, "select state from notification where template = 'critical'")
    assert [row["state"] for row in told] == ["accepted"]
    digest = await rows(world.database, "select state, reason from notification where kind = 'digest'")
    assert digest == [{"state": "pending", "reason": "carrier_limit_day"}], "it waits for the carrier, it is not lost"
    async with httpx.AsyncClient(trust_env=False) as http:
        received = (await http.get(f"{carrier.url}/messages.json", params={"phone": phone})).json()
    assert "一氧化碳超过300ppm" in received[0]["text"]
