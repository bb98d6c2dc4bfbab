"""Late and disordered readings on the real database: seconds after 3 a.m."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from alerts.acknowledgement import acknowledge_alarm
from ingest.batch import Batch
from tests.world import World, one

HOURS = 3600.0
Point = tuple[float, float]


def air(*parts: tuple[float, float, float], every: float = 60) -> list[Point]:
    """Readings for (since, until, ppm), one part after the other."""
    return [
        (since + number * every, ppm) for since, until, ppm in parts for number in range(round((until - since) / every))
    ]


NIGHT = air((0, 1800, 3), (1800, 3600, 150), (3600, 7200, 3))
"""Two hours of which nobody heard anything: half an hour with 150 ppm."""


async def arrives(world: World, points: Iterable[Point], received: float, uid: str = "co-000") -> None:
    """One message with these readings."""
    readings = [world.judged(uid, second, received, co_ppm=ppm) for second, ppm in points]
    world.at(received)
    await world.commit(Batch(readings=readings))


async def co_100(world: World, *, closed: bool = True) -> list[dict[str, Any]]:
    return [alarm for alarm in await world.alarms(closed=closed) if alarm["rule"] == "co_100"]


def in_pieces(points: Sequence[Point], size: int) -> list[Sequence[Point]]:
    return [points[first : first + size] for first in range(0, len(points), size)]


@pytest.mark.parametrize("order", ["at once", "in pieces", "backwards"])
async def test_a_late_half_hour_is_told_once_as_late_with_its_measured_time(world: World, order: str) -> None:
    pieces = [NIGHT] if order == "at once" else in_pieces(NIGHT, 7)
    for number, piece in enumerate(reversed(pieces) if order == "backwards" else pieces):
        await arrives(world, piece, 4 * HOURS + number)
    (alarm,) = await co_100(world)
    assert (alarm["condition"], alarm["late"], alarm["closed_at"]) == ("normal", True, None)
    if order == "backwards":
        assert alarm["raised_at"] <= world.at(3600), "ten minutes of it were enough"
    else:
        assert (alarm["since"], alarm["raised_at"]) == (world.at(1800), world.at(2400))
    (message,) = await world.messages()
    assert "补报" in message["body"]
    assert ("03:40" in message["body"]) == (order != "backwards")
    await acknowledge_alarm(world.database, alarm["id"], by="a", how="api", now=world.at(5 * HOURS))
    await arrives(world, [(second + 30, ppm) for second, ppm in NIGHT], 5 * HOURS)
    assert len(await co_100(world)) == len(await world.messages()) == 1, "those in between are the same half hour"


async def test_ten_late_minutes_too_few_are_not_told(world: World) -> None:
    await arrives(world, air((0, 1800, 3), (1800, 2340, 150), (2340, 7200, 3)), 4 * HOURS)
    assert await world.alarms(closed=True) == []


async def test_what_was_raised_in_its_time_is_not_told_again_as_late(world: World) -> None:
    for second, ppm in NIGHT[::3]:
        await world.read("co-000", second, co_ppm=ppm)
        await world.deadlines(second)
    (alarm,) = await co_100(world, closed=False)
    await acknowledge_alarm(world.database, alarm["id"], by="a", how="api", now=world.at(7200))
    before = await world.messages()
    await arrives(world, [point for point in NIGHT if point not in NIGHT[::3]], 4 * HOURS)
    assert [alarm["late"] for alarm in await co_100(world)] == [False]
    assert await world.messages() == before


async def test_late_readings_leave_a_live_alarm_alone_and_are_told_beside_what_is_pending(world: World) -> None:
    await world.read("co-000", 4 * HOURS, co_ppm=120)
    await arrives(world, NIGHT, 4 * HOURS + 5)
    (alarm,) = await co_100(world)
    assert (alarm["condition"], alarm["late"], alarm["raised_at"]) == ("normal", True, world.at(2400))
    assert await world.deadlines(4 * HOURS + 600) == 1, "what was pending goes on"
    (alarm,) = await co_100(world)
    assert (alarm["condition"], alarm["late"], alarm["raised_at"]) == ("active", False, world.at(4 * HOURS + 600))
    await arrives(world, [(second + 30, ppm) for second, ppm in NIGHT], 4 * HOURS + 700)
    assert [dict(one) for one in await co_100(world)] == [alarm]
    assert [message["kind"] for message in await world.messages()] == ["raised", "raised"]


async def test_the_last_minute_in_reverse_order_is_late_by_nothing(world: World) -> None:
    for number, second in enumerate(range(60, -10, -10)):
        await world.read("co-000", second, received=60 + number, co_ppm=120)
    assert await world.deadlines(599.9) == 0
    assert await world.deadlines(600.1) == 1, "the newest came at once: its clock is ours"
    (alarm,) = await co_100(world)
    assert (alarm["since"], alarm["raised_at"]) == (world.at(0), world.at(600))


async def test_batches_that_changed_places_raise_what_they_would_have_raised(world: World) -> None:
    """co_300: both readings beyond it come behind a clean one."""
    await world.read("co-000", 30, co_ppm=3)
    await world.read("co-000", 20, received=31, co_ppm=310)
    assert [alarm["rule"] for alarm in await world.alarms() if alarm["rule"] == "co_300"] == [], "one is none"
    await world.read("co-000", 10, received=32, co_ppm=310)
    (alarm,) = [alarm for alarm in await world.alarms() if alarm["rule"] == "co_300"]
    assert (alarm["condition"], alarm["raised_at"], alarm["since"]) == ("recovering", world.at(20), world.at(10))
    assert await one(world.database, "select count(*) from notification where alarm_id = %s", (alarm["id"],)) == 1


async def test_a_clean_reading_that_overtook_a_dangerous_one_ends_what_that_began(world: World) -> None:
    await world.read("co-000", 20, co_ppm=3)
    await world.read("co-000", 10, received=21, co_ppm=60)
    assert await world.deadlines(2 * HOURS) == 0, "also when nothing more is heard"
    assert await world.alarms(closed=True) == []


async def test_a_dip_that_comes_behind_drains_what_is_pending(world: World) -> None:
    for second in (0, 60, 300):
        await world.read("co-000", second, co_ppm=110)
    await world.read("co-000", 120, received=301, co_ppm=3)
    (alarm,) = await co_100(world)
    assert (alarm["since"], alarm["deadline"]) == (world.at(300), world.at(300) + timedelta(seconds=600))
