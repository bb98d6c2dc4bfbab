"""The reach report on a real database: what counts, for which day and region, over API and command."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from datetime import date, timedelta

import httpx
import pytest

from alerts.reach import Figures, bounds
from alerts.reach_read import reach
from foundation.errors import NotFound
from store.named_sql import sql
from tests.world import VILLAGE, World

ZONE = "Asia/Shanghai"
DAY = date(2026, 1, 16)
"""In Tongliao it is 3 a.m. of it when the world begins."""


async def nuanshao(url: str, *arguments: str) -> tuple[int, str]:
    """In a process of its own: it sets up the logs of its process."""
    done = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "messages", "reach", *arguments,
        env={**os.environ, "NUANSHAO_DATABASE_URL": url}, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    out, err = await done.communicate()
    return done.returncode or 0, (out or err).decode()


async def told_night(world: World) -> None:
    """Two alarms told by SMS, one of them by voice too, an acknowledgement; a message that failed, one superseded."""
    await world.read("gb-000", 0, flow_c=110)
    await world.read("gb-001", 10, flow_c=110)
    run = world.database.execute
    await run("update notification set state = 'delivered', accepted_at = created_at, ended_at = created_at")
    await run(
        "insert into notification (alarm_id, kind, contact_id, template, params, body, idempotency_key, way, state,"
        " created_at, accepted_at, ended_at)"
        " select n.alarm_id, 'escalation', n.contact_id, 'critical', '{}', 'x', n.idempotency_key || said.way,"
        " said.way, said.state, n.created_at + interval '5 min',"
        " case when said.taken then n.created_at + interval '5 min' end, n.created_at + interval '5 min'"
        " from (select * from notification order by id limit 1) n,"
        " (values ('voice', 'handed_over', true), ('email', 'failed', false), ('wechat', 'superseded', false))"
        " as said (way, state, taken)"
    )
    await run(
        "update alarm set acknowledged_at = raised_at + interval '6 min', acknowledged_by = '王某某'"
        " where id = (select min(id) from alarm where priority = 'critical')"
    )


async def test_what_became_of_a_days_messages(world: World, http: httpx.AsyncClient, database_url: str) -> None:
    await told_night(world)
    found = await reach(world.database, DAY, ZONE)
    (village,) = found.regions
    assert (village.code, village.name) == (VILLAGE, "巴彦塔拉嘎查村")
    assert village.ways == {
        "sms": Figures(2, delivered=2, alarms=2, acknowledged=1, median_min=6),
        "voice": Figures(1, handed_over=1, alarms=1, acknowledged=1, median_min=1),
        "email": Figures(failed=1),
    }
    assert found.figures == Figures(3, 2, 1, 1, alarms=2, acknowledged=1, median_min=6)
    assert (await reach(world.database, DAY - timedelta(days=1), ZONE)).regions == ()
    assert (await reach(world.database, DAY - timedelta(days=1), "UTC")).figures.sent == 3, "another zone, another day"
    assert (await reach(world.database, DAY, ZONE, "150500")).figures == found.figures, "the city above it"
    with pytest.raises(NotFound, match="no region 999"):
        await reach(world.database, DAY, ZONE, "999")

    answer = await http.get("/v1/reach", params={"day": f"{DAY}", "region": VILLAGE})
    code, out = await nuanshao(database_url, "--day", f"{DAY}", "--region", VILLAGE, "--json")
    assert (answer.status_code, code) == (200, 0)
    assert answer.json() == json.loads(out)
    assert answer.json()["regions"][0]["ways"]["voice"]["median_min"] == 1
    assert (await http.get("/v1/reach", params={"region": "999"})).status_code == 404
    code, out = await nuanshao(database_url, "--day", f"{DAY}")
    assert code == 0
    assert "巴彦塔拉嘎查村" in out
    assert (await nuanshao(database_url, "--day", "soon"))[0] == 2


async def test_a_call_after_midnight_is_about_an_alarm_of_the_day_before(world: World) -> None:
    await told_night(world)
    await world.database.execute(
        "update notification set created_at = created_at + interval '1 day' where way = 'voice'"
    )
    before, after = [await reach(world.database, day, ZONE) for day in (DAY, DAY + timedelta(days=1))]
    assert (before.figures.alarms, after.figures.alarms, after.ways["voice"].alarms) == (2, 0, 1)
    await world.database.execute("update notification set way = 'sms' where way = 'voice'")
    again = await reach(world.database, DAY + timedelta(days=1), ZONE)
    assert (again.ways["sms"].sent, again.ways["sms"].alarms) == (1, 0), "told so on the day before"


async def test_drills_are_not_counted(world: World) -> None:
    await told_night(world)
    await world.database.execute("update notification set drill = true")
    assert (await reach(world.database, DAY, ZONE)).regions == ()


async def test_a_day_of_a_winter_is_found_by_its_index(world: World) -> None:
    await told_night(world)
    await world.database.execute(
        "insert into notification (alarm_id, kind, contact_id, template, params, body, idempotency_key, state,"
        " created_at, accepted_at, ended_at)"
        " select n.alarm_id, 'cleared', n.contact_id, 'routine', '{}', 'x', 'many-' || t, 'delivered', t, t, t"
        " from (select * from notification order by id limit 1) n,"
        " generate_series(n.created_at - interval '120 days', n.created_at - interval '1 day', interval '10 min') t"
    )
    await world.database.execute("analyze notification")
    since, until = bounds(DAY, ZONE)
    places = {"since": since, "until": until, "region": None}
    for block in (sql("reach_messages"), sql("reach_alarms")):
        plan = await (await world.database.execute(b"explain " + block.as_bytes(), places)).fetchall()
        assert any("notification_created" in line for (line,) in plan), "\n".join(line for (line,) in plan)
