"""Nobody answers at 3 a.m.: who is told when, in the real database, on a clock that the test moves."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from alerts.acknowledgement import acknowledge_alarm
from alerts.escalation.watch import Escalator
from catalogue.rules import default_pack
from store.connect import connect, connect_async
from store.registry import add_contact, add_region
from tests.world import VILLAGE, World, one, rows

TOWNSHIP, COUNTY = "150521101", "150521"
MINUTE = 60.0


@dataclass
class Night:
    """A village, its township and its county, one person each, and an escalator."""

    world: World
    escalator: Escalator = field(default_factory=lambda: Escalator(default_pack()))

    async def burns(self, minute: float) -> None:
        """A confirmed 350 ppm in the first home."""
        for seconds in (0, 10):
            await self.world.read("co-000", minute * MINUTE + seconds, co_ppm=350)

    async def look(self, minute: float) -> int:
        return await self.escalator.look(self.world.database, self.world.at(minute * MINUTE + 10))

    async def told(self) -> list[tuple[float, str, str]]:
        """(minute, whom, way) of each message, in the order in which they were written."""
        found = await rows(
            self.world.database,
            "select n.created_at, c.name, n.way from notification n join contact c on c.id = n.contact_id"
            " join alarm a on a.id = n.alarm_id where a.rule = 'co_300' and n.kind in ('raised', 'escalation')"
            " order by n.id",
        )
        raised = self.world.start + timedelta(seconds=10)
        return [((row["created_at"] - raised) / timedelta(minutes=1), row["name"], row["way"]) for row in found]

    async def alarm(self) -> int:
        return int(str(await one(self.world.database, "select id from alarm where rule = 'co_300'")))


@pytest.fixture
async def night(registered: str, world: World) -> Night:
    with connect(registered) as connection:
        add_region(connection, code=COUNTY, name="科左中旗", level="county", parent="150500")
        add_region(connection, code=TOWNSHIP, name="宝龙山镇", level="township", parent=COUNTY)
        connection.execute(
            "update region set parent_id = (select id from region where code = %s) where code = %s", (TOWNSHIP, VILLAGE)
        )
        add_contact(connection, region=TOWNSHIP, name="镇", role="值班", phone="13800000301")
        add_contact(connection, region=COUNTY, name="旗", role="值班", phone="13800000401")
        connection.execute("update way set open = true where name = 'voice'")
        connection.commit()
    return Night(world)


async def every_minute(night: Night, begin: int, until: int) -> None:
    for minute in range(begin, until + 1):
        await night.look(minute)


async def test_nobody_answers(night: Night) -> None:
    await night.burns(0)
    await every_minute(night, 0, 31)
    assert await night.told() == [
        (0, "王某某", "sms"),
        (5, "王某某", "sms"), (5, "王某某", "voice"),
        (15, "镇", "sms"), (15, "镇", "voice"),
        (30, "旗", "sms"), (30, "旗", "voice"),
    ]  # fmt: skip
    await every_minute(night, 32, 95)
    assert (await night.told())[7:] == [(90, "旗", "sms"), (90, "旗", "voice")]
    texts = await rows(night.world.database, "select body from notification where step = 2 and way = 'sms'")
    assert "15分钟无人应答：一氧化碳" in texts[0]["body"]


async def test_an_answer_after_six_minutes_stops_it_until_it_is_dangerous_half_an_hour_later(night: Night) -> None:
    await night.burns(0)
    await every_minute(night, 0, 5)
    await acknowledge_alarm(
        night.world.database, await night.alarm(), by="王某某", how="sms", now=night.world.at(6 * MINUTE + 10)
    )
    await every_minute(night, 6, 35)
    assert [minute for minute, _, _ in await night.told()] == [0, 5, 5]
    await night.burns(35)
    await every_minute(night, 36, 42)
    assert (await night.told())[3:] == [(36, "王某某", "sms"), (41, "王某某", "sms"), (41, "王某某", "voice")]
    (opened,) = await rows(night.world.database, "select acknowledged_at, closed_at from alarm where rule = 'co_300'")
    assert opened == {"acknowledged_at": None, "closed_at": None}
    trace = await rows(
        night.world.database,
        "select what from duty_trace where alarm_id = %s and what <> 'written' order by id",
        (await night.alarm(),),
    )
    assert [row["what"] for row in trace] == ["raised", "escalated", "acknowledged", "opened_again", "escalated"]


async def test_what_is_answered_and_over_does_not_come_back(night: Night) -> None:
    await night.burns(0)
    await acknowledge_alarm(night.world.database, await night.alarm(), by="王某某", how="sms", now=night.world.at(70))
    for minute in range(2, 20):
        await night.world.read("co-000", minute * MINUTE, co_ppm=0)
    assert await one(night.world.database, "select closed_at is not null from alarm where rule = 'co_300'") is True
    await every_minute(night, 20, 40)
    assert [minute for minute, _, _ in await night.told()] == [0]
    assert await one(night.world.database, "select reason from escalation") == "closed"


async def test_a_call_for_help_reaches_the_township_at_once(night: Night) -> None:
    await night.burns(0)
    await night.look(1)
    await night.world.database.execute(
        "update alarm set help_asked_at = %s, help_asked_by = '王某某'", (night.world.at(2 * MINUTE + 10),)
    )
    assert await night.look(2) == 1
    assert (await night.told())[1:] == [(2, "镇", "sms"), (2, "镇", "voice")]
    assert await night.look(3) == 0, "one call climbs once"
    texts = await rows(night.world.database, "select body from notification where step = 2 and way = 'sms'")
    assert "王某某求助：一氧化碳" in texts[0]["body"]


async def test_what_is_only_high_climbs_slowly_and_what_is_low_not_at_all(night: Night) -> None:
    for seconds in (0, 40):
        await night.world.read("gb-000", seconds, flow_c=97.0)
    plans = await rows(
        night.world.database, "select e.plan, e.next_at from escalation e join alarm a on a.id = alarm_id"
    )
    assert [(row["plan"], row["next_at"]) for row in plans] == [
        ("high", night.world.start + timedelta(minutes=30, seconds=40))
    ]


async def test_a_restart_and_a_second_process_tell_nothing_twice(night: Night, registered: str) -> None:
    await night.burns(0)
    now = night.world.at(5 * MINUTE + 10)
    async with await connect_async(registered, autocommit=True) as other:
        steps = await asyncio.gather(
            night.escalator.look(night.world.database, now), Escalator(default_pack()).look(other, now)
        )
    assert sum(steps) == 1
    assert len(await night.told()) == 3


async def test_the_trace_can_be_read_and_not_rewritten(night: Night) -> None:
    await night.burns(0)
    for statement in ("update duty_trace set what = 'x'", "delete from duty_trace", "truncate duty_trace"):
        with pytest.raises(Exception, match="only ever added to"):
            await night.world.database.execute(statement)
