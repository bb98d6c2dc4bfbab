"""The quality report, shelves and announced work, over the API and the command, on a real database."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from datetime import timedelta
from typing import Any

import httpx

from alerts.quality_read import quality
from tests.world import VILLAGE, World, one


async def nuanshao(url: str, *arguments: str) -> Any:
    """In a process of its own: it sets up the logs of its process."""
    done = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "alarms", *arguments, "--json",
        env={**os.environ, "NUANSHAO_DATABASE_URL": url}, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    out, err = await done.communicate()
    assert done.returncode == 0, err.decode()
    return json.loads(out)


async def test_the_report_counts_what_happened_and_no_drill(world: World) -> None:
    for cycle in range(4):  # three alarms of one rule within a minute, and one more
        await world.read("gb-000", cycle * 25, flow_c=101)
        await world.deadlines(cycle * 25 + 31)
        await world.read("gb-000", cycle * 25 + 5, flow_c=101)
    await world.read("gb-001", 200, flow_c=110)
    await world.database.execute("update notification set accepted_at = created_at, state = 'accepted'")
    await world.database.execute(
        "update alarm set acknowledged_at = raised_at + interval '4 minutes' where priority = 'critical'"
    )
    found = await quality(world.database, world.at(25 * 3600), days=2)
    assert {(one.priority, one.alarms, one.told, one.acknowledged) for one in found.priorities} == {
        ("critical", 1, 1, 1),
        ("high", 1, 1, 0),
    }
    (critical,) = [one for one in found.priorities if one.priority == "critical"]
    assert critical.median_s == 240
    (recipient,) = found.recipients
    assert (recipient.name, recipient.phone, recipient.messages) == ("王某某", "138****0201", 2)
    assert recipient.worst_hour == 2
    assert [(one.device, one.rule, one.alarms) for one in found.top] == [
        ("gb-000", "boiler_flow_95", 1),
        ("gb-001", "boiler_flow_102", 1),
    ]
    assert {one.name: one.value for one in found.measures}["stale (open > 24 h)"] == 2
    await world.database.execute("update alarm set drill = true")
    await world.database.execute("update notification set drill = true")
    nothing = await quality(world.database, world.now, days=2)
    assert (nothing.alarms, nothing.messages, nothing.verdict) == (0, 0, "good")


async def test_what_chatters_is_found(world: World) -> None:
    await world.read("gb-000", 0, rssi_dbm=-70)
    await world.database.execute(
        "insert into alarm (device_id, rule, pack, priority, condition, latching, since, raised_at, recorded_at,"
        " cleared_at, closed_at, last_ts, reason)"
        " select d.id, 'lockout_reported', 'p@1', 'high', 'normal', false, t, t, t,"
        " t + interval '5 s', t + interval '5 s', t, 'x' from device d,"
        " generate_series(%s::timestamptz, %s, interval '20 s') t where d.uid = 'gb-000'",
        (world.start, world.start + timedelta(minutes=2)),
    )
    found = await quality(world.database, world.at(3600), days=1)
    assert [(one.device, one.alarms) for one in found.chattering] == [("gb-000", 7)]
    assert {one.name: one.shown for one in found.measures}["fleeting (over within 1 min)"] == "7 of 7"


async def test_over_the_api(world: World, http: httpx.AsyncClient) -> None:
    answer = (await http.get("/v1/alarms/quality", params={"days": 1})).json()
    assert (answer["verdict"], len(answer["measures"])) == ("good", 12)
    wish = {"by": "王某某", "why": "等配件", "minutes": 30, "device": "gb-000"}
    made = (await http.post("/v1/shelvings", json=wish)).json()
    refused = await http.post("/v1/shelvings", json={**wish, "rule": "co_300"})
    assert (refused.status_code, refused.json()["detail"].partition(":")[0]) == (
        422,
        "co_300 endangers lives and cannot be shelved",
    )
    assert (await http.post("/v1/shelvings", json={**wish, "device": "nobody"})).status_code == 404
    (shelved,) = (await http.get("/v1/shelvings")).json()
    assert (shelved["id"], shelved["device"], shelved["rule"]) == (made["id"], "gb-000", None)
    await world.database.execute("select 1")
    ended = await http.post(f"/v1/shelvings/{made['id']}/end", json={"by": "李某某"})
    assert ended.json() == {"ended_before": False}
    assert (await http.get("/v1/shelvings")).json() == []

    work = {"by": "供电所", "why": "检修", "region": VILLAGE, "ends_at": "2099-01-15T09:00:00+08:00"}
    assert (await http.post("/v1/maintenance", json=work)).status_code == 422, "too long"
    work |= {"begins_at": "2099-01-15T01:00:00+08:00"}
    number = (await http.post("/v1/maintenance", json=work)).json()["id"]
    (ahead,) = (await http.get("/v1/maintenance")).json()
    assert (ahead["region"], ahead["under_way"]) == (VILLAGE, False)
    path = f"/v1/maintenance/{number}/end"
    assert (await http.post(path, json={"by": "供电所"})).json() == {"ended_before": False}
    assert (await http.post(path, json={"by": "供电所"})).json() == {"ended_before": True}
    assert (await http.post("/v1/maintenance/4711/end", json={"by": "x"})).status_code == 404


async def test_as_commands(world: World, registered: str) -> None:
    async def run(*arguments: str) -> Any:
        return await nuanshao(registered, *arguments)

    await world.read("gb-000", 0, flow_c=110)
    who = ("--by", "王某某", "--why", "等配件")
    alarm_id = await one(world.database, "select id from alarm where condition = 'active'")
    number = (await run("shelve", "--alarm", str(alarm_id), "--minutes", "60", *who))["id"]
    listed = await run("list")
    assert [(a["id"], a["suppression_reason"]) for a in listed["alarms"]] == [(alarm_id, "alarm_shelved")]
    assert [s["id"] for s in listed["shelved"]] == [number]
    assert not (await run("unshelve", str(number), "--by", "李某某"))["ended_before"]
    assert await one(world.database, "select count(*) from notification where idempotency_key like '%%again%%'") == 1
    work = (await run("maintenance", "add", "--device", "gb-000", "--minutes", "60", *who))["id"]
    assert [m["under_way"] for m in await run("maintenance", "list")] == [True]
    assert not (await run("maintenance", "end", str(work), "--by", "李某某"))["ended_before"]
    assert (await run("quality", "--days", "1"))["verdict"] in {"good", "watch", "bad"}
