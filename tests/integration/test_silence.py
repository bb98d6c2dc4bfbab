"""Silence as timelines: devices, villages, recovery; seconds after 3 a.m."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from alerts.silence import SilenceWatch
from catalogue.rules import default_pack
from store.connect import connect
from store.named_sql import sql
from tests.world import NIGHT, World, rows, settle


class Watched(World):
    """A world in which ingest listens and the silence watch looks every two seconds."""

    async def pulse(self, *, connected: bool = True, at: float | None = None) -> None:
        if at is not None:
            self.at(at)
        since = NIGHT if connected else None
        await self.database.execute(sql("heartbeat"), ("ingest", "i", NIGHT, since, self.now, 0, ""))

    async def look(self, at: float, *, listening: bool = True) -> bool:
        if listening:
            await self.pulse(at=at)
        return await SilenceWatch(default_pack()).look(self.database, self.at(at))

    async def report(self, at: float, *uids: str) -> None:
        for uid in uids:
            await self.read(uid, at, rssi_dbm=-70)

    async def incidents(self) -> list[dict[str, Any]]:
        return await rows(self.database, "select * from incident order by id")


@pytest.fixture
async def village(database_url: str, database: psycopg.AsyncConnection) -> Watched:
    """Ten homes with two devices each."""
    with connect(database_url) as connection:
        settle(connection, homes=10)
    world = Watched(database)
    await world.load()
    return world


def everybody(world: World, *, but: tuple[str, ...] = ()) -> list[str]:
    return [uid for uid in sorted(world.devices) if not uid.endswith(but or ("-",))]


async def test_one_detector_offline_stays_one_home(village: Watched) -> None:
    await village.report(0, *everybody(village))
    for at in range(10, 900, 60):
        await village.report(at, *everybody(village, but=("co-003",)))
    await village.look(599)
    assert await village.alarms() == []
    await village.look(601)
    (alarm,) = await village.alarms()
    assert (alarm["rule"], alarm["uid"], alarm["condition"]) == ("co_detector_silent", "co-003", "active")
    assert await village.incidents() == []
    (message,) = await village.messages()
    assert "一氧化碳探测器失联" in message["body"]
    await village.look(605)
    assert len(await village.messages()) == 1, "told once"

    await village.report(910, *everybody(village))
    await village.look(912)
    assert await village.alarms() == []
    assert [m["kind"] for m in await village.messages()] == ["raised", "cleared"]


async def test_a_blackout_is_one_message_and_one_at_recovery(village: Watched) -> None:
    await village.report(0, *everybody(village))
    await village.report(10, "co-000", "gb-000")
    await village.look(29)
    assert await village.incidents() == []
    await village.report(30, "co-000", "gb-000")
    await village.look(35)
    (incident,) = await village.incidents()
    assert (incident["homes"], incident["of_homes"]) == (9, 10)
    (message,) = await village.messages()
    assert "10户中9户失联" in message["body"]

    for at in range(60, 1200, 60):
        await village.report(at, "co-000", "gb-000")
        await village.look(at + 1)
    inhibited = await village.alarms()
    assert {a["suppression"] for a in inhibited} == {"inhibited"}, "offline alarms are there, told by the incident"
    assert len(inhibited) == 18
    assert len(await village.messages()) == 1

    await village.report(1230, *everybody(village))
    await village.look(1232)
    assert await village.alarms() == []
    assert [m["kind"] for m in await village.messages()] == ["incident", "recovery"]
    assert "9户中9户重新上线" in (await village.messages())[1]["body"]


async def test_what_stays_silent_after_the_recovery_is_told_by_itself(village: Watched) -> None:
    await village.report(0, *everybody(village))
    await village.look(35)
    for at in range(100, 700, 100):
        await village.look(at)
    back = everybody(village, but=("-007",))
    await village.report(710, *back)
    await village.look(712)
    (incident,) = await village.incidents()
    assert incident["ended_at"] is not None
    assert [m["kind"] for m in await village.messages()] == ["incident", "recovery"], "not all are back at once"
    for at in range(720, 1020, 60):
        await village.report(at, *back)
        await village.look(at + 1)
    await village.report(1010, *back)
    await village.look(1013)
    assert [m["kind"] for m in await village.messages()] == ["incident", "recovery", "raised"]
    assert {a["uid"] for a in await village.alarms()} == {"co-007", "gb-007"}


async def test_nobody_is_silent_while_nobody_listens(village: Watched) -> None:
    await village.report(0, *everybody(village))
    assert await village.look(5000, listening=False) is False
    assert await village.alarms() == []
    assert await village.incidents() == []


async def test_silence_is_counted_from_when_ingest_came_back(village: Watched) -> None:
    await village.report(0, *everybody(village))
    await village.database.execute(sql("heartbeat"), ("ingest", "i", NIGHT, village.at(3600), village.at(3601), 0, ""))
    await village.look(3602, listening=False)
    assert (await village.alarms(), await village.incidents()) == ([], [])


async def test_what_was_dead_before_is_no_blackout_when_ingest_comes_back(village: Watched) -> None:
    dead, alive = everybody(village)[:12], everybody(village)[12:]
    await village.report(0, *everybody(village))
    for number, uid in enumerate(dead):
        await village.database.execute(
            "update device_latest set received_at = %s where device_id = %s",
            (NIGHT + timedelta(minutes=20 * number), village.devices[uid].id),
        )
    for at in range(14_000, 15_200, 600):
        await village.report(at, *alive)
        await village.look(at + 1)
    assert await village.incidents() == []
    known = len(await village.alarms())
    assert known == 12
    await village.report(20_000, *alive)
    await village.database.execute(
        sql("heartbeat"), ("ingest", "i", NIGHT, village.at(20_000), village.at(20_031), 0, "")
    )
    await village.report(20_031, *alive)
    await village.look(20_032, listening=False)
    assert await village.incidents() == [], "they fell silent long ago, not when we began to listen"


async def test_one_home_with_many_devices_stays_one_home(village: Watched) -> None:
    await village.database.execute("update device set home_id = (select min(id) from home)")
    await village.report(0, *everybody(village))
    await village.look(35)
    assert await village.incidents() == []


async def test_silence_makes_an_open_alarm_stale_and_a_reading_makes_it_fresh(village: Watched) -> None:
    await village.report(0, *everybody(village))
    await village.read("gb-001", 10, flow_c=104)
    await village.look(20)
    assert [a["stale"] for a in await village.alarms()] == [False, False]
    for at in range(20, 60, 10):
        await village.report(at, *everybody(village, but=("gb-001",)))
    await village.look(60)
    stale = {a["rule"]: (a["stale"], a["condition"]) for a in await village.alarms()}
    assert stale["boiler_flow_102"] == (True, "active"), "silence clears nothing"
    await village.read("gb-001", 61, flow_c=104)
    assert {a["stale"] for a in await village.alarms() if a["rule"] == "boiler_flow_102"} == {False}


async def test_a_blackout_does_not_hide_a_co_alarm(village: Watched) -> None:
    await village.report(0, *everybody(village))
    await village.look(35)
    await village.read("co-005", 40, co_ppm=400)
    await village.read("co-005", 50, co_ppm=400)
    told = [m["body"] for m in await village.messages() if m["kind"] == "raised"]
    assert len(told) == 1
    assert "一氧化碳" in told[0]
