"""Alarms as timelines, on the real database: seconds after 3 a.m."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import psycopg
import pytest

from alerts.acknowledgement import acknowledge_alarm
from broker.delivery import Delivery
from foundation.errors import NotFound
from ingest.batch import Batch
from ingest.judge import JudgedEvent
from store.connect import connect_async
from tests.world import World, ms, one


async def test_co_at_300_ppm_is_told_after_a_second_sample(world: World) -> None:
    await world.read("co-000", 0, co_ppm=310)
    assert [(a["rule"], a["condition"]) for a in await world.alarms() if a["rule"] == "co_300"] == [
        ("co_300", "pending")
    ]
    assert await world.messages() == []
    await world.read("co-000", 10, co_ppm=356)
    (alarm,) = [a for a in await world.alarms() if a["rule"] == "co_300"]
    assert (alarm["condition"], alarm["reason"], alarm["priority"]) == (
        "active", "confirmed_by_second_sample", "critical",
    )  # fmt: skip
    assert alarm["raised_at"] == world.at(10)
    assert alarm["pack"] == "default@5"
    (message,) = await world.messages()
    assert "一氧化碳超过300ppm（现356ppm）" in message["body"]
    assert (message["template"], message["kind"]) == ("critical", "raised")


async def test_without_a_second_sample_it_is_told_at_the_deadline(world: World) -> None:
    await world.read("co-000", 0, co_ppm=310)
    assert await world.deadlines(29) == 0
    assert await world.deadlines(30) == 1, "nothing contradicted the first sample"
    assert len(await world.messages()) == 1


async def test_one_spike_that_is_contradicted_stays_silent(world: World) -> None:
    await world.read("co-000", 0, co_ppm=310)
    await world.read("co-000", 10, co_ppm=4)
    for second in (40, 121):
        assert await world.deadlines(second) == 0
    assert await world.alarms(closed=True) == [], "by then the mean has sunk below each level"


async def test_a_detector_that_samples_every_five_minutes_alarms_at_once(world: World) -> None:
    await world.database.execute("update device set interval_s = 300 where uid = 'co-000'")
    await world.load()
    await world.read("co-000", 0, co_ppm=310)
    (alarm,) = [a for a in await world.alarms() if a["rule"] == "co_300"]
    assert (alarm["condition"], alarm["reason"]) == ("active", "sampled_rarely")


async def test_50_ppm_for_an_hour_survives_restarts_and_fires_once(world: World) -> None:
    for minute in range(0, 60, 5):
        world = world.restarted()
        await world.read("co-000", minute * 60, co_ppm=60)
    assert await world.deadlines(3599) == 0
    assert await world.deadlines(3600) == 1
    assert await world.restarted().deadlines(3601) == 0
    assert [m["template"] for m in await world.messages()] == ["routine"]


async def test_75_ppm_for_five_minutes_is_cooking_and_stays_silent(world: World) -> None:
    for second in range(0, 300, 10):
        await world.read("co-000", second, co_ppm=75)
    await world.read("co-000", 300, co_ppm=20)
    assert await world.deadlines(20_000) == 0
    assert await world.alarms(closed=True) == []


async def test_a_safety_alarm_stays_open_until_the_value_and_a_person_say_so(world: World) -> None:
    await world.read("co-000", 0, co_ppm=400)
    await world.read("co-000", 10, co_ppm=400)
    for second in range(20, 1000, 10):
        await world.read("co-000", second, co_ppm=2)
    (alarm,) = [a for a in await world.alarms() if a["rule"] == "co_300"]
    assert (alarm["condition"], alarm["closed_at"]) == ("normal", None), "nobody has acknowledged it"
    result = await acknowledge_alarm(world.database, alarm["id"], by="王某某", how="api", now=world.at(1000))
    assert result == "acknowledged_and_closed"
    assert [a["rule"] for a in await world.alarms()] == []
    kinds = [m["kind"] for m in await world.messages()]
    assert kinds == ["raised", "cleared"]


async def test_acknowledged_first_it_closes_when_the_value_is_normal(world: World) -> None:
    await world.read("co-000", 0, co_ppm=400)
    await world.read("co-000", 10, co_ppm=400)
    alarm = next(a for a in await world.alarms() if a["rule"] == "co_300")
    assert await acknowledge_alarm(world.database, alarm["id"], by="a", how="api", now=world.at(11)) == "acknowledged"
    again = await acknowledge_alarm(world.database, alarm["id"], by="b", how="api", now=world.at(12))
    assert again == "acknowledged_before"
    for second in range(20, 940, 10):
        await world.read("co-000", second, co_ppm=2)
    assert await world.alarms() == []
    (closed,) = [a for a in await world.alarms(closed=True) if a["rule"] == "co_300"]
    assert closed["acknowledged_by"] == "a"


async def test_silence_never_clears(world: World) -> None:
    await world.read("gb-000", 0, flow_c=103)
    await world.deadlines(86_400)
    (alarm,) = [a for a in await world.alarms() if a["rule"] == "boiler_flow_102"]
    assert alarm["condition"] == "active"


async def test_a_late_co_reading_is_told_as_late_with_its_measured_time(world: World) -> None:
    await world.read("co-000", 0, received=3600, co_ppm=500)
    (alarm,) = [a for a in await world.alarms() if a["rule"] == "co_300"]
    assert (alarm["late"], alarm["condition"], alarm["raised_at"]) == (True, "normal", world.start)
    (message,) = await world.messages()
    assert "补报" in message["body"]
    assert "03:00" in message["body"]


async def test_late_readings_raise_and_clear_nothing_else(world: World) -> None:
    await world.read("gb-000", 0, received=3600, flow_c=110)
    assert await world.alarms() == []
    await world.read("gb-000", 3700, flow_c=103)
    await world.read("gb-000", 60, received=3710, flow_c=40)
    (alarm,) = [a for a in await world.alarms() if a["rule"] == "boiler_flow_102"]
    assert alarm["condition"] == "active"


async def test_a_detector_with_a_slow_clock_is_not_late_and_raises_live_alarms(world: World) -> None:
    def message(at: float, co_ppm: int) -> Delivery:
        world.at(at)
        payload = {"ts": ms(world.now) - 900_000, "seq": int(at), "boot": 1, "m": {"co_ppm": co_ppm}}
        return Delivery(1, 1, "heat/v1/co-000/telemetry", json.dumps(payload).encode(), False, ms(world.now))

    for at in range(0, 50, 10):
        await world.deliver(message(at, 2))
    await world.deliver(message(50, 400))
    await world.deliver(message(60, 400))
    (alarm,) = [a for a in await world.alarms() if a["rule"] == "co_300"]
    assert (alarm["condition"], alarm["late"], alarm["raised_at"]) == ("active", False, world.at(60))
    assert await one(world.database, "select count(*) from telemetry where 'late' = any(reading_flags(flags))") == 1
    assert await one(world.database, "select count(*) from telemetry") == 7


async def test_a_backlog_is_late_however_it_is_sent(world: World) -> None:
    for number in range(20):
        payload = {"ts": ms(world.start) - 900_000 + number * 10_000, "seq": number, "m": {"co_ppm": 60}}
        world.at(number * 0.05)
        await world.deliver(
            Delivery(1, 1, "heat/v1/co-000/telemetry", json.dumps(payload).encode(), False, ms(world.now))
        )
    assert await world.alarms() == []
    assert await one(world.database, "select count(*) from telemetry where 'late' = any(reading_flags(flags))") == 20


async def test_a_stove_peak_after_a_latched_alarm_is_held_like_the_first(world: World) -> None:
    await world.read("co-000", 0, co_ppm=60)
    await world.deadlines(3600)
    for second in range(3700, 4800, 60):
        await world.read("co-000", second, co_ppm=5)
    (alarm,) = [a for a in await world.alarms() if a["rule"] == "co_50"]
    assert alarm["condition"] == "normal"
    told = len(await world.messages())
    await world.read("co-000", 5000, co_ppm=75)
    await world.read("co-000", 5300, co_ppm=10)
    await world.deadlines(20_000)
    assert len(await world.messages()) == told, "five minutes of cooking"
    await world.read("co-000", 21_000, co_ppm=75)
    await world.deadlines(24_600)
    assert [a["condition"] for a in await world.alarms() if a["rule"] == "co_50"] == ["active"]
    assert len([m for m in (await world.messages())[told:] if "50ppm" in m["body"]]) == 1


async def test_a_reading_that_arrives_out_of_order_changes_nothing(world: World) -> None:
    await world.read("gb-000", 20, flow_c=103)
    await world.read("gb-000", 10, received=21, flow_c=40)
    (alarm,) = [a for a in await world.alarms() if a["rule"] == "boiler_flow_102"]
    assert alarm["condition"] == "active"


async def test_the_detectors_own_alarm_is_told_at_once(world: World) -> None:
    device = world.devices["co-000"]
    event = JudgedEvent(device, "co_alarm", True, ms(world.now), ms(world.now), None, 0)
    await world.commit(Batch(events=[event]))
    (alarm,) = await world.alarms()
    assert (alarm["rule"], alarm["reason"]) == ("co_detector_alarm", "device_alarm_on")
    assert len(await world.messages()) == 1


async def test_two_workers_with_the_same_device_raise_one_alarm(world: World, database_url: str) -> None:
    async def work(number: int) -> None:
        async with await connect_async(database_url, autocommit=True) as connection:
            twin = World(connection, devices=world.devices, name=f"ingest-{number}")
            for turn in range(20):
                await twin.read("co-000", turn * 10 + number, co_ppm=400)

    await asyncio.gather(*(work(number) for number in range(3)))
    alarms = [a for a in await world.alarms() if a["rule"] == "co_300"]
    assert [a["condition"] for a in alarms] == ["active"]
    assert len([m for m in await world.messages() if "超过300" in m["body"]]) == 1
    ledger = "select sum(stored) from ledger"
    assert await one(world.database, ledger) == 60


async def test_the_database_itself_refuses_a_second_open_alarm(world: World) -> None:
    await world.read("gb-000", 0, flow_c=103)
    with pytest.raises(psycopg.errors.UniqueViolation):
        await world.database.execute(
            "insert into alarm (device_id, rule, pack, priority, condition, latching, since, last_ts, reason)"
            " select device_id, rule, pack, priority, 'active', latching, since, last_ts, reason from alarm"
        )


async def test_an_alarm_of_a_device_without_a_home_goes_to_the_top_of_the_tree(world: World) -> None:
    await world.database.execute("update device set home_id = null where uid = 'gb-000'")
    await world.read("gb-000", 0, flow_c=103)
    assert await world.messages() == [], "the city has no contact yet, and that is logged"
    await world.database.execute(
        "insert into contact (region_id, name, phone) select id, '市值班', '13800000900' from region where level='city'"
    )
    await world.database.execute("update device set home_id = null where uid = 'gb-001'")
    await world.read("gb-001", 1, flow_c=103)
    assert len(await world.messages()) == 1


async def test_a_village_without_contacts_is_told_through_the_region_above(world: World) -> None:
    await world.database.execute("update contact set region_id = (select id from region where level = 'city')")
    await world.read("gb-000", 0, flow_c=103)
    assert len(await world.messages()) == 1


async def test_there_is_no_alarm_to_acknowledge(world: World) -> None:
    await world.read("co-000", 0, co_ppm=310)
    pending = (await world.alarms())[0]["id"]
    for nothing in (pending, 4711):
        with pytest.raises(NotFound):
            await acknowledge_alarm(world.database, nothing, by="a", how="api", now=world.now)


async def test_acknowledging_and_clearing_at_once_end_in_one_truth(world: World, database_url: str) -> None:
    for turn in range(10):
        begin = turn * 10_000
        await world.read("co-001", begin, co_ppm=400)
        await world.read("co-001", begin + 10, co_ppm=400)
        await world.read("co-001", begin + 20, co_ppm=1)
        alarm = next(a for a in await world.alarms() if a["rule"] == "co_300")

        async def acknowledge(alarm_id: int = alarm["id"], at: float = begin + 1000) -> None:
            async with await connect_async(database_url, autocommit=True) as other:
                moment = world.start + timedelta(seconds=at)
                await acknowledge_alarm(other, alarm_id, by="a", how="api", now=moment)

        await asyncio.gather(acknowledge(), world.read("co-001", begin + 1000, co_ppm=1))
        assert [a for a in await world.alarms() if a["rule"] == "co_300"] == []


async def test_what_is_pending_again_goes_on_when_a_person_closes_the_alarm(world: World) -> None:
    """An hour at 50 ppm counts from its first reading, not from the acknowledgement in its last minute."""
    await world.read("co-000", 0, co_ppm=60)
    await world.deadlines(3600)
    for second in range(3700, 4800, 60):
        await world.read("co-000", second, co_ppm=5)
    await world.read("co-000", 5000, co_ppm=60)
    (alarm,) = [a for a in await world.alarms() if a["rule"] == "co_50"]
    assert alarm["condition"] == "normal"
    result = await acknowledge_alarm(world.database, alarm["id"], by="a", how="api", now=world.at(8590))
    assert result == "acknowledged_and_closed"
    await world.deadlines(8599)
    assert [a["condition"] for a in await world.alarms() if a["rule"] == "co_50"] == ["pending"]
    await world.deadlines(8600)
    (again,) = [a for a in await world.alarms() if a["rule"] == "co_50"]
    assert (again["condition"], again["acknowledged_at"]) == ("active", None)
    assert (again["since"], again["raised_at"]) == (world.at(5000), world.at(8600))
    assert again["id"] != alarm["id"]
