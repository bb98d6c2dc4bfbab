"""Physics, disorder and clients put together, without a broker: what each client holds to send, tick by tick."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np

from device_sim.county import County
from device_sim.disorder.clocks import Clocks
from device_sim.disorder.disorder import Disorder
from device_sim.faults.injection import Injection
from device_sim.fleet.plan import plan
from device_sim.network.broker import Broker, parse_address
from device_sim.network.outbox import Item
from device_sim.network.uplink import Uplink
from device_sim.runs.play import Play
from device_sim.runs.reporting import Reporting
from device_sim.score.tally import Tally
from device_sim.score.truth import Truth

FLEET = plan(1, 2, villages=1, technologies=["gas_wall_boiler"], interval_s=10)
DETECTOR = next(row for row in range(len(FLEET.device_home)) if FLEET.devices[row].type == "co_detector")
HOME = int(FLEET.device_home[DETECTOR])
START = datetime(2026, 1, 15, 4, tzinfo=UTC)
LEAK = Injection("co_leak", 5, 300, 2400.0, (HOME,), tuple(FLEET.devices_of(HOME)))


class Rehearsal:
    """A play whose clock moves with its ticks; acknowledges when told."""

    def __init__(self, *injections: Injection) -> None:
        self.county = County(FLEET, 1, START, injections)
        self.tally = Tally(len(FLEET.device_home))
        self.truth = Truth(None, FLEET, injections)
        broker = Broker(parse_address("mqtt://127.0.0.1"), 1)
        passwords = {device.uid: "x" for device in FLEET.devices}
        self.play = Play(
            self.county,
            partial(Uplink, FLEET, passwords, broker, self.now),
            Disorder(self.county.faults, FLEET, 1),
            Clocks(injections, len(FLEET.device_home), 1, speed=1.0, drifting=False),
            Reporting(np.full(len(FLEET.device_home), 10.0), 1),
            self.truth,
            self.tally,
            self.now,
        )

    def now(self) -> datetime:
        return START + timedelta(seconds=self.county.now_s)

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.play.tick(1.0, 1)

    def lanes(self, device: int) -> dict[str, list[Item]]:
        client = self.play.uplink.clients[device]
        lanes = (client._telemetry, client._events, client._backfill)
        return {lane.channel: list(lane._waiting) for lane in lanes if lane is not None}

    def sent(self, device: int, channel: str) -> list[dict[str, Any]]:
        return [json.loads(item.payload) for item in self.lanes(device).get(channel, [])]


def on_detector(fault: str, strength: float = 1.0, at_s: float = 0.0, **more: Any) -> Injection:
    return Injection(fault, at_s, 1000, strength, (HOME,), (DETECTOR,), **more)


def test_readings_and_alarm_bits_wait_for_the_broker() -> None:
    show = Rehearsal(LEAK)
    show.run(60)
    bits = show.sent(DETECTOR, "event")
    assert [(bit["type"], bit["on"]) for bit in bits] == [("co_alarm", True)]
    readings = show.sent(DETECTOR, "telemetry")
    assert [reading["seq"] for reading in readings] == list(range(1, len(readings) + 1))
    assert len(readings) > 6, "it hurries in carbon monoxide"
    held = sum(len(items) for row in range(len(FLEET.device_home)) for items in show.lanes(row).values())
    assert show.tally.sent == held
    assert show.play.active == {0}


def test_a_detector_with_a_wrong_clock_dates_its_bits_by_it_too() -> None:
    show = Rehearsal(LEAK, on_detector("clock_shift", 3600.0))
    show.run(60)
    (bit,) = show.sent(DETECTOR, "event")
    readings = show.sent(DETECTOR, "telemetry")
    assert readings[0]["ts"] - START.timestamp() * 1000 > 3_600_000
    assert readings[0]["ts"] < bit["ts"] < readings[-1]["ts"]


def test_the_truth_hears_only_of_what_the_broker_has() -> None:
    show = Rehearsal(LEAK)
    show.run(60)

    def dangerous_at() -> datetime | None:
        (entries,) = show.truth._entries.values()
        return entries[0].event.dangerous_at

    before = dangerous_at()
    for items in show.lanes(DETECTOR).values():
        show.play._acknowledged(items)
    assert (before is None, dangerous_at() is None) == (True, False)
    assert show.tally.published > 6


def test_held_back_readings_leave_at_their_time_and_at_the_end() -> None:
    show = Rehearsal(on_detector("hourly_batches", 45.0))
    show.run(30)
    early = len(show.sent(DETECTOR, "telemetry"))
    show.run(60)
    later = len(show.sent(DETECTOR, "telemetry"))
    assert early < 3 < later < 9
    show.play.drain()
    assert [reading["seq"] for reading in show.sent(DETECTOR, "telemetry")] == list(range(1, 10))


def test_an_old_backlog_comes_as_history_where_its_injection_says_so() -> None:
    show = Rehearsal(on_detector("hourly_batches", 900.0, backfill=True))
    show.run(700)
    show.play.drain()
    assert len(show.sent(DETECTOR, "backfill")) > 10


def test_without_power_nothing_is_measured_and_the_client_is_cut_off() -> None:
    show = Rehearsal(Injection("home_dark", 20, 60, 1.0, (HOME,), tuple(FLEET.devices_of(HOME)), back_within_s=0.0))
    client = show.play.uplink.clients[DETECTOR]
    show.run(30)
    before = len(show.sent(DETECTOR, "telemetry"))
    assert client.lacks("power")
    assert client.lacks("network")
    show.run(25)
    assert len(show.sent(DETECTOR, "telemetry")) == before
    show.run(15)
    assert not client.lacks("power")
    assert not client.lacks("network")
    assert show.sent(DETECTOR, "telemetry")[-1]["boot"] == 2
