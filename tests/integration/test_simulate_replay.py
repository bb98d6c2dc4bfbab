"""Recordings played to the real broker: ours as if it were now, somebody else's as history."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from device_sim.county import County
from device_sim.fleet.plan import plan
from device_sim.network.broker import Broker, parse_address
from device_sim.network.publisher import Publisher
from device_sim.runs.live import Stop
from device_sim.runs.parquet import ParquetSink
from device_sim.runs.recording import open_recording
from device_sim.runs.replay import our_login, replay
from foundation.clock import utc_now
from runtime.mosquitto import Mosquitto
from store.connect import connect
from tests.beside import environment, nuanshao
from tests.hearing import hearing
from tests.world import settle

FLEET = plan(1, 4, villages=2)
START = datetime(2026, 1, 15, 4, tzinfo=UTC)
SECONDS = 20


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Twenty seconds of a county, a reading a second each."""
    county = County(FLEET, 1, START)
    sink = ParquetSink(tmp_path / "county.parquet", FLEET, {})
    everybody = np.arange(len(FLEET.device_home))
    for second in range(SECONDS):
        county.step(1.0)
        stamps = int(START.timestamp() * 1000) + 1000 * second + everybody
        for batch in county.measure(everybody, stamps):
            sink.write(batch, stamps[batch.device])
    sink.close()
    return tmp_path / "county.parquet"


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


async def test_our_parquet_plays_as_if_it_were_now(broker: Mosquitto, recorded: Path) -> None:
    recording = open_recording(recorded, None)
    contents = recording.contents()
    assert contents.rows == SECONDS * len(FLEET.devices)
    async with hearing(broker.url) as heard:
        before = utc_now()
        tally = await replay(recording, contents, broker.url, speed=20)
        after = utc_now()
        assert tally.sent == tally.published == contents.rows
        await heard.until(heard.many(contents.rows), "all readings")
    # so that a second of the recording becomes 50 ms
    assert after - before >= timedelta(seconds=(SECONDS - 1) / 20)
    stored = {(row.uid, row.seq): row for row in open_recording(recorded, None).rows()}
    for uid, reading in heard.readings():
        assert reading["m"] == stored[uid, reading["seq"]].metrics
        assert ms(before) <= reading["ts"] <= ms(after)
    for device in FLEET.devices:
        times = [reading["ts"] for reading in heard.of(device.uid)]
        assert len(times) == SECONDS
        assert 40 <= np.diff(times).mean() <= 60
        assert (np.diff(times) > 0).all()


async def test_history_keeps_its_times_and_goes_as_fast_as_it_is_acknowledged(
    broker: Mosquitto, recorded: Path, tmp_path: Path
) -> None:
    recording, counters = open_recording(recorded, None), tmp_path / "counts.json"
    async with hearing(broker.url) as heard:
        tally = await replay(recording, recording.contents(), broker.url, speed=0, shift="keep", counters_file=counters)
        await heard.until(lambda: sum(1 for _ in heard.readings("backfill")) == tally.sent, "all readings")
    assert {channel for _, channel, _ in heard.messages} == {"backfill"}
    times = [reading["ts"] for _, reading in heard.readings("backfill")]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (ms(START), ms(START) + 1000 * (SECONDS - 1) + len(FLEET.devices) - 1)
    counts = json.loads(counters.read_text())
    assert (counts["final"], counts["published"]) == (True, SECONDS * len(FLEET.devices))


async def test_told_to_stop_it_ends_in_the_middle_with_true_counts(broker: Mosquitto, recorded: Path) -> None:
    recording, stop = open_recording(recorded, None), Stop()
    async with hearing(broker.url) as heard:
        playing = asyncio.create_task(replay(recording, recording.contents(), broker.url, speed=2, stop=stop))
        await heard.until(lambda: len(heard.messages) > 10, "the first readings")
        stop.press()
        tally = await asyncio.wait_for(playing, 60)
        assert 10 < tally.sent == tally.published < SECONDS * len(FLEET.devices)
        await heard.until(heard.many(tally.sent), "what was counted")


async def test_what_was_under_way_when_the_connection_broke_is_sent_again(broker: Mosquitto) -> None:
    acknowledged: list[None] = []
    shared = Broker(parse_address(broker.url), 1)
    publisher = Publisher(our_login(broker.url), shared, lambda: acknowledged.append(None))
    running = asyncio.create_task(publisher.run())
    async with hearing(broker.url) as heard:
        for number in range(600):
            await publisher.room()
            publisher.publish("heat/v1/replay-1/telemetry", b'{"seq": %d, "m": {"co_ppm": 1}}' % number)
            if number % 200 == 100:
                assert publisher._connection is not None
                publisher._connection.hang_up("the cable is pulled")
        await heard.until(lambda: not publisher.outstanding, "acknowledgements")
        await heard.until(
            lambda: {reading["seq"] for reading in heard.of("replay-1")} == set(range(600)), "all of them"
        )
    assert len(acknowledged) == 600, "each counted once"
    publisher.leave()
    await asyncio.wait_for(running, 60)


async def nuanshao_replay(folder: Path, broker_url: str, database_url: str, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *nuanshao("simulate", "replay", *arguments),
        cwd=folder, env=environment(NUANSHAO_MQTT_URL=broker_url, NUANSHAO_DATABASE_URL=database_url),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, errors = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, said.decode(), errors.decode()


@pytest.fixture
def settled(database_url: str) -> str:
    """A database with homes."""
    with connect(database_url) as connection:
        settle(connection)
    return database_url


async def test_a_foreign_csv_needs_a_map_and_registered_devices(
    broker: Mosquitto, settled: str, tmp_path: Path
) -> None:
    local = datetime.now(UTC) + timedelta(hours=8) - timedelta(days=1)
    rows = [
        f"A{number % 2},{local + timedelta(seconds=number):%Y-%m-%d %H:%M:%S},{400 + number}" for number in range(20)
    ]
    (tmp_path / "theirs.csv").write_text("表号,时间,供水\n" + "\n".join([*rows, "A0,gestern,400"]) + "\n")
    (tmp_path / "map.yaml").write_text(
        "uid: {column: 表号, prefix: hlj-}\ntype: air_source_heat_pump\n"
        'ts: {column: 时间, format: "%Y-%m-%d %H:%M:%S"}\nmetrics: {flow_c: {column: 供水, scale: 0.1}}\n'
    )
    play = partial(nuanshao_replay, tmp_path, broker.url, settled, "theirs.csv")
    code, _, errors = await play("--map", "map.yaml", "--speed", "0")
    assert code == 1
    assert errors.splitlines()[-1] == "nuanshao: not registered: hlj-a0, hlj-a1: register them, or add --register"
    async with hearing(broker.url) as heard:
        code, said, errors = await play("--map", "map.yaml", "--speed", "0", "--register", "--json")
        assert code == 0, errors
        counts = json.loads(said)
        assert (counts["published"], counts["unreadable"]) == (20, 1)
        assert counts["first_unreadable"] == ["row 22, 时间: 'gestern' is no time as %Y-%m-%d %H:%M:%S"]
        await heard.until(lambda: len(heard.of("hlj-a1", "backfill")) == 10, "all readings")
    assert [reading["m"]["flow_c"] for reading in heard.of("hlj-a0", "backfill")] == [40.0 + n / 5 for n in range(10)]
    first_ms = ms(local.replace(microsecond=0) - timedelta(hours=8))
    assert heard.of("hlj-a0", "backfill")[0]["ts"] == first_ms
    with connect(settled) as connection:
        found = connection.execute("select uid, type from device where uid like 'hlj-%' order by uid").fetchall()
        logins = connection.execute("select count(*) from device_credential where uid like 'hlj-%'").fetchone()
    assert found == [("hlj-a0", "air_source_heat_pump"), ("hlj-a1", "air_source_heat_pump")]
    assert logins == (0,), "nobody gets a password by a replay"
