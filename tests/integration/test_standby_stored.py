"""The standby and the real database: its copies, what it writes back, and what the courier then need not send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from alerts.channels.aliyun_receipts import InboundReply
from alerts.courier import Courier
from alerts.messages import Place
from alerts.recipients.resolve import recipients_for_device
from alerts.reply import take_reply
from alerts.standby.alarm_copy import AlarmCopy, load_alarms, read_alarms, write_alarms
from alerts.standby.bulletin import Bulletin, Danger
from alerts.standby.folder import Folder
from alerts.standby.reconcile import Untold
from alerts.standby.registry_copy import RegistryCopy, copy_registry
from alerts.standby.standby import AWAY_AFTER, Standby
from broker.address import Broker
from catalogue.rules import default_pack
from foundation.sealing import seal, unseal
from ingest.batch import Batch
from ingest.judge import JudgedEvent
from store.connect import Pool, connect, pool
from store.drill import start_drill
from store.named_sql import sql
from store.registry import add_contact, add_device, add_home, add_region
from tests.drilled import Phones
from tests.world import COMMITTEE_PHONE, NIGHT, World, ms, one, rows, settle

PACK = default_pack()
RULE = {rule.id: rule for rule in PACK.rules}
CO_BIT = RULE["co_detector_alarm"]


class Desk:
    """A standby without a broker: the test says what ingest would say, and moves the clock."""

    def __init__(self, world: World, connections: Pool, folder: Path) -> None:
        self.world, self.connections, self.path = world, connections, folder
        self.phones = Phones()
        self.open()

    def open(self) -> None:
        folder = Folder(self.path)
        assert folder.lock()
        self.standby = Standby(
            folder=folder, broker=Broker.parse("mqtt://nobody"), pack=PACK, channel=self.phones, name="a",
            clock=lambda: self.world.now,
        )  # fmt: skip
        self.courier = Courier(
            self.connections, {"sms": self.phones}, lambda: self.world.now, self.standby.reconciliation
        )
        self.journal = self.standby._journal

    def close(self) -> None:
        self.journal.close()
        self.standby._registry.close()
        self.standby._folder.release()

    async def copy(self) -> None:
        await self.standby.keep_registry(self.world.database)
        await self.standby.keep_alarms(self.world.database)
        self.standby.database_wrote()

    async def hear(self, *dangers: Danger, storing: bool = False) -> None:
        await self.standby._take([Bulletin("w", dangers, storing=storing)])

    async def tell(self) -> list[str]:
        """What is told from here now, by the rule that was fulfilled."""
        before = len(self.phones.told)
        await self.standby._teller.round()
        return [message.params["what"] for message in self.phones.told[before:]]

    async def carry(self, at: float) -> list[str]:
        """What the courier tells at this moment."""
        self.world.at(at)
        before = len(self.phones.told)
        await self.courier.round()
        return [message.params["what"] for message in self.phones.told[before:]]

    def bit(self, uid: str, at: float, *, on: bool = True, **more: object) -> Danger:
        when = ms(self.world.at(at))
        return Danger(uid, when, when, event="co_alarm", on=on, **more)  # type: ignore[arg-type]  # late, via

    def reading(self, uid: str, at: float, **metrics: float) -> Danger:
        when = ms(self.world.at(at))
        return Danger(uid, when, when, m=metrics)


@pytest.fixture
async def desk(world: World, database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    opened = pool(database_url)
    await opened.open()
    made = Desk(world, opened, tmp_path / "standby")
    yield made
    made.close()
    await opened.close()


async def stored_bit(world: World, uid: str, at: float) -> None:
    """The alarm bit as ingest stores it when the database is back: judged as of the time when it was received."""
    when = ms(world.start + timedelta(seconds=at))
    await world.commit(Batch(events=[JudgedEvent(world.devices[uid], "co_alarm", True, when, when, None, 0)]))


# -- the copies -------------------------------------------------------------------------------------------------------


async def test_the_copy_knows_of_each_device_what_the_database_would_say(
    database_url: str, database: psycopg.AsyncConnection, tmp_path: Path
) -> None:
    with connect(database_url) as connection:
        settle(connection)
        add_contact(connection, region="150500", name="市值班", role="", phone="13800000999")
        add_region(connection, code="150521101999", name="没有联系人的村", level="village", parent="150500")
        add_home(connection, code="lonely", village="150521101999")
        add_device(connection, uid="lonely-co", device_type="co_detector", home="lonely", interval_s=300)
        add_device(connection, uid="homeless-co", device_type="co_detector")
        add_device(connection, uid="gone-co", device_type="co_detector", home="lonely")
        connection.execute("update device set state = 'retired' where uid = 'gone-co'")
        connection.execute("update device set gateway_id = 1 where uid = 'lonely-co'")
        connection.execute("update home set vulnerable = true where code = 'home-000'")
        connection.execute(
            "insert into contact (home_id, name, phone)"
            " select id, '女儿', '13900000300' from home where code = 'home-000'"
        )
        connection.commit()
    path = tmp_path / "registry.sqlite"
    assert await copy_registry(database, path) == 8
    copy = RegistryCopy(path)
    for device in await rows(database, "select * from device where state <> 'retired'"):
        found = copy.device(device["uid"])
        assert found is not None
        assert (found.id, found.type, found.interval_s, found.drill) == (
            device["id"], device["type"], device["interval_s"], False,
        )  # fmt: skip
        where = await (await database.execute(sql("where_is"), (device["id"],))).fetchone()
        assert where is not None
        assert found.place == Place(*where[:5])
        would = await recipients_for_device(database, device["id"], rule=default_pack().by_id["co_300"], now=NIGHT)
        assert [contact.id for contact in copy.contacts(found)] == [one.contact_id for one in would]
        assert ("relative" in {one.why for one in would}) is (device["uid"] in {"co-000", "gb-000"})
        assert copy.contacts(found), "the test would show nothing"
    lonely = copy.device("lonely-co")
    assert lonely is not None
    assert lonely.gateway == "co-000"
    assert copy.device("gone-co") is None
    assert copy.mark() == await one(database, "select mark from deployment")
    copy.close()


async def test_a_copy_that_fails_half_way_leaves_the_last_one(world: World, database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "registry.sqlite"
    copy = RegistryCopy(path)
    assert (copy.mark(), copy.device("co-000")) == ("", None), "before the first copy nobody is known"
    await copy_registry(world.database, path)
    await world.database.execute("alter table contact rename to away")
    with pytest.raises(psycopg.Error):
        await copy_registry(world.database, path)
    found = copy.device("co-000")
    assert found is not None
    assert [unseal(contact.phone) for contact in copy.contacts(found)] == [COMMITTEE_PHONE]
    await world.database.execute("alter table away rename to contact")
    await world.database.execute("update contact set phone = %s", (seal("13800000777"),))
    await copy_registry(world.database, path)
    assert [unseal(contact.phone) for contact in copy.contacts(found)] == ["13800000777"], "an open reader sees it"
    copy.close()


async def test_open_alarms_and_waiting_messages_survive_a_restart(world: World, tmp_path: Path) -> None:
    await world.read("co-000", 0, co_ppm=400)
    await world.read("co-000", 10, co_ppm=400)
    await world.read("gb-000", 10, flow_c=104)
    copy = await read_alarms(world.database, [rule.id for rule in PACK.life_safety], world.now)
    assert sorted((alarm.rule, alarm.state.condition) for alarm in copy.alarms) == [
        ("co_100", "pending"), ("co_300", "active"),
    ]  # fmt: skip
    assert [(letter.rule, unseal(letter.phone), letter.state) for letter in copy.waiting] == [
        ("co_300", COMMITTEE_PHONE, "sending")
    ]
    write_alarms(copy, tmp_path / "alarms.json")
    assert load_alarms(tmp_path / "alarms.json", world.now) == copy
    (tmp_path / "alarms.json").write_text("{")
    assert load_alarms(tmp_path / "alarms.json", world.now) == AlarmCopy(world.now)


# -- telling ----------------------------------------------------------------------------------------------------------


async def test_a_bit_is_told_written_down_and_not_sent_again(desk: Desk) -> None:
    world = desk.world
    await desk.copy()
    await desk.hear(desk.bit("co-000", 10))
    assert await desk.tell() == ["一氧化碳探测器报警"]
    # ten minutes later the database is back, and ingest works off what it has
    assert await desk.carry(600) == []
    await stored_bit(world, "co-000", 10)
    assert await desk.carry(605) == []
    (message,) = await world.messages()
    assert (message["state"], message["reason"], message["carrier_id"], message["idempotency_key"]) == (
        "accepted", "told_without_database", "phones-1", desk.phones.told[0].key,
    )  # fmt: skip
    assert message["accepted_at"] == world.start + timedelta(seconds=10)
    assert message["body"].startswith("取暖警报：巴彦塔拉嘎查村，1组0号，一氧化碳探测器报警")
    (record,) = await rows(world.database, "select * from told_without_database")
    assert (record["notification_id"], record["body"]) == (message["id"], message["body"])
    # and it is answered and ends like any other
    answer = InboundReply(phone=COMMITTEE_PHONE, content="1", at=world.at(620), sequence_id="1")
    assert await take_reply(world.database, answer, world.now) == "acknowledged"
    when = ms(world.at(700))
    await world.commit(Batch(events=[JudgedEvent(world.devices["co-000"], "co_alarm", False, when, when, None, 0)]))
    assert await desk.carry(701) == ["已恢复正常：一氧化碳探测器报警"]


async def test_a_reading_that_waited_at_the_broker_and_is_late_now_is_covered_too(desk: Desk) -> None:
    world = desk.world
    await desk.copy()
    for at in (0, 10):
        await desk.hear(desk.reading("co-000", at, co_ppm=400))
    assert await desk.tell() == ["一氧化碳超过300ppm（现400ppm）"]
    await desk.carry(1200)
    await world.read("co-000", 0, received=1210, co_ppm=400)
    await world.read("co-000", 10, received=1210, co_ppm=400)
    assert await desk.carry(1215) == []
    await world.read("co-000", 1215, co_ppm=400)
    await world.read("co-000", 1225, co_ppm=400)
    assert await desk.carry(1230) == [], "its second raise is the same danger"
    states = [(m["state"], m["reason"]) for m in await world.messages()]
    assert states == [("accepted", "told_without_database"), ("superseded", "told_without_database")]


async def test_a_danger_after_the_outage_is_news(desk: Desk) -> None:
    world = desk.world
    await desk.copy()
    await desk.hear(desk.bit("co-000", 10))
    await desk.tell()
    await desk.carry(60)
    await stored_bit(world, "co-000", 10 + 3600)
    assert await desk.carry(3615) == ["一氧化碳探测器报警"]
    (record,) = await rows(world.database, "select notification_id from told_without_database")
    assert record["notification_id"] is None, "what the database never raised stays as the record"


async def test_while_a_letter_is_under_way_the_courier_waits(desk: Desk) -> None:
    await desk.copy()
    await desk.hear(desk.bit("co-000", 10))
    await stored_bit(desk.world, "co-000", 10)
    assert await desk.carry(11) == []
    (message,) = await desk.world.messages()
    assert (message["state"], message["reason"]) == ("pending", "being_told_without_database")
    assert await desk.tell() == ["一氧化碳探测器报警"]
    assert await desk.carry(14) == []
    assert [m["state"] for m in await desk.world.messages()] == ["accepted"]


async def test_what_the_courier_has_told_the_standby_does_not(desk: Desk) -> None:
    await desk.copy()
    await stored_bit(desk.world, "co-000", 10)
    assert await desk.carry(11) == ["一氧化碳探测器报警"]
    await desk.hear(desk.bit("co-000", 10))
    assert await desk.tell() == []


async def test_a_courier_that_hung_in_the_database_looks_again_before_it_sends(desk: Desk) -> None:
    """Its question was answered before the outage; it wakes when the standby has told everything."""
    world = desk.world
    await desk.copy()
    await stored_bit(world, "co-000", 10)
    (message,) = await world.messages()
    untold = (await desk.standby.reconciliation.covered(world.database, [message["id"]], world.now))[message["id"]]
    assert isinstance(untold, Untold)
    await desk.hear(desk.bit("co-000", 10))
    await desk.tell()
    await desk.standby.reconciliation.hand_over(world.database, world.at(40))
    wait = desk.standby.reconciliation.begin(untold, world.now)
    assert wait is not None
    assert wait.reason == "told_without_database_meanwhile"
    assert await desk.carry(45) == []
    assert [m["state"] for m in await world.messages()] == ["accepted"]


async def test_what_was_told_is_written_down_once_whoever_dies(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.copy()
    await desk.hear(desk.bit("co-000", 10))
    await desk.tell()

    async def die(*_: object, **__: object) -> bool:
        raise ConnectionAbortedError("kill -9")

    with monkeypatch.context() as killed:
        killed.setattr(desk.journal, "record", die)
        with pytest.raises(ConnectionAbortedError):
            await desk.standby.reconciliation.hand_over(desk.world.database, desk.world.now)
    desk.close()
    desk.open()
    await desk.copy()
    assert await one(desk.world.database, "select count(*) from told_without_database") == 1
    assert await desk.tell() == []


async def test_another_databases_journal_is_not_mixed_in(desk: Desk) -> None:
    await desk.copy()
    await desk.hear(desk.bit("co-000", 10))
    await desk.tell()
    await desk.world.database.execute("update deployment set mark = 'another'")
    assert await desk.standby.reconciliation.hand_over(desk.world.database, desk.world.now) == 0
    assert await one(desk.world.database, "select count(*) from told_without_database") == 0


async def test_without_a_second_sample_it_is_told_at_the_deadline(desk: Desk) -> None:
    await desk.copy()
    await desk.hear(desk.reading("co-000", 0, co_ppm=400))
    assert await desk.tell() == []
    await desk.standby._fire_deadlines(desk.world.at(29))
    assert await desk.tell() == []
    await desk.standby._fire_deadlines(desk.world.at(30))
    assert await desk.tell() == ["一氧化碳超过300ppm（现400ppm）"]


async def test_when_ingest_stores_again_what_is_pending_is_the_databases(desk: Desk) -> None:
    await desk.copy()
    await desk.hear(desk.reading("co-000", 0, co_ppm=400))
    await desk.hear(storing=True)
    await desk.standby._fire_deadlines(desk.world.at(30))
    assert await desk.tell() == []


async def test_pending_ones_and_told_ones_survive_a_restart(desk: Desk) -> None:
    await desk.copy()
    await desk.hear(desk.bit("co-001", 0), desk.reading("co-000", 0, co_ppm=400))
    assert await desk.tell() == ["一氧化碳探测器报警"]
    desk.close()
    desk.open()
    await desk.hear(desk.bit("co-001", 5))
    await desk.hear(desk.reading("co-000", 10, co_ppm=400))
    assert await desk.tell() == ["一氧化碳超过300ppm（现400ppm）"]


async def test_messages_that_waited_when_the_database_went_are_told_once(desk: Desk) -> None:
    world = desk.world
    await stored_bit(world, "co-000", 10)
    world.at(10)
    await desk.copy()
    await desk.standby._take_over(world.at(11))
    assert await desk.tell() == []
    await desk.standby._take_over(world.at(10) + AWAY_AFTER)
    world.now = world.at(10) + AWAY_AFTER
    assert await desk.tell() == ["一氧化碳探测器报警"], "the carrier did not have it"
    assert await desk.carry(60) == []
    (message,) = await world.messages()
    assert (message["state"], message["reason"]) == ("accepted", "told_without_database")


async def test_nobody_speaks_for_a_device_but_itself_and_its_gateway(desk: Desk) -> None:
    await desk.world.database.execute(
        "update device set gateway_id = (select id from device where uid = 'gb-000') where uid = 'co-000'"
    )
    await desk.copy()
    await desk.hear(desk.bit("co-000", 1, via="gb-001"), desk.bit("co-nobody", 1))
    assert await desk.tell() == []
    await desk.hear(desk.bit("co-000", 2, via="gb-000"), desk.bit("co-001", 2, via="co-001"))
    assert len(await desk.tell()) == 2


async def test_a_drill_is_not_told_without_the_database(desk: Desk, database_url: str) -> None:
    with connect(database_url) as connection:
        drill = start_drill(
            connection, homes=("home-000",), name="n", scenario="s", by="b", now=desk.world.start,
            ends_at=desk.world.start + timedelta(hours=1),
        )  # fmt: skip
        connection.commit()
    await desk.copy()
    (twin,) = [twin for twin in drill.twins if twin.type == "co_detector"]
    await desk.hear(desk.bit(twin.uid, 10))
    assert await desk.tell() == []


async def test_a_village_without_contacts_stops_nobody_else(desk: Desk) -> None:
    await desk.copy()
    await desk.world.database.execute("delete from contact")
    await desk.standby.keep_registry(desk.world.database)
    await desk.hear(desk.bit("co-000", 10))
    assert await desk.tell() == []
    assert "co_detector_alarm" in {rule for _, rule in desk.journal.remembered}


async def test_what_was_told_is_committed_before_the_journal_says_so(desk: Desk) -> None:
    await desk.copy()
    await desk.hear(desk.bit("co-000", 10))
    await desk.tell()
    async with desk.connections.connection() as connection:
        await connection.execute("select 1")  # begins a transaction, which ends with the block
        assert await desk.standby.reconciliation.hand_over(connection, desk.world.now) == 1
        assert await one(desk.world.database, "select count(*) from told_without_database") == 1


async def test_many_couriers_hand_over_once_and_send_nothing_again(desk: Desk) -> None:
    await desk.copy()
    await desk.hear(*(desk.bit(f"co-00{number}", 10) for number in range(3)))
    assert len(await desk.tell()) == 3
    for number in range(3):
        await stored_bit(desk.world, f"co-00{number}", 10)
    again = Courier(desk.connections, {"sms": desk.phones}, lambda: desk.world.now, desk.standby.reconciliation)
    await asyncio.gather(desk.courier.round(), again.round())
    assert len(desk.phones.told) == 3
    assert await one(desk.world.database, "select count(notification_id) from told_without_database") == 3
