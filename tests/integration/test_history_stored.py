"""History into the database: every reading once, the newest known, the rollups told, and never twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pyarrow.parquet as pq
import pytest

from demo.county import register
from demo.history import DatabaseSink
from device_sim.county import County
from device_sim.disorder.disorder import Disorder
from device_sim.faults.injection import Injection
from device_sim.fleet.plan import TECHNOLOGIES, plan
from device_sim.runs.history import History, Sink, Span
from device_sim.runs.parquet import ParquetSink
from foundation.errors import NotFound, StoredAlready
from store.connect import connect

START = datetime(2026, 1, 14, 16, tzinfo=UTC)
FLEET = plan(2, 2 * len(TECHNOLOGIES), villages=len(TECHNOLOGIES))
FAULTS = (
    Injection("value_nan", 0.0, 1e9, 0.3, (0, 1), tuple(FLEET.devices_of(0))),
    Injection("compressor_failed", 0.0, 1e9, 1.0, (0,), tuple(FLEET.devices_of(0))),
    Injection("clock_reset", 0.0, 1e9, 0.0, (1,), tuple(FLEET.devices_of(1))),
)


def play(sink: Sink, hours: float = 1.0) -> int:
    county = County(FLEET, 3, START, FAULTS)
    span = Span(START, START + timedelta(hours=hours), 300)
    progress = History(county, span, Disorder(county.faults, FLEET, 3), sink, 3).play()
    sink.close()
    return progress.readings


@pytest.fixture
def connection(database_url: str) -> psycopg.Connection:
    return connect(database_url)


def test_the_database_holds_what_the_file_holds(connection: psycopg.Connection, tmp_path: Path) -> None:
    with connection:
        register(connection, FLEET)
        connection.commit()
        readings = play(DatabaseSink(connection, FLEET))
        file = ParquetSink(tmp_path / "same.parquet", FLEET, {})
        assert play(file) == readings == 12 * len(FLEET.devices)
        listed = ["ts", "received_at", "device_ts", "seq", "boot", "flags", "fault", "indoor_c", "power_w", "co_ppm"]
        stored = connection.execute(
            f"select d.uid, {', '.join(f't.{name}' for name in listed)} "  # noqa: S608 - names of this test
            "from telemetry t join device d on d.id = t.device_id order by d.uid, t.ts"
        ).fetchall()
        held = pq.read_table(file.file, columns=["uid", *listed]).to_pylist()
        assert sorted((tuple(row.values()) for row in held), key=lambda row: (row[0], row[1])) == [
            # the driver writes a real shortly (12.6), the file holds it as it is
            tuple(float(np.float32(value)) if isinstance(value, float) else value for value in row)
            for row in stored
        ]
        assert any(row[listed.index("device_ts") + 1] is not None for row in stored)
        assert any(row[listed.index("fault") + 1] for row in stored)
        assert any(row[listed.index("flags") + 1] for row in stored)
        latest = connection.execute(
            "select count(*), count(*) filter (where l.ts = (select max(ts) from telemetry t "
            "where t.device_id = l.device_id)) from device_latest l"
        ).fetchone()
        assert latest == (len(FLEET.devices), len(FLEET.devices))
        quarters = connection.execute(
            "select distinct bucket from rollup_pending where grain = '15m' order by 1"
        ).fetchall()
        assert [bucket for (bucket,) in quarters] == [START + timedelta(minutes=15 * n) for n in range(5)][
            : len(quarters)
        ]
        assert len(quarters) >= 4


def test_the_same_period_twice_is_refused_and_changes_nothing(connection: psycopg.Connection) -> None:
    with connection:
        register(connection, FLEET)
        connection.commit()
        readings = play(DatabaseSink(connection, FLEET))
        with pytest.raises(StoredAlready, match="in the database already"):
            play(DatabaseSink(connection, FLEET))
        connection.rollback()
        assert connection.execute("select count(*) from telemetry").fetchone() == (readings,)


def test_devices_that_nobody_registered_are_named(connection: psycopg.Connection) -> None:
    with connection, pytest.raises(NotFound, match="kz01-001-hp and"):
        DatabaseSink(connection, FLEET)
