"""Incidents as timelines: a village, a hundred villages, a gateway, a firmware, clocks. Seconds after 3 a.m."""

from __future__ import annotations

import asyncio
from collections import Counter

import psycopg
import pytest

from alerts.incident_list import read_incidents
from alerts.silence import SilenceWatch
from catalogue.rules import default_pack
from store.connect import connect, connect_async
from tests.dark import Dark

COUNTY = "13800000900"
HOUR = 3600


@pytest.fixture
async def dark(database: psycopg.AsyncConnection) -> Dark:
    return Dark(database)


async def test_200_homes_black_out_and_the_committee_hears_twice(dark: Dark) -> None:
    """Heaters of 10 s, detectors of 300 s that are silent a quarter of an hour later, and homes that return slowly."""
    await dark.settle(1, 200)
    await dark.database.execute(
        "insert into device (uid, type, home_id, interval_s) select 'co-' || code, 'co_detector', id, 300 from home"
    )
    await dark.heard(-100, "co-%")
    await dark.heard(0, "hp-%")
    for at in range(20, 1200, 20):
        await dark.look(at)
    (incident,) = await dark.incidents()
    assert (incident["kind"], incident["homes"], incident["of_homes"]) == ("village_silent", 200, 200)
    assert await dark.told() == [("13900001001", "全村，疑似停电或断网，200户中200户失联")]
    silent = "select count(*) from alarm where rule = 'co_detector_silent' and suppression = 'inhibited'"
    assert await dark.count(silent) == 200, "detectors were cut off with the others, though they are silent later"

    await dark.heard(1200, but="%9")
    await dark.look(1201)
    await dark.heard(1230)
    for at in range(1230, 1800, 30):
        await dark.heard(at)
        await dark.look(at + 1)
    assert [text for _, text in await dark.told()][1:] == ["全村，已恢复，200户中180户重新上线"]
    assert await dark.count("select count(*) from alarm where closed_at is null") == 0
    assert await dark.count("select count(*) from incident_device where back_at is null") == 0


async def test_a_village_that_was_first_heard_after_the_first_look_can_black_out_all_the_same(dark: Dark) -> None:
    await dark.settle(1, 10)
    await dark.look(0)
    await dark.heard(5)
    for at in range(10, 60, 10):
        await dark.look(at)
    assert await dark.told() == [("13900001001", "全村，疑似停电或断网，10户中10户失联")]


async def test_a_hundred_villages_are_one_message_each_and_one_digest(dark: Dark, database_url: str) -> None:
    """Two processes look at the same time, and both are restarted in the middle."""
    await dark.settle(100, 6)
    await dark.heard(0)
    async with await connect_async(database_url, autocommit=True) as other:

        async def look(at: float, other_watch: SilenceWatch) -> None:
            await dark.pulse(at)
            await asyncio.gather(dark.watch.look(dark.database, dark.at(at)), other_watch.look(other, dark.at(at)))

        second = SilenceWatch(default_pack())
        await look(20, second)
        assert await dark.told() == []
        for at in range(40, 100, 10):
            await look(at, second)
        assert Counter(phone for phone, _ in await dark.told()) == {f"1390000{1000 + v:04}": 1 for v in range(1, 101)}
        dark.restart()
        second = SilenceWatch(default_pack())
        for at in range(100, 300, 10):
            await look(at, second)
        told = await dark.told()
        assert len(told) == 101
        assert told[-1] == (COUNTY, "100个村同时失联，疑似停电或断网，600户中600户失联")
        area = (await dark.incidents())[-1]
        assert (area["kind"], area["homes"], area["of_homes"]) == ("area_silent", 600, 600)

        await dark.heard(400)
        for at in (401, 403, 405):
            await look(at, second)
    told = (await dark.told())[101:]
    assert Counter(phone for phone, _ in told) == {COUNTY: 1} | {f"1390000{1000 + v:04}": 1 for v in range(1, 101)}
    assert told[-1] == (COUNTY, "100个村，已恢复，100个村中100个村重新上线")
    assert await dark.count("select count(*) from incident where ended_at is null") == 0


async def test_an_area_that_is_back_before_it_was_told_is_told_to_nobody(dark: Dark) -> None:
    await dark.settle(4, 6)
    await dark.heard(0)
    for at in (31, 50):
        await dark.look(at)
    await dark.heard(55)
    for at in (56, 200):
        await dark.heard(at)
        await dark.look(at)
    assert COUNTY not in {phone for phone, _ in await dark.told()}
    assert await dark.count("select count(*) from incident where ended_at is null") == 0


async def test_a_digest_is_told_again_when_it_has_grown_by_much(dark: Dark) -> None:
    await dark.settle(9, 6)
    await dark.heard(0)
    others = "^hp-15052110100[4-9]"
    for at in range(10, 200, 10):
        await dark.database.execute(
            "update device_latest set received_at = %s where device_id in (select id from device where uid ~ %s)",
            (dark.at(at), others),
        )
        await dark.look(at + 1)
    told = [text for phone, text in await dark.told() if phone == COUNTY]
    assert told == ["3个村同时失联，疑似停电或断网，18户中18户失联"]
    for at in range(210, 400, 10):
        await dark.look(at)
    told = [text for phone, text in await dark.told() if phone == COUNTY]
    assert told[1:] == ["9个村同时失联，范围扩大，疑似停电或断网，54户中54户失联"]


async def test_a_gateway_is_named_and_is_part_of_the_village_when_that_is_dark_too(dark: Dark) -> None:
    await dark.settle(1, 20)
    await dark.database.execute(
        "insert into device (uid, type, home_id, interval_s) select 'gw-1', 'gateway', min(id), 60 from home"
    )
    await dark.database.execute(
        "update device set gateway_id = (select id from device where uid = 'gw-1') where uid ~ '-00[0-7]$'"
    )
    await dark.database.execute(
        "insert into device_status (device_id, state, ts, received_at)"
        " select id, 'offline', %(at)s, %(at)s from device where uid = 'gw-1'",
        {"at": dark.at(1)},
    )
    await dark.heard(0)
    for at in range(5, 90, 5):
        await dark.heard(at, but="%-00_")
        await dark.heard(at, "%-008")
        await dark.heard(at, "%-009")
        await dark.look(at + 1)
    (incident,) = await dark.incidents()
    assert (incident["kind"], incident["subject"], incident["homes"], incident["of_homes"], incident["cause"]) == (
        "gateway_silent", "gw-1", 8, 8, "gateway",
    )  # fmt: skip
    assert await dark.told() == [("13900001001", "网关gw-1，疑似网关断电或断网，8户中8户失联")]

    for at in range(90, 150, 5):
        await dark.look(at)
    gateway, village = await dark.incidents()
    assert (village["kind"], village["homes"], village["ended_at"]) == ("village_silent", 20, None)
    assert (gateway["part_of_id"], gateway["ended_at"]) == (village["id"], village["recorded_at"])
    await dark.heard(700)
    await dark.look(701)
    await dark.look(703)
    assert [text for _, text in await dark.told()][1:] == [
        "全村，陆续失联疑似网络拥塞，20户中20户失联", "全村，已恢复，20户中20户重新上线",
    ]  # fmt: skip


async def test_what_has_a_battery_and_still_reports_makes_it_a_power_cut(dark: Dark) -> None:
    await dark.settle(1, 10)
    await dark.database.execute(
        "insert into device (uid, type, home_id, interval_s)"
        " select 'rs-' || code, 'room_sensor', id, 10 from home order by id limit 3"
    )
    await dark.heard(0, "hp-%", voltage_v=221)
    for at in range(5, 60, 5):
        await dark.heard(at, "rs-%", battery_pct=88)
        await dark.look(at + 1)
    (incident,) = await dark.incidents()
    assert (incident["cause"], incident["hint"]) == ("power", "what has a battery still reports: suspected power cut")
    assert await dark.told() == [("13900001001", "全村，疑似停电，10户中10户失联")]


async def test_a_firmware_that_brings_one_fault_into_many_villages(dark: Dark, database_url: str) -> None:
    await dark.settle(4, 50)
    await dark.database.execute("update device set model = 'B2' where uid ~ '-0[3-4].$'")
    await dark.heard(0)
    await dark.heard(0, "%1-00_", fault="E7")
    await dark.look_for_troubles(10)
    assert await dark.incidents() == [], "ten in one village have a cause there"
    await dark.heard(100, "%-04_", fault="E9")
    await dark.heard(100, "%-01_", fault="E9")
    await dark.look_for_troubles(110)
    assert await dark.incidents() == [], "another model has it as well"
    await dark.heard(200, "%-02_", fault="F 5")
    await dark.look_for_troubles(210)
    dark.restart()
    await dark.look_for_troubles(240)
    (incident,) = await dark.incidents()
    assert (incident["kind"], incident["subject"], incident["homes"]) == ("model_fault", "acme A1: F 5", 40)
    assert await dark.told() == [(COUNTY, "型号acme A1，4个村40台新报同一故障：代码F 5")]

    await dark.heard(20 * HOUR, "%-000", fault="F 5")
    await dark.look_for_troubles(20 * HOUR)
    await dark.heard(25 * HOUR, fault=None)
    await dark.look_for_troubles(25 * HOUR)
    assert (await dark.incidents())[0]["ended_at"] is None, "one came to it five hours ago"
    with connect(database_url) as connection:
        (listed,) = read_incidents(connection, None, everything=False)
    assert len(listed.homes) == 44
    await dark.look_for_troubles(45 * HOUR)
    await dark.look_for_troubles(46 * HOUR)
    (incident,) = await dark.incidents()
    assert incident["ended_at"] == dark.at(45 * HOUR)
    assert (await dark.told())[1:] == [(COUNTY, "型号acme A1，24小时无新增，共44台：代码F 5")]


async def test_clocks_that_go_wrong_together_and_one_alone(dark: Dark) -> None:
    await dark.settle(2, 20)
    await dark.database.execute("insert into device (uid, type, interval_s) values ('gw-1', 'gateway', 60)")
    await dark.database.execute(
        "update device set gateway_id = (select id from device where uid = 'gw-1') where uid ~ '1-00[0-7]$'"
    )
    await dark.database.execute(
        "insert into contact (region_id, name, phone) select id, '市', '13800000100' from region where level = 'city'"
    )
    await dark.heard(0)
    await dark.heard(0, "%2-00_", flags=2)
    await dark.look_for_troubles(5)
    await dark.heard(60, "%2-00_", flags=0)
    await dark.heard(60, "%2-011", flags=512)
    await dark.look_for_troubles(700)
    assert await dark.incidents() == [], "after a start they say 1970 for a moment; and one alone is one alone"
    await dark.heard(1000, "%1-00_", flags=1)
    await dark.look_for_troubles(1010)
    assert await dark.incidents() == []
    await dark.look_for_troubles(1700)
    (incident,) = await dark.incidents()
    assert (incident["kind"], incident["subject"], incident["homes"]) == ("clock_wrong", "gw-1", 8)
    assert await dark.told() == [("13800000100", "网关gw-1，8台设备时钟不准")]
    await dark.look_for_troubles(1730)
    await dark.heard(2000, flags=0)
    await dark.look_for_troubles(2010)
    assert await dark.told() == [
        ("13800000100", "网关gw-1，8台设备时钟不准"), ("13800000100", "网关gw-1，8台中8台时钟已恢复"),
    ]  # fmt: skip
