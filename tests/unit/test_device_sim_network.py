"""The parts of the network layer that need no broker: lanes, due times, the counts file, broker lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from structlog.testing import capture_logs

from catalogue.wire import MAX_PAYLOAD_BYTES, MAX_READINGS
from device_sim.fleet.plan import plan
from device_sim.network.broker import Broker, parse_address
from device_sim.network.connection import Connection
from device_sim.network.outbox import Item, Lane, Memory
from device_sim.network.uplink import way_for
from device_sim.runs.live import Files, Show, run, tick_s
from device_sim.runs.progress import Quiet, Snapshot
from device_sim.runs.reporting import Reporting
from device_sim.score.tally import Tally, write_tally
from foundation.errors import NotFound, SettingsError

NEVER = np.full(3, np.inf)
ALL_ON = np.ones(3, dtype=np.bool_)


def item(payload: bytes) -> Item:
    return Item(payload)


def numbers(items: list[Item]) -> list[int]:
    return [json.loads(one.payload) for one in items]


def readings() -> Lane:
    return Lane("telemetry", Memory(), together=True)


def test_a_single_item_goes_as_it_is_and_a_backlog_as_arrays() -> None:
    lane = readings()
    assert lane.load() is None
    lane.offer(item(b"0"))
    assert (lane.under_way, lane.load(), lane.under_way) == (False, b"0", True)
    for number in range(1, 4):
        lane.offer(item(b"%d" % number))
    # the connection broke before the acknowledgement: the same again
    assert lane.load() == b"0"
    assert numbers(lane.done()) == [0]
    assert lane.load() == b"[1,2,3]"
    assert len(lane) == 3
    assert numbers(lane.done()) == [1, 2, 3]
    assert len(lane) == 0


def test_an_array_keeps_to_the_limits_of_the_wire_contract() -> None:
    small, large = readings(), readings()
    for _ in range(450):
        small.offer(item(b"{}"))
        large.offer(item(b"x" * 700))
    sizes: dict[str, list[int]] = {"small": [], "large": []}
    for name, lane in (("small", small), ("large", large)):
        while len(lane):
            payload = lane.load()
            assert payload is not None
            assert len(payload) <= MAX_PAYLOAD_BYTES
            sizes[name].append(len(lane.done()))
    assert sizes["small"] == [MAX_READINGS, MAX_READINGS, 50]
    assert sum(sizes["large"]) == 450
    assert max(sizes["large"]) < MAX_READINGS


def test_events_go_one_by_one() -> None:
    lane = Lane("event", Memory(), together=False)
    lane.offer(item(b"1"))
    lane.offer(item(b"2"))
    assert lane.load() == b"1"
    lane.done()
    assert lane.load() == b"2"


def test_what_is_to_come_twice_is_sent_twice_and_counted_once() -> None:
    lane = readings()
    lane.offer(Item(b"1", twice=True))
    first = lane.load()
    assert lane.repeat()
    assert lane.load() == first
    assert not lane.repeat()
    assert numbers(lane.done()) == [1]


def test_a_full_memory_drops_the_oldest_and_says_so() -> None:
    lane = Lane("telemetry", Memory(), together=True, most=2)
    assert [lane.offer(item(b"%d" % n)) for n in range(4)] == [0, 0, 1, 1]
    assert lane.load() == b"[2,3]"


def test_all_lanes_together_are_bounded_too() -> None:
    memory = Memory(most=3)
    one, other = (Lane("telemetry", memory, together=True) for _ in range(2))
    assert [one.offer(item(b"%d" % n)) for n in range(3)] == [0, 0, 0]
    assert other.offer(item(b"9")) == 1, "its own oldest goes, not another's"
    assert (len(one), len(other), memory.kept) == (3, 0, 3)
    one.load()
    one.done()
    assert memory.kept == 0


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


async def test_seven_hundred_devices_that_lose_one_broker_write_one_line() -> None:
    sessions = [Connection(lambda _: None) for _ in range(700)]
    with capture_logs() as lines:
        broker = Broker(parse_address("mqtt://127.0.0.1"), 700)
        for session in sessions:
            broker.joined(session)
        for session in sessions:
            broker.left(session)
            broker.lost("gone")
        for session in sessions:
            broker.lost("still gone")
            broker.joined(session)
        for _ in range(700):
            broker.refused("a-device", "not authorised")
    assert [line["log_level"] for line in lines] == ["warning", "info", "error"]


async def test_one_device_that_comes_and_goes_is_not_the_broker() -> None:
    sessions = [Connection(lambda _: None) for _ in range(3)]
    with capture_logs() as lines:
        broker = Broker(parse_address("mqtt://127.0.0.1"), 3)
        for session in sessions:
            broker.joined(session)
        for session in sessions * 7:
            broker.left(session)
            broker.lost("cloned client id")
            broker.joined(session)
    assert lines == []


def test_addresses() -> None:
    assert parse_address("mqtt://somebody:secret@broker.example:1999").port == 1999
    assert parse_address("mqtts://broker.example").port == 8883
    assert parse_address("mqtts://broker.example").tls is not None
    with pytest.raises(SettingsError) as refused:
        parse_address("http://somebody:secret@broker.example")
    assert "secret" not in str(refused.value)


class Shown(Quiet):
    """What was called."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def __enter__(self) -> Self:
        self.log.append("enter")
        return self

    def __exit__(self, *why: object) -> None:
        self.log.append("exit")

    def show(self, now: Snapshot) -> None:
        self.log.append(f"show {now.published}")


async def test_without_a_broker_the_run_still_ends_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device_sim.runs.live._STALLED_S", 0.2)
    fleet, file = plan(1, 2, villages=1, interval_s=5), tmp_path / "counts.json"
    passwords = {device.uid: "x" for device in fleet.devices}
    shown = Shown()
    # port 9 (discard) is closed; nothing answers there
    tally = await run(
        Show(fleet, (), 1),
        passwords,
        "mqtt://127.0.0.1:9",
        minutes=1 / 120,
        speed=120.0,
        files=Files(counters=file),
        progress=shown,
    )
    assert shown.log[0] == "enter"
    assert shown.log[-1] == "exit"
    assert "show 0" in shown.log
    assert tally.published == tally.connected == 0
    assert tally.sent == len(fleet.devices) * 12
    assert json.loads(file.read_text())["final"] is True


async def test_a_device_without_password_is_named() -> None:
    with pytest.raises(NotFound, match="no password for kz01-001-hp"):
        await run(Show(plan(1, 1), (), 1), {}, "mqtt://127.0.0.1:9")


def test_a_step_is_short_enough_for_the_fastest_device_and_long_enough_for_the_machine() -> None:
    small, fast = plan(1, 10, interval_s=60), plan(1, 10, interval_s=1)
    assert tick_s(small, 1.0) == 0.25
    assert tick_s(small, 60.0) == pytest.approx(3.0)
    assert tick_s(small, 3600.0) == 5.0
    assert tick_s(fast, 60.0) == 0.25
    assert tick_s(plan(1, 9500, interval_s=60), 1.0) == 1.0, "20 000 devices and more"


def test_up_to_ten_thousand_devices_have_a_connection_each() -> None:
    assert way_for(10_000, "auto")[0] is False
    assert way_for(10_001, "auto")[0] is True
    assert way_for(20_000, "devices")[0] is False
    assert way_for(10, "gateways")[0] is True
