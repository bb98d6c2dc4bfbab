from __future__ import annotations

from datetime import UTC, datetime

import psycopg

from catalogue.metrics import METRIC_INDEX, METRIC_NAMES
from store.columnar import pg_time
from store.copy import TelemetryRow, store_latest, store_readings
from tests.world import one, rows

START_MS = 1_768_500_000_000


def reading(device_id: int, second: int, flow_c: float = 40.0, seq: int | None = None) -> TelemetryRow:
    ts = START_MS + second * 1000
    values: list[float | None] = [None] * len(METRIC_NAMES)
    values[METRIC_INDEX["flow_c"]] = flow_c
    return (pg_time(ts), device_id, pg_time(ts + 250), None, seq, 7, 0, None, *values)


async def test_times_and_values_arrive_as_they_were(database: psycopg.AsyncConnection) -> None:
    assert await store_readings(database, [reading(1, 0, 41.5, seq=2**40)]) is None
    (row,) = await rows(database, "select ts, received_at, seq, boot, flow_c, co_ppm from telemetry")
    assert row["ts"] == datetime.fromtimestamp(START_MS / 1000, UTC)
    assert (row["received_at"] - row["ts"]).total_seconds() == 0.25
    assert (row["seq"], row["boot"], row["flow_c"], row["co_ppm"]) == (2**40, 7, 41.5, None)


async def test_a_batch_with_duplicates_stores_what_is_new(database: psycopg.AsyncConnection) -> None:
    await store_readings(database, [reading(1, second) for second in range(10)])
    async with database.transaction():
        new = await store_readings(database, [reading(1, second, 99.0) for second in range(5, 15)])
    assert new == {(1, START_MS + second * 1000) for second in range(10, 15)}
    assert await one(database, "select count(*) from telemetry") == 15
    assert await one(database, "select count(*) from telemetry where flow_c = 99") == 5, "the first one stays"


async def test_a_duplicate_inside_a_batch_is_stored_once(database: psycopg.AsyncConnection) -> None:
    async with database.transaction():
        new = await store_readings(database, [reading(1, 0), reading(1, 0), reading(2, 0)])
    assert new == {(1, START_MS), (2, START_MS)}
    assert await one(database, "select count(*) from telemetry") == 2


async def test_the_slow_path_works_twice_in_one_session(database: psycopg.AsyncConnection) -> None:
    await store_readings(database, [reading(1, 0)])
    for second in (1, 2):
        async with database.transaction():
            new = await store_readings(database, [reading(1, 0), reading(1, second)])
        assert new == {(1, START_MS + second * 1000)}


async def test_latest_never_goes_back_in_time(database: psycopg.AsyncConnection) -> None:
    for second, flow in ((10, 50.0), (5, 45.0), (20, 60.0), (15, 55.0)):
        async with database.transaction():
            await store_latest(database, [], [reading(1, second, flow)])
    assert await one(database, "select flow_c from device_latest where device_id = 1") == 60.0
