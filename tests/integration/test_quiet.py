"""What keeps people from being told for a while, as timelines; seconds after 3 a.m., in one village."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from alerts.acknowledgement import acknowledge_alarm
from alerts.maintenance import Work, add_maintenance, end_maintenance
from alerts.shelving import Wish, shelve, unshelve
from alerts.suppression_watch import SuppressionWatch
from catalogue.rules import default_pack
from foundation.errors import NotFound, SettingsError
from store.connect import connect, connect_async
from store.named_sql import sql
from store.registry_rows import DeviceRow, put_devices
from tests.drilled import Village, drilled
from tests.world import VILLAGE, one, rows

PACK = default_pack()
HOUR, MINUTE = 3600, 60
FREEZING, OVERHEATED, CO = "设备自报防冻失效", "设备自报过热", "一氧化碳探测器报警"
DETECTOR_SILENT = "一氧化碳探测器失联"


class Quiet(Village):
    """A village of ten homes, people with phones, and ways to keep them from ringing."""

    async def bit(self, uid: str, event: str, at: float, *, on: bool = True) -> None:
        """The device's own alarm bit."""
        payload = {"ts": int(self.at(at).timestamp() * 1000), "type": event, "on": on}
        await self.publish(uid, payload, channel="event")

    async def shelve(self, at: float, minutes: float, **what: Any) -> int:
        wish = Wish(by="王某某", why="等配件", lasts=timedelta(minutes=minutes), **what)
        return await shelve(self.database, PACK, wish, self.at(at))

    async def work(self, at: float, begins: float, ends: float, **where: Any) -> int:
        begins_at, ends_at = self.start + timedelta(seconds=begins), self.start + timedelta(seconds=ends)
        work = Work(by="供电所", why="检修", begins_at=begins_at, ends_at=ends_at, **where)
        return await add_maintenance(self.database, PACK, work, self.at(at))

    async def rings(self, at: float) -> list[str]:
        """What the phones say when the alerts process has looked at this moment."""
        await SuppressionWatch(PACK).look(self.database, self.at(at))
        return await self.told()

    async def becomes(self, uid: str, state: str) -> None:
        await self.database.execute("update device set state = %s where uid = %s", (state, uid))

    async def suppression(self) -> list[tuple[str, str]]:
        """Of the open alarms."""
        return [(alarm["suppression"], alarm["suppression_reason"]) for alarm in await self.alarms()]

    async def withheld(self) -> list[tuple[str, str, str]]:
        found = await rows(self.database, "select kind, reason, outcome from withheld order by id")
        return [(row["kind"], row["reason"], row["outcome"]) for row in found]


@pytest.fixture
async def village(database_url: str, database: psycopg.AsyncConnection) -> AsyncIterator[Quiet]:
    async with drilled(database_url, database) as settled:
        settled.__class__ = Quiet
        assert isinstance(settled, Quiet)
        yield settled


async def test_what_is_shelved_rings_when_its_time_is_over_and_it_is_still_so(village: Quiet) -> None:
    await village.shelve(0, 60, device="gb-001", rule="overheat_reported")
    await village.bit("gb-001", "overheat", 10)
    await village.bit("gb-002", "overheat", 20)
    assert await village.rings(30) == [OVERHEATED], "the neighbour's"
    assert await village.suppression() == [("shelved", "rule_shelved"), ("none", "")]
    assert (await village.alarms())[0]["suppressed_until"] == village.start + timedelta(hours=1)
    assert await village.rings(HOUR - 1) == []
    assert await village.rings(HOUR + 1) == [OVERHEATED]
    assert await village.rings(HOUR + 3) == [], "once"
    assert await village.withheld() == [("raised", "rule_shelved", "told")]
    assert await village.suppression() == [("none", ""), ("none", "")]


async def test_what_is_over_by_then_is_not_told(village: Quiet) -> None:
    await village.shelve(0, 60, device="gb-001")
    await village.bit("gb-001", "lockout", 10)
    await village.bit("gb-001", "lockout", 600, on=False)
    assert await village.rings(HOUR + 1) == []
    assert await village.withheld() == [("raised", "device_shelved", "over_before_it_was_told")]


async def test_an_alarm_shelved_before_its_message_is_sent_is_not_sent(village: Quiet) -> None:
    await village.bit("gb-001", "overheat", 0)
    (alarm,) = await village.alarms()
    number = await village.shelve(1, 30, alarm=alarm["id"])
    assert await village.rings(2) == []
    (message,) = await village.messages()
    assert (message["state"], message["reason"]) == ("superseded", "suppressed: alarm_shelved")
    assert await unshelve(village.database, PACK, number, by="王某某", now=village.at(60))
    assert await village.rings(61) == [OVERHEATED]
    assert not await unshelve(village.database, PACK, number, by="王某某", now=village.at(62))
    with pytest.raises(NotFound):
        await unshelve(village.database, PACK, 4711, by="王某某", now=village.now)


async def test_who_had_been_told_hears_that_it_is_over_after_the_shelf(village: Quiet) -> None:
    await village.bit("gb-001", "lockout", 0)
    assert len(await village.rings(1)) == 1
    await village.shelve(2, 30, device="gb-001")
    await village.bit("gb-001", "lockout", 60, on=False)
    assert await village.rings(61) == []
    (over,) = await village.rings(31 * MINUTE)
    assert over.startswith("已恢复正常")
    assert await village.withheld() == [
        ("raised", "device_shelved", "over_before_it_was_told"),
        ("cleared", "device_shelved", "told"),
    ]


async def test_what_endangers_lives_cannot_be_shelved_and_rings_through_everything(village: Quiet) -> None:
    with pytest.raises(SettingsError, match="endangers lives"):
        await village.shelve(0, 10, device="co-001", rule="co_detector_alarm")
    with pytest.raises(SettingsError, match="12 h at most"):
        await village.shelve(0, 721, device="co-001")
    with pytest.raises(SettingsError, match="critical is shelved for 1 h at most"):
        await village.shelve(0, 90, device="gb-001", rule="frost_reported")
    await village.shelve(0, 600, device="co-001")
    await village.work(0, 0, 9 * HOUR, region="150500")
    await village.database.execute("update home set vacant = true where code = 'home-001'")
    await village.becomes("co-001", "stored")
    await village.load()
    for at in range(10, 200, 20):
        await village.bit("co-001", "co_alarm", at)
        assert (await village.rings(at + 1))[0] == CO
        (alarm,) = [alarm for alarm in await village.alarms() if alarm["rule"] == "co_detector_alarm"]
        assert (alarm["suppression"], alarm["suppression_reason"]) == ("none", "")
        await acknowledge_alarm(village.database, alarm["id"], by="王某某", how="api", now=village.now)
        await village.bit("co-001", "co_alarm", at + 10, on=False)
        assert len(await village.rings(at + 11)) == 1, "over, to those who know"
    assert await village.withheld() == []


async def test_a_device_takes_nothing_critical_along_to_the_shelf(village: Quiet) -> None:
    await village.shelve(0, 600, device="gb-001")
    await village.bit("gb-001", "overheat", 10)
    await village.bit("gb-001", "freeze", 20)
    assert await village.rings(30) == [FREEZING]


async def test_maintenance_begins_and_ends_by_itself(village: Quiet) -> None:
    await village.work(0, HOUR, 2 * HOUR, region="150500", device_type="gas_wall_boiler")
    await village.bit("gb-000", "overheat", 10)
    assert await village.rings(11) == [OVERHEATED], "not yet"
    await village.rings(HOUR + 1)
    await village.bit("gb-001", "freeze", HOUR + 10)
    await village.bit("gb-002", "lockout", HOUR + 11)
    await village.bit("gb-002", "lockout", HOUR + 12, on=False)
    await village.bit("co-003", "overheat", HOUR + 13)
    assert await village.rings(HOUR + 20) == [OVERHEATED], "another type's: work is on boilers"
    assert [reason for _, reason in await village.suppression()] == ["maintenance", "maintenance", ""]
    assert sorted(await village.rings(2 * HOUR + 1)) == sorted([OVERHEATED, FREEZING]), "what is left"
    assert await village.rings(2 * HOUR + 3) == []


async def test_maintenance_of_a_home_ends_early(village: Quiet) -> None:
    number = await village.work(0, 0, HOUR, home="home-001")
    await village.bit("gb-001", "overheat", 10)
    assert await village.rings(11) == []
    assert await end_maintenance(village.database, PACK, number, by="供电所", now=village.at(60))
    assert await village.rings(61) == [OVERHEATED]
    with pytest.raises(NotFound, match="no region '999'"):
        await village.work(70, 70, HOUR, region="999")


async def test_a_village_that_goes_dark_while_the_grid_is_worked_on(village: Quiet) -> None:
    number = await village.work(0, 0, 2 * HOUR, region=VILLAGE)
    uids = sorted(village.devices)
    await village.report(0, *uids)
    for at in range(2, 100, 2):
        await village.look(at)
    (incident,) = await village.incidents()
    assert (incident["homes"], await village.rings(101)) == (10, []), "recognised and not told"
    await village.look(HOUR)
    assert await village.rings(HOUR) == []
    await end_maintenance(village.database, PACK, number, by="供电所", now=village.at(HOUR + 10))
    (told,) = await village.rings(HOUR + 11)
    assert told.startswith("疑似停电或断网")
    assert await village.rings(HOUR + 13) == []


async def test_nobody_lives_there(village: Quiet) -> None:
    await village.database.execute("update home set vacant = true where code = 'home-001'")
    await village.report(0, "co-001", "gb-001")
    await village.bit("gb-001", "lockout", 10)
    await village.read("gb-001", 20, indoor_c=3)
    await village.report(HOUR + 60, *(uid for uid in village.devices if uid != "co-001"))
    await village.deadlines(HOUR + 61)
    await village.look(HOUR + 62)
    (freezing,) = await village.rings(HOUR + 63)
    assert freezing.startswith("室温低于5度"), "pipes freeze also where nobody lives"
    reasons = {alarm["rule"]: alarm["suppression_reason"] for alarm in await village.alarms()}
    assert reasons == {"lockout_reported": "vacant_home", "co_detector_silent": "vacant_home", "room_freezing": ""}
    places = {alarm["rule"]: alarm["stands_at"] for alarm in await village.alarms()}
    assert places == {rule: PACK.by_id[rule].stands_at for rule in reasons}, "silence, too, says where its rule stands"
    await village.database.execute("update home set vacant = false where code = 'home-001'")
    told = await village.rings(HOUR + 70)
    assert (len(told), DETECTOR_SILENT in told) == (2, True), "somebody has moved in"


async def test_what_leaves_service_stays_open_for_nobody(village: Quiet) -> None:
    await village.report(0, "co-001", "co-002", "gb-001", "gb-003")
    await village.report(700, "gb-001", "gb-002", "gb-003")
    await village.look(701)
    assert await village.rings(702) == [DETECTOR_SILENT, DETECTOR_SILENT]
    await village.bit("gb-001", "overheat", 710)
    await village.bit("gb-002", "overheat", 711)
    await village.bit("co-002", "co_alarm", 712)
    assert len(await village.rings(713)) == 3
    await village.database.execute("delete from notification where state = 'pending'")
    await village.becomes("co-001", "retired")
    await village.becomes("gb-001", "stored")
    await village.becomes("gb-002", "retired")
    await village.becomes("co-002", "retired")
    assert await village.rings(800) == []
    ended = {a["uid"] + " " + a["rule"]: a["reason"] for a in await village.alarms(closed=True) if a["closed_at"]}
    assert ended == {
        "co-001 co_detector_silent": "device_retired",
        "co-002 co_detector_silent": "device_retired",
        "gb-002 overheat_reported": "device_retired",
    }
    assert [(a["uid"], a["suppression_reason"]) for a in await village.alarms()] == [
        ("gb-001", "device_stored"),
        ("co-002", ""),
    ], "what a stored device has measured; and carbon monoxide, until somebody has acknowledged it"
    (_, carbon_monoxide) = await village.alarms()
    await acknowledge_alarm(village.database, carbon_monoxide["id"], by="王某某", how="api", now=village.at(810))
    await village.becomes("gb-001", "in_service")
    assert await village.rings(820) == [OVERHEATED], "back in service, and still so"
    assert [a["uid"] for a in await village.alarms()] == ["gb-001"]


async def test_before_it_is_in_service_only_what_endangers_lives_is_told(village: Quiet, database_url: str) -> None:
    with connect(database_url) as connection:
        put_devices(connection, [DeviceRow("new-co", "co_detector", home="home-000", interval_s=10, state="installed")])
    await village.load()
    await village.bit("new-co", "overheat", 0)
    await village.bit("new-co", "co_alarm", 1)
    assert await village.rings(2) == [CO]
    assert await village.suppression() == [("out_of_service", "device_installed"), ("none", "")]


async def test_what_comes_and_goes_is_told_as_that_once(village: Quiet) -> None:
    told = []
    for cycle in range(30):
        await village.bit("gb-001", "lockout", cycle * 60)
        told += await village.rings(cycle * 60 + 1)
        await village.bit("gb-001", "lockout", cycle * 60 + 30, on=False)
        told += await village.rings(cycle * 60 + 31)
    assert [what[:4] for what in told] == ["设备故障", "已恢复正", "设备故障", "已恢复正", "设备故障", "反复报警"]
    restarted = SuppressionWatch(PACK)
    await restarted.look(village.database, village.at(30 * MINUTE))
    assert await one(village.database, "select count(*) from flap where flapping_since is not null") == 1
    assert await village.rings(60 * MINUTE) == [], "not calm yet"
    (over,) = await village.rings(90 * MINUTE)
    assert over.startswith("已恢复正常"), "calm, and over: those who heard that it flaps hear that"
    await village.bit("gb-001", "lockout", 91 * MINUTE)
    assert [what[:4] for what in await village.rings(91 * MINUTE + 1)] == ["设备故障"], "as ever"


async def test_what_goes_on_when_it_has_calmed_is_told(village: Quiet) -> None:
    for cycle in range(4):
        await village.bit("gb-001", "lockout", cycle * 60)
        await village.bit("gb-001", "lockout", cycle * 60 + 30, on=False)
    await village.bit("gb-001", "lockout", 300)
    await village.rings(301)
    assert await village.suppression() == [("by_design", "flapping")]
    (still,) = await village.rings(2 * HOUR)
    assert still.startswith("设备故障锁定停机")


async def test_acknowledged_meanwhile_is_not_told_again(village: Quiet) -> None:
    await village.shelve(0, 30, device="gb-001", rule="overheat_reported")
    await village.bit("gb-001", "overheat", 10)
    (alarm,) = await village.alarms()
    await acknowledge_alarm(village.database, alarm["id"], by="李某某", how="api", now=village.at(20))
    assert await village.rings(31 * MINUTE) == []
    assert await village.withheld() == [("raised", "rule_shelved", "acknowledged_before_it_was_told")]
    assert await one(village.database, "select count(*) from alarm where closed_at is null") == 1
    telling = [rule.id for rule in PACK.rules if rule.tell]
    assert await one(village.database, sql("told_to_nobody").as_string(None), (telling,)) == 0, "nothing is wrong"


async def test_two_processes_end_one_shelving_and_tell_once(village: Quiet, database_url: str) -> None:
    for number in range(5):
        await village.shelve(0, 30, device=f"gb-{number:03}")
        await village.bit(f"gb-{number:03}", "overheat", 10 + number)
    now = village.at(31 * MINUTE)

    async def look() -> None:
        async with await connect_async(database_url, autocommit=True) as own:
            await SuppressionWatch(PACK).look(own, now)

    await asyncio.gather(*(look() for _ in range(4)))
    assert await village.rings(31 * MINUTE + 2) == [OVERHEATED] * 5
    assert [m["kind"] for m in await village.messages()] == ["raised"] * 5


async def test_a_detector_that_falls_silent_again_and_again_is_told_as_that(village: Quiet) -> None:
    others = [uid for uid in village.devices if uid != "co-001"]
    at, told = 0.0, []
    await village.report(at, "co-001")
    for _ in range(5):
        at += 660
        await village.report(at, *others)
        await village.look(at)
        told += await village.rings(at)
        await village.report(at + 10, "co-001")
        await village.look(at + 12)
        told += await village.rings(at + 12)
    assert [what[:4] for what in told].count("反复报警") == 1
    assert len(told) < 2 * 5


async def test_a_shelved_silence_is_told_after_the_shelf(village: Quiet) -> None:
    await village.report(0, *village.devices)
    await village.shelve(0, 60, device="co-001")
    await village.report(720, *(uid for uid in village.devices if uid != "co-001"))
    await village.look(721)
    assert await village.suppression() == [("shelved", "device_shelved")]
    assert await village.rings(722) == []
    assert await village.rings(HOUR + 1) == [DETECTOR_SILENT]


async def test_carbon_monoxide_that_rises_is_one_matter_and_a_milder_alarm_is_told_when_the_worse_is_over(
    village: Quiet,
) -> None:
    for minute in range(61):
        await village.read("co-001", minute * 60, co_ppm=60)
    assert await village.rings(60 * 60 + 1) == ["一氧化碳超过50ppm达60分钟（现60ppm）"]
    for second in (0, 10):
        await village.read("co-001", 61 * 60 + second, co_ppm=320)
    assert await village.rings(61 * 60 + 11) == ["一氧化碳超过300ppm（现320ppm）"]
    for minute in range(62, 125):
        await village.read("co-001", minute * 60, co_ppm=60)
    assert await village.rings(124 * 60 + 1) == [], "two hours above 30 ppm are no news"
    places = {alarm["stands_at"] for alarm in await village.alarms()}
    assert places == {PACK.by_id[rule].stands_at for rule in ("co_300", "co_50", "co_30")}
    reasons = {alarm["rule"]: alarm["suppression_reason"] for alarm in await village.alarms()}
    assert reasons == {"co_300": "", "co_50": "covered_by_co_300", "co_30": "covered_by_co_300"}
    for minute in range(125, 142):
        await village.read("co-001", minute * 60, co_ppm=0)
    assert sorted(await village.rings(142 * 60)) == [
        "已恢复正常：一氧化碳超过300ppm", "已恢复正常：一氧化碳超过50ppm达60分钟",
    ]  # fmt: skip
    assert [reason for _, reason in await village.suppression()] == ["", "", ""]
