"""The parts of the network layer that need no broker: lanes, due times, the truth and counts files, broker lines."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from catalogue.wire import MAX_PAYLOAD_BYTES, MAX_READINGS
from device_sim.faults.schedule import demo_events
from device_sim.fleet.fleet import plan
from device_sim.network import outbox
from device_sim.network.broker import Broker, parse_address
from device_sim.network.outbox import Item, Lane
from device_sim.runs.live import run
from device_sim.runs.reporting import Reporting
from device_sim.score.tally import Tally, write_tally
from device_sim.score.truth import Truth, read_truth
from foundation.errors import NotFound, SettingsError

NEVER = np.full(3, np.inf)
ALL_ON = np.ones(3, dtype=np.bool_)


async def test_a_single_item_goes_as_it_is_and_a_backlog_as_arrays() -> None:
    lane = Lane("telemetry", together=True)
    lane.offer(Item(b"{0}", 0))
    assert await lane.take() == b"{0}"
    for number in range(1, 4):
        lane.offer(Item(b"{%d}" % number, number))
    # the connection broke before the acknowledgement: the same again
    assert await lane.take() == b"{0}"
    assert [item.ts_ms for item in lane.done()] == [0]
    assert await lane.take() == b"[{1},{2},{3}]"
    assert len(lane) == 3
    assert [item.ts_ms for item in lane.done()] == [1, 2, 3]
    assert len(lane) == 0


async def test_an_array_keeps_to_the_limits_of_the_wire_contract() -> None:
    small, large = Lane("telemetry", together=True), Lane("telemetry", together=True)
    for number in range(450):
        small.offer(Item(b"{}", number))
        large.offer(Item(b"x" * 700, number))
    sizes: dict[str, list[int]] = {"small": [], "large": []}
    for name, lane in (("small", small), ("large", large)):
        while len(lane):
            assert len(await lane.take()) <= MAX_PAYLOAD_BYTES
            sizes[name].append(len(lane.done()))
    assert sizes["small"] == [MAX_READINGS, MAX_READINGS, 50]
    assert sum(sizes["large"]) == 450
    assert max(sizes["large"]) < MAX_READINGS


async def test_events_go_one_by_one() -> None:
    lane = Lane("event", together=False)
    lane.offer(Item(b"a", 1))
    lane.offer(Item(b"b", 2))
    assert await lane.take() == b"a"
    lane.done()
    assert await lane.take() == b"b"


async def test_an_empty_lane_waits_for_its_next_item() -> None:
    lane = Lane("telemetry", together=True)
    waiting = asyncio.create_task(lane.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    lane.offer(Item(b"late", 1))
    assert await waiting == b"late"


async def test_a_full_memory_drops_the_oldest_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MOST_KEPT", 2)
    lane = Lane("telemetry", together=True)
    assert [lane.offer(Item(b"%d" % n, n)) for n in range(4)] == [0, 0, 1, 1]
    assert await lane.take() == b"[2,3]"


def test_each_device_reports_once_an_interval_at_its_own_phase() -> None:
    reporting = Reporting(np.full(3, 10.0), seed=1)
    times: dict[int, list[float]] = {0: [], 1: [], 2: []}
    for tick in range(1, 401):
        for row in reporting.due(tick * 0.25, NEVER, ALL_ON).tolist():
            times[row].append(tick * 0.25)
    assert all(len(own) == 10 for own in times.values())
    assert all(np.diff(own) == pytest.approx(10.0) for own in times.values())
    assert len({own[0] for own in times.values()}) == 3


def test_a_hurried_device_reports_at_its_shorter_interval() -> None:
    reporting = Reporting(np.full(3, 10.0), seed=1)
    longest = np.array([np.inf, 5.0, np.inf])
    count = np.zeros(3)
    for tick in range(1, 401):
        count[reporting.due(tick * 0.25, longest, ALL_ON)] += 1
    assert count[0] == count[2] == 10
    assert 19 <= count[1] <= 31


def test_devices_without_power_are_never_due_and_report_soon_after() -> None:
    reporting = Reporting(np.full(3, 60.0), seed=1)
    dark = np.array([True, False, True])
    for tick in range(1, 400):
        assert 1 not in reporting.due(tick * 0.25, NEVER, dark).tolist()
    reporting.wake(np.array([1]), 100.0)
    first = [t for t in np.arange(100.0, 104.0, 0.25) if 1 in reporting.due(float(t), NEVER, ALL_ON).tolist()]
    assert len(first) == 1


def test_the_truth_file_tells_what_was_injected(tmp_path: Path) -> None:
    fleet, file, at = plan(1), tmp_path / "truth.jsonl", datetime(2026, 1, 15, 4, tzinfo=UTC)
    events = demo_events(fleet, 1, 3)
    truth = Truth(file, fleet, events)
    assert read_truth(file) == []
    leak, cut = ([e.kind for e in events].index(kind) for kind in ("co_leak", "power_cut"))
    truth.began(leak, at)
    truth.began(cut, at + timedelta(seconds=30))
    truth.over(leak, int(at.timestamp() * 1000) + 25_000)
    truth.over(leak, int(at.timestamp() * 1000) + 30_000)
    truth.ended(cut, at + timedelta(seconds=90))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [list(line) for line in lines] == [
        ["kind", "home", "village", "device", "injected_at", "first_over_at", "ended_at"]
    ] * 2
    assert lines[0]["device"].endswith("-co")
    assert lines[0]["first_over_at"] == "2026-01-15T04:00:25Z"
    assert lines[0]["ended_at"] is None
    assert lines[1]["home"] is lines[1]["device"] is lines[1]["first_over_at"] is None
    assert lines[1]["ended_at"] == "2026-01-15T04:01:30Z"
    assert read_truth(file)[0].first_over_at == at + timedelta(seconds=25)
    assert list(tmp_path.iterdir()) == [file]


def test_the_counts_file(tmp_path: Path) -> None:
    file, at = tmp_path / "counts.json", datetime(2026, 1, 15, 4, tzinfo=UTC)
    tally = Tally(devices=7, sent=10, published=8, dropped=1, connected=6)
    assert tally.outstanding == 1
    write_tally(file, tally, at, final=True)
    write_tally(None, tally, at)
    counts = json.loads(file.read_text())
    assert counts == {
        "published": 8,
        "sent": 10,
        "devices": 7,
        "connected": 6,
        "dropped": 1,
        "at": "2026-01-15T04:00:00Z",
        "final": True,
    }


def test_seven_hundred_devices_that_lose_one_broker_write_one_line() -> None:
    with capture_logs() as lines:
        broker = Broker(parse_address("mqtt://127.0.0.1"), 700)
        for _ in range(700):
            broker.joined()
        for _ in range(700):
            broker.left()
            broker.lost("gone")
        for _ in range(700):
            broker.lost("still gone")
            broker.joined()
        for _ in range(700):
            broker.refused("a-device", "not authorised")
    assert [line["log_level"] for line in lines] == ["warning", "info", "error"]


def test_one_device_that_comes_and_goes_is_not_the_broker() -> None:
    with capture_logs() as lines:
        broker = Broker(parse_address("mqtt://127.0.0.1"), 3)
        for _ in range(3):
            broker.joined()
        for _ in range(20):
            broker.left()
            broker.lost("cloned client id")
            broker.joined()
    assert lines == []


def test_addresses() -> None:
    assert parse_address("mqtt://somebody:secret@broker.example:1999").port == 1999
    assert parse_address("mqtts://broker.example").port == 8883
    assert parse_address("mqtts://broker.example").tls is not None
    with pytest.raises(SettingsError) as refused:
        parse_address("http://somebody:secret@broker.example")
    assert "secret" not in str(refused.value)


async def test_without_a_broker_the_run_still_ends_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device_sim.runs.live._LAST_ACKS_S", 0.2)
    fleet, file = plan(1, 1, 2), tmp_path / "counts.json"
    passwords = {device.uid: "x" for device in fleet.devices}
    # port 9 (discard) is closed; nothing answers there
    tally = await run(
        fleet, passwords, "mqtt://127.0.0.1:9", seed=1, minutes=1.0, speed=120.0, interval_s=5, counters_file=file
    )
    assert tally.published == tally.connected == 0
    # two homes, five devices, twelve readings each
    assert tally.sent == len(fleet.devices) * 12
    assert json.loads(file.read_text())["final"] is True


async def test_a_device_without_password_is_named() -> None:
    with pytest.raises(NotFound, match="no password for kz01-001-hp"):
        await run(plan(1, 1, 1), {}, "mqtt://127.0.0.1:9", seed=1)
