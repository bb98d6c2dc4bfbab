"""The rollups against a straightforward look at the raw readings, whatever arrives when, on the real database."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import numpy as np
import psycopg
import pytest

from alerts.channels.channel import Channel
from alerts.service import AlertsService, rest
from catalogue.metrics import METRIC_INDEX, METRIC_NAMES, METRICS
from foundation.errors import SettingsError
from foundation.settings import SHORTEST_RETENTION_DAYS, settings
from store import aggregates, columns, rollup, upkeep
from store.columnar import pg_time
from store.connect import connect, connect_async
from store.copy import TelemetryRow, store_readings
from store.edition import fitness
from store.migrate import migrate, migrations
from tests.world import NIGHT, World, ms, one, rows

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MUCH_LATER = NIGHT + timedelta(days=3)
"""When every bucket that these tests write into is over."""
SUBSTITUTES = {"15m": "time_bucket('15 minutes', ts)", "1d": "date_trunc('day', ts, 'Asia/Shanghai')"}


def row(device_id: int, at: datetime, **metrics: float) -> TelemetryRow:
    values: list[float | None] = [None] * len(METRIC_NAMES)
    for name, value in metrics.items():
        values[METRIC_INDEX[name]] = value
    return (pg_time(ms(at)), device_id, pg_time(ms(at)), None, None, None, 0, None, *values)


async def write(
    connection: psycopg.AsyncConnection, readings: Iterable[tuple[int, datetime, float]], now: datetime = NIGHT
) -> None:
    """As ingest does: what is new is stored and noted in one transaction."""
    given = list(readings)
    async with connection.transaction():
        await store_readings(connection, [row(device_id, at, co_ppm=value) for device_id, at, value in given])
        await rollup.note(
            connection,
            np.array([device_id for device_id, _, _ in given]),
            np.array([ms(at) for _, at, _ in given]),
            now,
        )


async def refresh(connection: psycopg.AsyncConnection, now: datetime = MUCH_LATER) -> int:
    """Refreshes both grains; the days become due only a while after their quarters."""
    quarters = await rollup.refresh(connection, now)
    days = await rollup.refresh(connection, now + HOUR)
    return quarters.buckets + days.buckets


async def truth(database: psycopg.AsyncConnection, grain: str) -> list[dict[str, Any]]:
    """What the rollup must hold, straight from the raw readings."""
    wanted = [f"{SUBSTITUTES[grain]} as bucket", "device_id", "count(*) as readings"]
    for metric in METRICS:
        name = metric.name
        if metric.kind != "counter":
            wanted += [f"avg({name}::float8) as {name}_avg", f"nullif(count({name}), 0) as {name}_n"]
        if metric.kind != "state":
            wanted.append(f"max({name}) as {name}_max")
        if metric.kind == "measure":
            wanted.append(f"min({name}) as {name}_min")
    query = f"select {', '.join(wanted)} from telemetry group by 1, 2 order by 1, 2"  # noqa: S608 (names are ours)
    return await rows(database, query)


async def held(database: psycopg.AsyncConnection, grain: str) -> list[dict[str, Any]]:
    return await rows(database, f"table telemetry_{grain} order by bucket, device_id")


async def assert_exact(database: psycopg.AsyncConnection) -> None:
    for grain in SUBSTITUTES:
        wanted, found = await truth(database, grain), await held(database, grain)
        assert len(wanted) == len(found), grain
        for expected, got in zip(wanted, found, strict=True):
            assert expected.keys() == got.keys()
            for name, value in expected.items():
                exact = value is None or not name.endswith("_avg")
                assert got[name] == (value if exact else pytest.approx(value, rel=1e-12)), (grain, name)


async def pending(database: psycopg.AsyncConnection) -> int:
    count: int = await one(database, "select count(*) from rollup_pending")
    return count


async def test_every_aggregate_of_every_metric_is_that_of_the_raw_readings(world: World) -> None:
    chance = random.Random(1)
    devices = [device.id for device in world.devices.values()]
    readings = []
    for device_id in devices:
        own = chance.sample(METRICS, 12)
        for minute in range(0, 2 * 24 * 60, 7):
            values = {
                metric.name: float(chance.random() < 0.3) if metric.kind == "state" else chance.uniform(0, 99)
                for metric in own
                if chance.random() < 0.8  # some are nulled: they weigh nothing in an average
            }
            readings.append(row(device_id, NIGHT + minute * MINUTE, **values))
    await store_readings(world.database, readings)
    noted = [(device_id, ms(NIGHT + n * MINUTE)) for n in range(2880) for device_id in devices]
    await rollup.note(
        world.database, np.array([device_id for device_id, _ in noted]), np.array([at for _, at in noted]), NIGHT
    )
    done = await rollup.refresh(world.database, MUCH_LATER)
    assert (done.buckets, done.rows) == (192, await one(world.database, "select count(*) from telemetry_15m"))
    assert (await rollup.refresh(world.database, MUCH_LATER + HOUR)).buckets == 3
    await assert_exact(world.database)


async def test_ingest_notes_what_it_stores(world: World) -> None:
    await world.read("co-000", 0, co_ppm=3)
    await world.read("co-000", 60, co_ppm=5)
    await world.read("gb-000", 60, flow_c=41.5, flame=1)
    await world.read("gb-000", 120, flow_c=44.5, flame=0)
    await refresh(world.database)
    await assert_exact(world.database)
    found = await held(world.database, "15m")
    assert [(r["readings"], r["co_ppm_max"], r["flow_c_avg"], r["flame_avg"]) for r in found] == [
        (2, 5.0, None, None),
        (2, None, 43.0, 0.5),
    ]


async def test_a_day_is_a_day_in_china(world: World) -> None:
    midnight = datetime(2026, 1, 15, 16, 0, tzinfo=UTC)
    await write(world.database, [(1, midnight - MINUTE, 1.0), (1, midnight, 2.0)])
    await world.database.execute("set timezone to 'Europe/Berlin'")
    await refresh(world.database)
    assert [r["bucket"] for r in await held(world.database, "1d")] == [midnight - timedelta(days=1), midnight]


async def test_a_late_reading_changes_its_bucket_and_its_day_and_no_others(world: World) -> None:
    await write(world.database, [(device, NIGHT + n * MINUTE, 1.0) for device in (1, 2) for n in range(60)])
    await refresh(world.database)
    versions = "select bucket, device_id, xmin::text from telemetry_15m"
    before = {tuple(r.values()) for r in await rows(world.database, versions)}
    late = timedelta(days=29)
    await world.read("co-000", 90, received=90 + late.total_seconds(), co_ppm=70)
    assert await refresh(world.database, world.now + HOUR) == 2
    after = {tuple(r.values()) for r in await rows(world.database, versions)}
    changed = {(bucket, device) for bucket, device, _ in after - before}
    assert changed == {(NIGHT, world.devices["co-000"].id)}
    await assert_exact(world.database)


async def test_the_order_of_arrival_does_not_matter(world: World) -> None:
    chance = random.Random(2)
    readings = [(device, NIGHT + n * MINUTE, float(n)) for device in (1, 2, 3) for n in range(120)]
    chance.shuffle(readings)
    for first in range(0, len(readings), 40):
        await write(world.database, readings[first : first + 40])
        await refresh(world.database)
    await assert_exact(world.database)


async def test_a_duplicate_counts_once_and_stirs_nothing(world: World) -> None:
    await world.read("co-000", 0, co_ppm=3)
    await refresh(world.database)
    again = await world.read("co-000", 0, received=5, co_ppm=99)
    assert again.duplicate == 1
    assert await pending(world.database) == 0
    (found,) = await held(world.database, "15m")
    assert (found["readings"], found["co_ppm_max"]) == (1, 3.0)


async def test_an_unfinished_bucket_is_refreshed_every_five_minutes_and_a_finished_one_at_once(world: World) -> None:
    timeline = []
    for seconds in range(0, 960, 20):
        if seconds < 900:
            await world.read("co-000", seconds, co_ppm=3)
        done = await rollup.refresh(world.database, world.at(seconds))
        if done.buckets:
            timeline.append(seconds)
    # five minutes after the first reading; then five minutes after the first that came since
    assert timeline == [300, 620, 900]
    await refresh(world.database)
    await assert_exact(world.database)


async def test_a_day_under_way_is_refreshed_once_an_hour(world: World) -> None:
    for minute in range(0, 180, 5):
        await write(world.database, [(1, NIGHT + minute * MINUTE, 1.0)], NIGHT + minute * MINUTE)
        await rollup.refresh(world.database, NIGHT + minute * MINUTE)
    (day,) = await held(world.database, "1d")
    assert day["readings"] > 12
    assert await one(world.database, "select count(*) from rollup_pending where grain = '1d'") > 0


async def test_a_reading_ahead_of_our_clock_waits_for_its_bucket(world: World) -> None:
    await write(world.database, [(1, NIGHT + 15 * MINUTE, 1.0)], NIGHT + 14 * MINUTE)
    assert (await rollup.refresh(world.database, NIGHT + 16 * MINUTE)).buckets == 0
    await write(world.database, [(1, NIGHT + 16 * MINUTE, 1.0)], NIGHT + 16 * MINUTE)
    assert (await rollup.refresh(world.database, NIGHT + 22 * MINUTE)).buckets == 1


async def test_a_batch_of_many_devices_names_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollup, "NAMED_READINGS", 2)
    await write(world.database, [(device, NIGHT, 1.0) for device in (1, 2, 3)])
    await write(world.database, [(4, NIGHT, 1.0)])
    noted = await rows(world.database, "select devices from rollup_pending")
    assert [r["devices"] for r in noted] == [None, [4]]
    await refresh(world.database)
    await assert_exact(world.database)


async def test_what_is_written_while_a_bucket_is_read_is_read_the_next_time(world: World, database_url: str) -> None:
    await write(world.database, [(1, NIGHT, 1.0)])
    async with await connect_async(database_url) as slow, slow.transaction():
        await write(slow, [(1, NIGHT + MINUTE, 2.0)])
        await refresh(world.database)
        assert await one(world.database, "select readings from telemetry_15m") == 1
    assert await pending(world.database) == 1
    await refresh(world.database)
    await assert_exact(world.database)


async def test_writers_of_one_bucket_do_not_wait_for_each_other(world: World, database_url: str) -> None:
    await write(world.database, [(1, NIGHT, 1.0)])  # who makes a chunk does hold up others
    async with await connect_async(database_url) as first, await connect_async(database_url) as second:
        for number, connection in enumerate((first, second)):
            await connection.execute("set lock_timeout = '1s'")  # begins a transaction
            await write(connection, [(2 + number, NIGHT, 1.0)])
        await refresh(world.database)  # nor does this wait
        await second.commit()
        await first.commit()
    await refresh(world.database)
    await assert_exact(world.database)


async def test_a_refresh_that_is_killed_leaves_nothing_half_done(
    world: World, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(world.database, [(device, NIGHT + n * MINUTE, 1.0) for device in (1, 2) for n in range(30)])
    before = await pending(world.database)

    async def killed(connection: psycopg.AsyncConnection, *_: object) -> None:
        assert await one(connection, "select count(*) from telemetry_15m") == 2, "in the middle of the first bucket"
        await world.database.execute("select pg_terminate_backend(%s)", (connection.info.backend_pid,))

    with monkeypatch.context() as patch:
        patch.setattr(rollup, "_note", killed)
        victim = await connect_async(database_url, autocommit=True)
        with pytest.raises(psycopg.OperationalError):
            await rollup.refresh(victim, MUCH_LATER)
    assert await held(world.database, "15m") == []
    assert await pending(world.database) == before
    await refresh(world.database)
    await assert_exact(world.database)


async def test_the_second_of_two_refreshers_does_nothing(
    world: World, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(world.database, [(1, NIGHT + n * MINUTE, 1.0) for n in range(60)])
    seen: list[rollup.Refreshed] = []
    note = rollup._note

    async def meanwhile(*given: Any) -> None:
        if not seen:
            async with await connect_async(database_url) as second:
                seen.append(await rollup.refresh(second, MUCH_LATER))
        await note(*given)

    monkeypatch.setattr(rollup, "_note", meanwhile)
    first = await rollup.refresh(world.database, MUCH_LATER)
    assert (first.buckets, seen[0].buckets, seen[0].rows) == (4, 0, 0)
    await refresh(world.database)
    await assert_exact(world.database)


async def test_a_refresh_has_a_bound_and_goes_on_the_next_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await write(world.database, [(1, NIGHT + n * 15 * MINUTE, 1.0) for n in range(5)])
    monkeypatch.setattr(rollup, "WORK_S", 0.0)
    assert (await rollup.refresh(world.database, MUCH_LATER)).buckets == 1
    newest = await one(world.database, "select bucket from telemetry_15m")
    assert newest == NIGHT + HOUR, "what people look at comes first"
    monkeypatch.undo()
    await refresh(world.database)
    await assert_exact(world.database)


@pytest.mark.parametrize("seed", range(3))
async def test_writers_and_refreshers_at_once_lose_no_bucket(world: World, database_url: str, seed: int) -> None:
    chance = random.Random(seed)
    instants = [(device, NIGHT + n * timedelta(seconds=37)) for device in range(1, 7) for n in range(300)]
    chance.shuffle(instants)
    writing = 3

    async def writer(mine: list[tuple[int, datetime]]) -> None:
        nonlocal writing
        async with await connect_async(database_url) as connection:
            while mine:
                batch = [mine.pop() for _ in range(min(len(mine), chance.randint(1, 40)))]
                async with connection.transaction():
                    await write(connection, [(device, at, chance.randint(0, 50) / 2) for device, at in batch])
                    await asyncio.sleep(chance.random() * 0.02)  # committed some time after it was written
                    if chance.random() < 0.2:
                        mine += batch
                        raise psycopg.Rollback
        writing -= 1

    async def refresher() -> None:
        async with await connect_async(database_url) as connection:
            while writing:
                await rollup.refresh(connection, MUCH_LATER + chance.random() * HOUR)
                await asyncio.sleep(chance.random() * 0.005)

    async with asyncio.TaskGroup() as tasks:
        for part in range(3):
            tasks.create_task(writer(instants[part::3]))
        for _ in range(2):
            tasks.create_task(refresher())
    for _ in range(50):  # a refresher's lock may outlive its connection for a moment
        await refresh(world.database)
        if await pending(world.database) == 0:
            break
        await asyncio.sleep(0.1)
    assert await pending(world.database) == 0
    assert await one(world.database, "select count(*) from telemetry") == len(instants)
    await assert_exact(world.database)


async def test_a_new_metric_is_a_new_row_and_nothing_else(
    world: World, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(world.database, [(1, NIGHT, 1.0)])
    await refresh(world.database)
    soot = METRICS[METRIC_INDEX["co_ppm"]].model_copy(update={"name": "soot_mg"})
    monkeypatch.setattr(columns, "METRIC_NAMES", (*METRIC_NAMES, "soot_mg"))
    monkeypatch.setattr(aggregates, "METRICS", (*METRICS, soot))
    with connect(database_url) as connection:
        added = migrate(connection).columns
    forms = ("avg", "min", "max", "n")
    assert added == [
        "telemetry.soot_mg",
        "device_latest.soot_mg",
        *(f"telemetry_{grain}.soot_mg_{form}" for grain in ("15m", "1d") for form in forms),
    ]
    await world.database.execute(
        "insert into telemetry (device_id, ts, received_at, soot_mg) values (1, %(at)s, %(at)s, 8)",
        {"at": NIGHT + MINUTE},
    )
    await rollup.note(world.database, np.array([1]), np.array([ms(NIGHT + MINUTE)]), NIGHT)
    await refresh(world.database)
    for grain in SUBSTITUTES:
        (found,) = await held(world.database, grain)
        assert (found["readings"], found["soot_mg_avg"], found["soot_mg_n"], found["co_ppm_n"]) == (2, 8.0, 1, 1)


async def test_what_was_stored_before_there_were_rollups_is_noted_by_the_migration(world: World) -> None:
    await store_readings(world.database, [row(1, NIGHT + n * HOUR, co_ppm=n) for n in range(-40, 20, 7)])
    (rollups,) = [migration.text for migration in migrations() if migration.name == "0005_rollups.sql"]
    await world.database.execute(rollups[rollups.index("insert into rollup_pending") :].encode())
    assert await one(world.database, "select count(*) from rollup_pending") % 96 == 0, "whole chunks"
    assert (await rollup.refresh(world.database, NIGHT)).buckets > 0
    assert await one(world.database, "select max(bucket) from telemetry_15m") < NIGHT, "what is to come waits"
    await refresh(world.database)
    await assert_exact(world.database)


async def test_the_dashboards_account_may_read_the_rollups(world: World) -> None:
    for table in ("telemetry_15m", "telemetry_1d"):
        assert await one(world.database, "select has_table_privilege('nuanshao_reader', %s, 'select')", (table,))
        assert not await one(world.database, "select has_table_privilege('nuanshao_reader', %s, 'update')", (table,))


# -- old data -----------------------------------------------------------------------------------------------------


@pytest.fixture
async def old(world: World) -> World:
    """A world with readings of 100 days, one each, and its rollups."""
    await write(world.database, [(1, NIGHT - timedelta(days=n), float(n)) for n in range(100)])
    await refresh(world.database)
    return world


async def test_nothing_is_removed_unless_it_is_asked_for(old: World) -> None:
    assert await upkeep.daily(old.database, NIGHT, 0)
    assert await one(old.database, "select count(*) from telemetry") == 100


async def test_old_readings_go_and_their_rollups_stay(old: World, database_url: str) -> None:
    with connect(database_url) as connection:
        if fitness(connection).edition != "apache":
            pytest.skip("on Community a job of TimescaleDB's does it")
    assert await upkeep.daily(old.database, NIGHT, 40)
    oldest = await one(old.database, "select min(ts) from telemetry")
    assert NIGHT - timedelta(days=41) <= oldest <= NIGHT - timedelta(days=40)
    assert await one(old.database, "select count(*) from telemetry_15m") == 100
    # whatever stirs such a bucket again, it does not forget
    gone = NIGHT - timedelta(days=90)
    await old.database.execute("insert into rollup_pending (grain, bucket) values ('15m', %s)", (gone,))
    await refresh(old.database)
    assert await one(old.database, "select co_ppm_max from telemetry_15m where bucket = %s", (gone,)) == 90


async def test_rejects_and_fingerprints_are_removed_once_a_day(world: World) -> None:
    for days in (1, 44, 46, 89, 91):
        at = NIGHT - timedelta(days=days)
        await world.database.execute(
            "insert into rejects (received_at, topic, reason, payload, payload_size) values (%s, '', '', '', 0)", (at,)
        )
        await world.database.execute("insert into bad_clock_reading values (1, %s, %s)", (str(days), at))
    assert await upkeep.daily(world.database, NIGHT, 0)
    assert await one(world.database, "select count(*) from rejects") == 4
    assert await one(world.database, "select count(*) from bad_clock_reading") == 2
    assert not await upkeep.daily(world.database, NIGHT + 23 * HOUR, 0)
    assert await upkeep.daily(world.database, NIGHT + 24 * HOUR, 0)


async def test_many_rejects_are_removed_bit_by_bit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_REJECTS_AT_ONCE", 2)
    await world.database.execute(
        "insert into rejects (received_at, topic, reason, payload, payload_size)"
        " select '2020-01-01', '', '', '', 0 from generate_series(1, 5)"
    )
    done = [await upkeep.daily(world.database, NIGHT, 0) for _ in range(4)]
    assert done == [False, False, True, False]
    assert await one(world.database, "select count(*) from rejects") == 0


async def test_a_chunk_that_is_being_read_holds_up_nobody(old: World, database_url: str) -> None:
    with connect(database_url) as connection:
        if fitness(connection).edition != "apache":
            pytest.skip("on Community a job of TimescaleDB's does it")
    async with await connect_async(database_url) as board:
        await board.execute("select count(*) from telemetry")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            await upkeep.daily(old.database, NIGHT, 40)
    assert await upkeep.daily(old.database, NIGHT, 40)


def test_retention_is_longer_than_a_reading_may_be_late() -> None:
    assert timedelta(days=SHORTEST_RETENTION_DAYS) > upkeep.COMPRESS_AFTER


@pytest.mark.parametrize("days", ["-1", "1", "34"])
def test_a_shorter_retention_is_refused(monkeypatch: pytest.MonkeyPatch, days: str) -> None:
    monkeypatch.setenv("NUANSHAO_RETENTION_DAYS", days)
    with pytest.raises(SettingsError, match=r"NUANSHAO_RETENTION_DAYS: .*at least 35, or 0 to keep everything"):
        settings()


def test_the_apache_edition_has_no_jobs_and_says_so(database_url: str) -> None:
    with connect(database_url) as connection:
        if fitness(connection).edition != "apache":
            pytest.skip("this is TimescaleDB's Community edition")
        assert upkeep.ensure(connection, "apache", 0)[0] == "no compression: this is TimescaleDB's Apache edition"


def test_the_community_edition_compresses_and_removes_by_itself(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(database_url) as connection:
        if fitness(connection).edition != "community":
            pytest.skip("compression and jobs are not in TimescaleDB's Apache edition")
        jobs = "select config ->> 'compress_after', config ->> 'drop_after' from timescaledb_information.jobs"
        jobs += " where hypertable_name = 'telemetry' order by proc_name"
        for days, job in ((0, None), (40, "40 days"), (50, "50 days"), (50, "50 days"), (0, None)):
            monkeypatch.setenv("NUANSHAO_RETENTION_DAYS", str(days))
            settings.cache_clear()
            migrate(connection)
            found = connection.execute(jobs.encode()).fetchall()
            assert found == [("32 days", None), *([(None, job)] if job else [])]


def test_a_task_that_takes_long_rests_longer() -> None:
    assert rest(30, 0.2) == 30
    assert rest(30, 25) == 100


async def test_alarms_go_on_when_rollups_fail(world: World, database_url: str) -> None:
    service = AlertsService(
        database_url=database_url,
        engine=world.engine,
        channels={"sms": Mock(spec=Channel)},
        name="alerts-test",
        clock=lambda: MUCH_LATER,
    )
    await write(world.database, [(1, NIGHT, 1.0)])
    async with await connect_async(database_url) as connection:
        await connection.execute("alter table telemetry_15m rename to elsewhere")
        await connection.commit()
        await service._patiently("rollups", service._rollups(connection))
        assert "telemetry_15m" in service._problems["rollups"], "doctor shows it"
        await connection.rollback()
        await connection.execute("alter table elsewhere rename to telemetry_15m")
        await connection.commit()
        await service._rollups(connection)
    assert await one(world.database, "select readings from telemetry_15m") == 1
