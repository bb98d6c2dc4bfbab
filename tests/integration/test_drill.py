"""Drills as timelines: what is played on twins and what is real go on beside each other and never mix."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from alerts import courier
from alerts.acknowledgement import acknowledge_alarm
from alerts.service import AlertsService
from foundation.errors import NotFound, SettingsError
from store.connect import connect
from store.drill import Drill, end_overdue, list_drills, start_drill
from store.health import look
from store.named_sql import sql
from tests.drilled import HOUR, REAL, Phones, Village, drilled
from tests.world import NIGHT, ms, one, rows


@pytest.fixture
async def village(database_url: str, database: psycopg.AsyncConnection) -> AsyncIterator[Village]:
    async with drilled(database_url, database) as made:
        yield made


# -- timelines --------------------------------------------------------------------------------------------------------


async def test_a_played_leak_and_a_real_one_are_told_as_what_they_are(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "AT_ONCE", 1)  # one after the other, so that their order is seen
    await village.report(0, *REAL)
    night = village.drill(0, 1)
    await village.load()

    # the real detector of home 0 has been silent for long: no reason not to practise there
    await village.database.execute(
        "insert into alarm (device_id, rule, pack, priority, condition, latching, since, last_ts, reason)"
        " values (%s, 'co_detector_silent', 'default@1', 'high', 'active', false, now(), now(), 'silent')",
        (village.devices["co-000"].id,),
    )
    # 03:00:10 the drill lets home 0 leak; 20 s later home 5 leaks in earnest
    await village.play(night, 10, co_000={"co_ppm": 380}, gb_000={"flow_c": 60})
    await village.play(night, 20, co_000={"co_ppm": 390}, gb_000={"flow_c": 60})
    await village.read("co-005", 30, co_ppm=400)
    await village.read("co-005", 40, co_ppm=410)
    await village.publish("gb-007", {"ts": ms(village.now), "type": "overheat", "on": True}, "event")
    in_order = ["一氧化碳超过300ppm（现410ppm）", "设备自报过热", "演练：一氧化碳超过300ppm（现390ppm）"]
    assert await village.told() == in_order, "what is real first, though the drill's was there before"
    played, real, _ = await village.messages()
    assert (played["drill"], played["template"], real["drill"], real["template"]) == (
        True, "routine", False, "critical",
    )  # fmt: skip
    assert played["body"] == (
        "取暖提醒：演练·巴彦塔拉嘎查村，1组0号，演练：一氧化碳超过300ppm（现390ppm），时间1月16日03:00。"
        "处置：演练，无需报警：本条非真实警情，请按预案演练。回复1确认，2误报，3求助。"
    )
    assert real["body"].startswith("取暖警报：巴彦塔拉嘎查村，1组5号，一氧化碳超过300ppm（现410ppm）")
    assert "演练" not in real["body"]
    assert {(a["uid"], a["drill"]) for a in await village.alarms() if a["rule"] == "co_300"} == {
        (night.twins[0].uid, True), ("co-005", False),
    }  # fmt: skip

    # the real detector of a home that is in the drill
    await village.read("co-001", 50, co_ppm=500)
    await village.read("co-001", 60, co_ppm=500)
    await village.play(night, 70, co_001={"co_ppm": 333})
    await village.play(night, 80, co_001={"co_ppm": 333})
    assert await village.told() == ["一氧化碳超过300ppm（现500ppm）"], "told as real; the drill holds its tongue there"
    assert [(m["state"], m["reason"]) for m in await village.messages()][-1] == (
        "superseded", "real_alarm_in_this_home",
    )  # fmt: skip


async def test_the_registry_alone_says_what_is_a_drill(village: Village) -> None:
    night = village.drill(0)
    await village.load()
    twin = night.twins[0].uid
    village.at(10)
    claims = {"ts": ms(village.now), "m": {"co_ppm": 1}, "flags": 2048, "drill": True}
    await village.publish("co-000", claims)
    await village.publish(night.gateway, {**claims, "id": twin, "flags": 0, "drill": False})
    await village.publish(night.gateway, {"id": twin, "ts": ms(village.now), "type": "co_alarm", "on": True}, "event")
    names = {
        row["uid"]: row["names"]
        for row in await rows(
            village.database,
            "select d.uid, reading_flags(t.flags) as names from telemetry t join device d on d.id = t.device_id",
        )
    }
    assert names == {"co-000": [], twin: ["drill"]}
    assert await one(village.database, "select reading_flags(flags) from device_event") == ["drill"]
    assert await one(village.database, "select reading_flags(flags) from device_latest where flags <> 0") == ["drill"]
    # neither can the drill speak for a real device, nor a real one for a twin
    await village.publish(night.gateway, {**claims, "id": "co-000"})
    await village.publish("gb-000", {**claims, "id": twin})
    reasons = await rows(village.database, "select reason from rejects")
    assert [row["reason"] for row in reasons] == ["not_behind_gateway"] * 2
    ledger = await rows(village.database, "select received, stored, rejected from ledger")
    assert ledger == [{"received": 5, "stored": 3, "rejected": 2}], "the ledger counts drills like everything"


async def test_a_played_blackout_is_an_incident_of_its_own_while_the_village_is_well(village: Village) -> None:
    await village.report(0, *REAL)
    night = village.drill(0, 1, 2, 3, 4, 5)
    await village.load()
    await village.play_all(night, 5)
    for at in range(20, 70, 10):
        await village.report(at, *REAL)
        await village.look(at + 1)
    (incident,) = await village.incidents()
    assert (incident["drill"], incident["drill_id"], incident["homes"], incident["of_homes"]) == (True, night.id, 6, 6)
    assert await village.told() == ["演练：疑似停电或断网，6户中6户失联"]

    # and it comes back
    await village.play_all(night, 70)
    await village.report(70, *REAL)
    await village.look(72)
    (incident,) = await village.incidents()
    assert incident["ended_at"] is not None
    assert await village.told() == ["演练：已恢复，6户中6户重新上线"]


async def test_a_real_blackout_is_counted_and_told_without_the_twins_that_go_on(village: Village) -> None:
    await village.report(0, *REAL)
    night = village.drill(*range(10))
    await village.load()
    await village.play_all(night, 5)
    for at in range(20, 70, 10):
        await village.play_all(night, at)
        await village.look(at + 1)
    (incident,) = await village.incidents()
    assert (incident["drill"], incident["homes"], incident["of_homes"]) == (False, 10, 10)
    assert await village.told() == ["疑似停电或断网，10户中10户失联"]

    # then the drill goes dark too: a second incident in the same village, and each explains its own silence
    for at in range(70, 1000, 100):
        await village.look(at)
    assert [(i["drill"], i["homes"]) for i in await village.incidents()] == [(False, 10), (True, 10)]
    explained = await rows(
        village.database,
        "select a.drill as alarm, i.drill as incident, count(*) from alarm a join incident i on i.id = a.incident_id"
        " where a.suppression = 'inhibited' group by 1, 2 order by 1",
    )
    assert explained == [
        {"alarm": False, "incident": False, "count": 20},
        {"alarm": True, "incident": True, "count": 20},
    ]
    assert await village.told() == ["演练：疑似停电或断网，10户中10户失联"]


async def test_a_home_that_is_silent_in_a_drill_is_not_hidden_by_a_real_blackout(village: Village) -> None:
    await village.report(0, *REAL)
    night = village.drill(0)
    await village.load()
    await village.play_all(night, 0)
    for at in range(30, 700, 60):
        await village.look(at)
    detectors = [a for a in await village.alarms() if a["rule"] == "co_detector_silent" and a["drill"]]
    assert [a["suppression"] for a in detectors] == ["none"]
    assert await village.told() == ["疑似停电或断网，10户中10户失联", "演练：一氧化碳探测器失联"]


# -- the end ----------------------------------------------------------------------------------------------------------


async def test_the_end_closes_what_is_open_and_tells_nobody(village: Village) -> None:
    await village.report(0, *REAL)
    night = village.drill(*range(6))
    with connect(village.url) as connection:
        connection.execute(sql("set_credential"), (night.gateway, "$7$101$made$up"))
    await village.load()
    await village.play(night, 10, co_000={"co_ppm": 400}, co_001={"co_ppm": 60}, gb_000={"flow_c": 104})
    await village.play(night, 20, co_000={"co_ppm": 400}, co_001={"co_ppm": 60})
    await village.read("gb-007", 20, flow_c=104)
    assert len(await village.told()) == 3
    await village.play_all(night, 21)
    await village.report(50, *REAL)
    await village.look(53)
    assert [i["drill"] for i in await village.incidents()] == [True]
    before = len(await village.messages())

    ended = village.end(night.id, 55)
    assert (ended.before, ended.messages, ended.incidents) == (None, 1, 1), "the blackout had not been told yet"
    assert ended.alarms == 2
    assert {(a["uid"], a["drill"]) for a in await village.alarms()} == {("gb-007", False)}
    closed = await rows(village.database, "select distinct reason, condition, closed_at from alarm where drill")
    assert closed == [{"reason": "drill_ended", "condition": "normal", "closed_at": village.at(55)}]
    assert await village.told() == [], "no storm of recoveries"
    assert len(await village.messages()) == before
    assert {m["reason"] for m in await village.messages() if m["state"] == "superseded"} == {"drill_ended"}
    states = await rows(village.database, "select distinct state from device where drill_id is not null")
    assert states == [{"state": "retired"}]
    assert await one(village.database, "select count(*) from device_credential") == 0
    assert (await village.incidents())[0]["ended_at"] == village.at(55)
    again = village.end(night.id, 60)
    assert (again.before, again.alarms, again.messages, again.incidents) == (village.at(55), 0, 0, 0)

    # what the player still sends is refused, and nothing is heard of the drill again
    await village.load()
    await village.play(night, 70, co_000={"co_ppm": 400})
    assert await one(village.database, "select reason from rejects") == "retired_device"
    await village.report(3000, *REAL)
    await village.look(3001)
    assert await village.told() == []


async def test_a_drill_whose_time_is_over_ends_by_itself(village: Village) -> None:
    night = village.drill(0, lasts=timedelta(seconds=60))
    await village.load()
    await village.play(night, 10, gb_000={"flow_c": 104})
    assert await end_overdue(village.database, village.at(59)) == []
    assert await end_overdue(village.database, village.at(60)) == [night.id]
    assert await village.alarms() == []
    assert await end_overdue(village.database, village.at(61)) == []
    with connect(village.url) as connection:
        (row,) = list_drills(connection)
    assert (row.id, row.homes, row.ended_at, row.alarms, row.told) == (night.id, 1, village.at(60), 1, 0)


async def test_the_alerts_process_looks_after_that(village: Village) -> None:
    night = village.drill(0)
    service = AlertsService(
        database_url=village.url,
        engine=village.engine,
        channels={"sms": Phones()},
        name="a",
        clock=lambda: village.at(4000),
    )
    stop = asyncio.Event()
    working = asyncio.create_task(service.run(stop))
    while await one(village.database, "select count(*) from drill where ended_at is null"):
        assert not working.done()
        await asyncio.sleep(0.02)
    stop.set()
    await working
    assert await one(village.database, "select id from drill where ended_at = %s", (village.at(4000),)) == night.id


async def test_what_a_worker_raises_that_did_not_know_of_the_end_is_closed_too(village: Village) -> None:
    await village.report(0, *REAL)
    night = village.drill(*range(5))
    await village.load()
    village.end(night.id, 5)
    # the worker's copy of the registry is older than the end
    await village.play(night, 10, gb_000={"flow_c": 104})
    assert {(a["rule"], a["drill"]) for a in await village.alarms()} == {
        ("boiler_flow_102", True), ("boiler_flow_95", True),
    }  # fmt: skip
    assert await village.told() == [], "it is not told"
    assert await end_overdue(village.database, village.at(12)) == [night.id]
    assert await village.alarms() == []
    # and the same of a look at silence that began before the end
    await village.database.execute(
        "insert into incident (kind, region_id, drill_id, began_at, recorded_at, homes, of_homes)"
        " select 'village_silent', id, %s, now(), now(), 5, 5 from region where level = 'village'",
        (night.id,),
    )
    assert await end_overdue(village.database, village.at(14)) == [night.id]
    assert [incident["ended_at"] for incident in await village.incidents()] == [village.at(14)]
    assert await end_overdue(village.database, village.at(16)) == []
    with connect(village.url) as connection:
        assert list_drills(connection)[0].ended_at == village.at(5)


async def test_a_drill_makes_nothing_red(village: Village) -> None:
    async def problems(at: float) -> list[str]:
        found = (await look(village.database, village.at(at))).problems
        return [problem for problem in found if "process" not in problem]

    night = village.drill(0)
    await village.load()
    await village.play(night, 10, gb_000={"flow_c": 104})
    assert len(await village.messages()) == 1
    assert await problems(500) == [], "its messages may wait"
    await village.database.execute("delete from notification")
    await village.database.execute("delete from contact")
    assert await problems(500) == [], "and nobody need be there"
    await village.read("gb-000", 510, flow_c=104)
    assert [problem[:18] for problem in await problems(520)] == ["1 open alarms were"]


async def test_one_number_gets_thirty_messages_of_drills_a_day(village: Village) -> None:
    await village.read("gb-001", 0, flow_c=104)
    assert len(await village.told()) == 1, "what is real takes nothing from the thirty"
    night = village.drill(0, lasts=20 * HOUR)
    await village.load()
    for turn in range(33):  # half an hour apart: more often it would flap
        await village.play(night, turn * 2000, gb_000={"flow_c": 104})
        (alarm,) = [a for a in await village.alarms() if a["rule"] == "boiler_flow_102" and a["drill"]]
        await village.told()
        await acknowledge_alarm(village.database, alarm["id"], by="a", how="api", now=village.now)
        await village.play(night, turn * 2000 + 10, gb_000={"flow_c": 50})
        await village.play(night, turn * 2000 + 80, gb_000={"flow_c": 50})
        await village.database.execute(
            "update notification set state = 'superseded', ended_at = now() where kind = 'cleared'"
        )
    raised = [(m["state"], m["reason"]) for m in await village.messages() if m["kind"] == "raised" and m["drill"]]
    assert raised == [("accepted", "")] * 30 + [("superseded", "enough_of_drills_today")] * 3
    await village.read("gb-000", 7000, flow_c=104)
    assert await village.told() == ["壁挂炉水温超过102度（现104.0度）"], "what is real is told as ever"


# -- refusals ---------------------------------------------------------------------------------------------------------


async def test_what_cannot_be_a_drill_is_refused_in_one_line(village: Village) -> None:
    def start(*homes: str, **more: Any) -> Drill:
        usual = {"name": "n", "scenario": "s", "by": "b", "now": NIGHT, "ends_at": NIGHT + HOUR}
        with connect(village.url) as connection:
            return start_drill(connection, homes=homes, **{**usual, **more})

    with pytest.raises(SettingsError, match=r"^the drill has no homes: name at least one"):
        start()
    with pytest.raises(NotFound, match=r"^there is no home 'nowhere' \(and 1 more\): use the codes of the registry$"):
        start("home-000", "nowhere", "neither")
    with pytest.raises(SettingsError, match="before it begins"):
        start("home-000", ends_at=NIGHT)
    with pytest.raises(SettingsError, match="the drill has no name"):
        start("home-000", name=" ")
    await village.database.execute(
        "update device set state = 'stored' where home_id = (select id from home where code = 'home-009')"
    )
    with pytest.raises(SettingsError, match=r"^home 'home-009' has no device in service that reports"):
        start("home-008", "home-009")
    first = start("home-000", "home-001", "home-000")
    assert len(first.homes) == 2, "named twice is one home"
    with pytest.raises(
        SettingsError, match=rf"^home 'home-001' is in drill {first.id} \(n\) already: .*drill end {first.id}$"
    ):
        start("home-002", "home-001")
    assert await one(village.database, "select count(*) from drill") == 1, "a refusal leaves nothing behind"
    second = start("home-002")
    village.end(first.id, 1)
    third = start("home-001")
    with connect(village.url) as connection:
        listed = [(row.id, row.ended_at is None) for row in list_drills(connection)]
    assert listed == [(third.id, True), (second.id, True), (first.id, False)]
    with pytest.raises(NotFound, match=r"^there is no drill 4711"):
        village.end(4711, 1)


async def test_twins_are_as_the_real_devices(village: Village) -> None:
    await village.database.execute("update device set model = 'M-1', interval_s = 300 where uid = 'co-003'")
    await village.database.execute(
        "insert into device (uid, type, home_id, interval_s) select 'stove-3', 'clean_coal_stove', id, 300 from home"
        " where code = 'home-003'"
    )
    night = village.drill(3)
    assert [(t.of, t.uid, t.type, t.model, t.home, t.interval_s) for t in night.twins] == [
        ("co-003", f"drill-{night.id}-1-co-detector", "co_detector", "M-1", "home-003", 300),
        ("gb-003", f"drill-{night.id}-2-gas-wall-boiler", "gas_wall_boiler", "", "home-003", 10),
    ]
    (home,) = night.homes
    assert (home.village_name, home.building_class) == ("巴彦塔拉嘎查村", "rural_traditional")
    assert home.types == ("clean_coal_stove", "co_detector", "gas_wall_boiler"), "the stove is known, and has no twin"
    village.end(night.id, 1)
    faster = village.drill(3, interval_s=5)
    assert {t.interval_s for t in faster.twins} == {5}
    # a drill of a home that had one has twins of its real devices only
    assert len(faster.twins) == 2
