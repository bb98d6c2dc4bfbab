"""Generated history: the hypertable's columns, the same bytes each time, and nothing half written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from catalogue.device_types import DEVICE_TYPE
from catalogue.flags import Flag
from catalogue.metrics import METRIC_NAMES
from device_sim.county import County
from device_sim.disorder.disorder import Disorder
from device_sim.faults.injection import Injection
from device_sim.fleet.plan import TECHNOLOGIES, plan
from device_sim.runs.history import History, Progress, Span
from device_sim.runs.judged import clocks_of, flags_of
from device_sim.runs.parquet import SCHEMA, ParquetSink
from store.columns import TELEMETRY_COLUMNS

START = datetime(2026, 1, 14, 16, tzinfo=UTC)
FLEET = plan(2, 3 * len(TECHNOLOGIES), villages=len(TECHNOLOGIES))


def written(
    folder: Path, *, seed: int = 3, hours: float = 2.0, interval_s: int | None = 600, faults: tuple[Injection, ...] = ()
) -> tuple[Path, Progress]:
    county = County(FLEET, seed, START, faults)
    sink = ParquetSink(folder / f"history-{seed}.parquet", FLEET, {"seed": str(seed)})
    span = Span(START, START + timedelta(hours=hours), interval_s)
    progress = History(county, span, Disorder(county.faults, FLEET, seed), sink, seed).play()
    sink.close()
    return sink.file, progress


def test_the_file_has_the_hypertables_columns_and_says_where_a_reading_is_from(tmp_path: Path) -> None:
    file, progress = written(tmp_path)
    table = pq.read_table(file)
    assert table.schema.equals(SCHEMA)
    assert SCHEMA.names == [*TELEMETRY_COLUMNS, "home", "type", "uid"]
    assert table.num_rows == progress.readings == 12 * len(FLEET.devices)
    first = table.slice(0, 1).to_pylist()[0]
    device = FLEET.devices[first["device_id"] - 1]
    assert (first["uid"], first["type"], first["home"]) == (device.uid, device.type, device.home)
    reported = {name for name in METRIC_NAMES if first[name] is not None}
    assert reported == set(DEVICE_TYPE[device.type].all_metrics)
    assert START <= first["ts"] <= first["received_at"] <= START + timedelta(hours=2)


def test_the_same_seed_and_faults_give_the_same_bytes(tmp_path: Path) -> None:
    nowhere = (Injection("value_nan", 600.0, 3000.0, 0.5, (0, 1), (0, 1, 2)),)
    files = []
    for name in "ab":
        (tmp_path / name).mkdir()
        files.append(written(tmp_path / name, faults=nowhere)[0])
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].read_bytes() != written(tmp_path, seed=4, faults=nowhere)[0].read_bytes()


def test_each_device_reports_once_an_interval_at_a_moment_of_its_own(tmp_path: Path) -> None:
    table = pq.read_table(written(tmp_path)[0], columns=["ts", "device_id"])
    stamps = table["ts"].to_numpy().astype("datetime64[ms]").astype(np.int64)
    for device in (1, 2, len(FLEET.devices)):
        own = np.sort(stamps[table["device_id"].to_numpy() == device])
        assert np.diff(own).tolist() == [600_000] * 11
    assert len(np.unique(stamps % 600_000)) > len(FLEET.devices) * 0.9


def test_without_an_interval_each_type_has_its_own(tmp_path: Path) -> None:
    fleet = plan(2, 30, interval_s=None)
    county = County(fleet, 1, START)
    sink = ParquetSink(tmp_path / "own.parquet", fleet, {})
    History(county, Span(START, START + timedelta(minutes=10), None), Disorder(county.faults, fleet, 1), sink, 1).play()
    sink.close()
    many = pq.read_table(sink.file, columns=["type"])["type"].to_pylist()
    heat_pumps, sensors = many.count("air_source_heat_pump"), many.count("room_sensor")
    assert (heat_pumps, sensors) == (30 * 10, 30 * 2)


def test_broken_values_are_empty_and_flagged(tmp_path: Path) -> None:
    devices = tuple(FLEET.devices_of(0))
    file, _ = written(tmp_path, faults=(Injection("value_nan", 0.0, 1e9, 1.0, (0,), devices),))
    table = pq.read_table(file, columns=["device_id", "flags", "indoor_c", "voltage_v"]).to_pylist()
    hit = [row for row in table if row["device_id"] - 1 in devices]
    assert len(hit) == 12 * len(devices)
    assert all(row["flags"] & Flag.NOT_A_NUMBER and row["voltage_v"] is None for row in hit)
    assert not any(row["flags"] for row in table if row["device_id"] - 1 not in devices)


def test_a_clock_in_1970_is_not_believed() -> None:
    received = np.array([10**12, 10**12, 10**12, 10**12])
    claimed = np.array([0, 10**12 - 1000, 10**12 + 301_000, 10**12 - 400_000])
    judged, wrong = clocks_of(claimed, received)
    assert wrong.tolist() == [True, False, True, False]
    assert judged.tolist() == [10**12, 10**12 - 1000, 10**12, 10**12 - 400_000]
    assert flags_of(claimed, received, {}).tolist() == [Flag.CLOCK_BEHIND, 0, Flag.CLOCK_AHEAD, Flag.LATE]


def test_a_run_that_is_stopped_leaves_what_it_has_or_nothing(tmp_path: Path) -> None:
    county = County(FLEET, 1, START)
    sink = ParquetSink(tmp_path / "stopped.parquet", FLEET, {})
    history = History(county, Span(START, START + timedelta(days=1), 600), Disorder(county.faults, FLEET, 1), sink, 1)
    progress = history.play(stop=lambda: history.progress.now_s >= 1200)
    assert progress.now_s == 1200
    assert list(tmp_path.iterdir()) == [tmp_path / "stopped.parquet.part"]
    sink.abandon()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", ["power_cut", "home_dark"])
def test_without_power_nothing_is_written(tmp_path: Path, fault: str) -> None:
    homes = (0, 1, 2)
    devices = tuple(row for home in homes for row in FLEET.devices_of(home))
    file, progress = written(tmp_path, faults=(Injection(fault, 1.0, 1e9, 1.0, homes, devices),))
    assert progress.readings == 12 * (len(FLEET.devices) - len(devices))
    assert not set(pq.read_table(file, columns=["device_id"])["device_id"].to_pylist()) & {row + 1 for row in devices}
