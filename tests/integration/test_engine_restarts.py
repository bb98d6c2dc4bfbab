"""A restart at each second of a ten-minute hold: once, and on time. The clock is the test's."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import psycopg

from alerts.engine import Engine
from catalogue.rules import RulePack, default_pack
from ingest.judge import Judged
from store import registry
from store.connect import connect
from tests.world import World, registered_devices, rows

HELD_S: Final = 600
DIES_AT: Final = 600
"""The process dies in the middle of what it does, and is back two seconds later. Device n began at second n: for each
this is another second of its hold."""
BACK_AFTER_S: Final = 2
PACK: Final = RulePack(
    pack="held", version=1, rules=tuple(each for each in default_pack().rules if each.id == "co_100")
)


async def test_a_restart_at_each_second_of_ten_minutes_fires_once_and_on_time(
    registered: str, database: psycopg.AsyncConnection
) -> None:
    """`quiet-n` says 120 ppm once, at second n; `steady-n` each minute. No engine lives longer than a second."""
    begins = {f"quiet-{second:03}": second for second in range(1, HELD_S + 1)}
    begins |= {f"steady-{second:03}": second for second in range(1, HELD_S + 1, 20)}
    with connect(registered) as connection:
        for uid in begins:
            registry.add_device(connection, uid=uid, device_type="co_detector", home="home-000", interval_s=60)
        connection.commit()
    devices = await registered_devices(database)
    readings: dict[int, list[str]] = {}
    for uid, first in begins.items():
        for second in range(first, first + HELD_S + 61, 60) if uid.startswith("steady") else (first,):
            readings.setdefault(second, []).append(uid)
    waiting: list[tuple[str, int]] = []
    for second in range(1, 2 * HELD_S + 70):
        world = World(database, engine=Engine(PACK), devices=devices)
        waiting += [(uid, second) for uid in readings.get(second, [])]
        if DIES_AT <= second < DIES_AT + BACK_AFTER_S:
            continue
        said = [world.judged(uid, measured, second, co_ppm=120) for uid, measured in waiting]
        waiting = []
        if second % 10 == 0 or second == DIES_AT + BACK_AFTER_S:
            await works_in_vain(world, said, second)
            world = World(database, engine=Engine(PACK), devices=devices)
        await works(world, said, second)
    found = await rows(
        database,
        "select d.uid, a.condition, a.raised_at, a.recorded_at,"
        " (select count(*) from notification n where n.alarm_id = a.id) as told"
        " from alarm a join device d on d.id = a.device_id",
    )
    assert sorted(alarm["uid"] for alarm in found) == sorted(begins), "one alarm each"
    near = timedelta(seconds=2)
    for alarm in found:
        due = world.start + timedelta(seconds=begins[alarm["uid"]] + HELD_S)
        assert (alarm["condition"], alarm["told"]) == ("active", 1), alarm["uid"]
        assert abs(alarm["raised_at"] - due) <= near, alarm["uid"]
        assert abs(alarm["recorded_at"] - due) <= near, alarm["uid"]


async def works(world: World, readings: list[Judged], second: float) -> None:
    """What an ingest worker and the alerts process do in a second."""
    if readings:
        async with world.database.transaction():
            await world.engine.evaluate(world.database, readings, [], world.at(second))
    await world.deadlines(second)


async def works_in_vain(world: World, readings: list[Judged], second: float) -> None:
    """The same, killed before its transaction ends."""
    async with world.database.transaction() as killed:
        await works(world, readings, second)
        raise psycopg.Rollback(killed)
