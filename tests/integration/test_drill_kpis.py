"""Every number on every board, in the API and on the terminal is the same before, during and after a drill."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from api.app import create_app
from catalogue.device_types import DEVICE_TYPES
from foundation.clock import utc_now
from store.connect import connect
from store.drill import Drill
from store.health import look
from store.named_sql import sql
from tests.drilled import REAL, Village, drilled
from tests.integration.test_dashboard_sql import expanded, queries
from tests.world import VILLAGE, one

Rows = list[tuple[Any, ...]]
SECONDS = 700
"""How long the timeline is; it lies before and after the present, so that every board's window has it."""
LISTS = {
    "county-wall.json: 报警列表 Open alarms",
    "county-wall.json: 最近消息 Last messages",
    "county-wall.json: 未结束事件 Open incidents",
    "home-device.json: 本户报警 Alarms of this home",
    "home-device.json: 相关消息 Messages about it",
    "home-device.json: $device",
}
"""What shows drills too: marked, and below all that is real."""


@pytest.fixture
async def village(database_url: str, database: psycopg.AsyncConnection) -> AsyncIterator[Village]:
    async with drilled(database_url, database, utc_now() - timedelta(seconds=60)) as made:
        yield made


async def what_is_real(village: Village) -> None:
    """Ten warm homes that report all the time, one of them with a real leak that people are told of."""
    for at in range(0, 641, 80):
        for uid in REAL:
            leaks = uid == "co-002" and at in {80, 160}
            metrics = {"co_ppm": 410.0 if leaks else 3.0} if uid.startswith("co") else {"flow_c": 45.0, "power_w": 90.0}
            await village.read(uid, at, indoor_c=19.0, **metrics)
    await village.read("co-002", 641, co_ppm=395)
    await village.read("co-002", 642, co_ppm=395)
    await village.publish("co-002", {"ts": 1, "type": "co_alarm", "on": True}, "event")
    await village.publish("co-002", [])
    await village.look(643)
    assert len(await village.told()) == 2


async def play(village: Village) -> Drill:
    """A leak and a blackout in homes 0 to 5, with a real device's and a stranger's words among them."""
    night = village.drill(0, 1, 2, 3, 4, 5, at=500)
    await village.load()
    everybody: dict[str, dict[str, float]] = {
        uid.replace("-", "_"): {"indoor_c": -9.0, "power_w": 9000.0, "co_ppm": 480.0}
        for uid in (twin.of for twin in night.twins)
    }
    for at in (510, 520, 530, 611):
        await village.play(night, at, **everybody)
    await village.publish(night.gateway, {"id": night.twins[0].uid, "ts": 1, "type": "co_alarm", "on": True}, "event")
    await village.publish(night.gateway, {"id": "co-000", "ts": 1, "m": {"co_ppm": 999}})
    await village.look(646)
    assert [incident["drill"] for incident in await village.incidents()] == [True]
    texts = await village.told()
    assert texts
    assert all(text.startswith("演练：") for text in texts)
    return night


async def numbers(village: Village, frozen: datetime, device: str = "*") -> dict[str, Rows]:
    """What every panel, variable and annotation shows at one moment, for a home with a real leak and in the drill."""
    moment = f"'{frozen.isoformat()}'::timestamptz".encode()
    shown: dict[str, Rows] = {}
    with connect(village.url, autocommit=True) as connection:
        for where, query in queries():
            text = expanded(query, village=f"'{VILLAGE}'", home="'home-002'", device=f"'{device}'").replace(
                b"now()", moment
            )
            shown[where] = connection.execute(text).fetchall()
        heaters = [row.name for row in DEVICE_TYPES if row.heats]
        blocks = {"board": (), "village_glance": (heaters,), "newest_alarms": (50,), "messages_without_end": ()}
        for block, values in blocks.items():
            shown[block] = connection.execute(sql(block), values).fetchall()
        shown["told_of_village"] = connection.execute(
            sql("told_of_village"), {"code": VILLAGE, "since": village.start}
        ).fetchall()
    shown["health"] = [tuple((await look(village.database, frozen)).problems)]
    return shown


def marked(row: tuple[Any, ...]) -> bool:
    return "演练" in str(row)


async def test_no_number_on_any_board_knows_of_a_drill(village: Village) -> None:
    await what_is_real(village)
    frozen = village.start + timedelta(seconds=SECONDS)
    before = await numbers(village, frozen)
    assert before["county-wall.json: 设备在报 Devices reporting"] == [(20, 20, 1.0)]
    assert before["county-wall.json: 未关闭报警 Open alarms"] == [(2, 0, 0, 0)], "co_300 and the detector's own"
    assert not any(marked(row) for shown in before.values() for row in shown)

    night = await play(village)
    during = await numbers(village, frozen)
    twin = next(twin.uid for twin in night.twins if twin.of == "co-002")
    chosen = await numbers(village, frozen, device=twin)
    village.end(night.id, 650)
    await village.load()
    await village.play(night, 652, co_000={"co_ppm": 480})
    assert await one(village.database, "select count(*) from rejects where reason = 'retired_device'") == 1
    after = await numbers(village, frozen)

    for name, later in (("during", during), ("after", after)):
        for where, shown in later.items():
            if where in LISTS or where in {"newest_alarms", "newest_messages"}:
                real = [row for row in shown if not marked(row)]
                assert shown[: len(real)] == real, f"{name}, {where}: what is real comes first"
                assert real == before[where], f"{name}: {where}"
            else:
                assert shown == before[where], f"{name}: {where}"
    co = next(where for where in before if where.startswith("home-device") and before[where] == [(395.0,)])
    assert chosen[co] == [(480.0,)], "the twin that is chosen itself shows itself"
    lists = {where for where, shown in during.items() if any(map(marked, shown))}
    assert lists == LISTS | {"newest_alarms"}, "each of them shows the drill, as such"


async def test_the_api_keeps_drills_apart_and_gives_them_when_asked(village: Village) -> None:
    await what_is_real(village)
    app = create_app(village.url)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as http,
    ):

        async def get(path: str, **params: str) -> list[dict[str, Any]]:
            answer = (await http.get(f"/v1/{path}", params=params)).json()
            found: list[dict[str, Any]] = answer["devices"] if path == "devices" else answer
            return found

        paths = ("devices", "alarms", "incidents", "notifications")
        before = {path: await get(path) for path in paths}
        night = await play(village)
        for path in paths:
            assert await get(path) == await get(path, drill="false") == before[path]
            drills = await get(path, drill="true")
            assert drills
            assert {row["drill"] for row in drills} == {True}
            assert len(await get(path, drill="all")) == len(before[path]) + len(drills)
        everything = await get("alarms", drill="all")
        assert [row["drill"] for row in everything] == sorted(row["drill"] for row in everything), "what is real first"
        assert (await http.get("/v1/alarms", params={"drill": "maybe"})).status_code == 422
        latest = (await http.get(f"/v1/devices/{night.twins[0].uid}/latest")).json()
        assert latest["flags"] == ["drill"]
        lost = "select sum(received - stored - duplicate - rejected) from ledger"
        assert await one(village.database, lost) == 0
        assert json.dumps(before).count("演练") == 0
