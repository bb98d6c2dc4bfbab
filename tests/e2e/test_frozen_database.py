"""`nuanshao up` with a database that is frozen in the middle, and alerts killed meanwhile."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from store.connect import connect
from tests.e2e.conftest import Running, start, stop, wait_for
from tests.e2e.processes import command, descendants, kill
from tests.world import COMMITTEE_PHONE, settle

CO, GAS = "一氧化碳探测器报警", "燃气探测器报警"


@pytest.fixture
def village(folder: Path) -> Iterator[Running]:
    place = folder / "standby"
    place.mkdir()
    running = start(place)
    yield running
    assert stop(running) == 0


@contextmanager
def frozen_database(running: Running) -> Iterator[None]:
    """SIGSTOP for the server and every process of it: connections stay open, and nothing answers."""
    server = [pid for pid in descendants(running.process.pid) if "postgres" in "".join(command(pid)[:1])]
    assert len(server) > 5
    try:
        for pid in server:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in server:
            os.kill(pid, signal.SIGCONT)


def told(running: Running) -> list[tuple[str, str]]:
    messages: list[dict[str, Any]] = httpx.get(
        f"{running.env['NUANSHAO_CARRIER_URL']}/messages.json", trust_env=False, timeout=10
    ).json()
    return sorted(
        (message["phone"], next(what for what in (CO, GAS) if what in message["text"])) for message in messages
    )


def bit(event: str) -> bytes:
    return json.dumps({"ts": time.time_ns() // 1_000_000, "type": event, "on": True}).encode()


def test_co_and_gas_are_told_once_though_the_database_is_frozen_and_alerts_is_killed(village: Running) -> None:
    with connect(village.env["NUANSHAO_DATABASE_URL"]) as connection:
        settle(connection)
    password = village.add_device("kitchen-co", "co_detector", "--home", "home-000")
    copy = village.logs.parent / "standby" / "registry.sqlite"
    wait_for(lambda: copy.exists() and b"kitchen-co" in copy.read_bytes(), "a copy with the new device", 60)
    with frozen_database(village):
        village.publish("kitchen-co", bit("co_alarm"), channel="event", password=password)
        wait_for(lambda: told(village) == [(COMMITTEE_PHONE, CO)], "the committee has heard of it")
        kill(next(pid for pid in descendants(village.process.pid) if command(pid)[-3:] == ["-m", "cli", "alerts"]))
        village.publish("kitchen-co", bit("gas_alarm"), channel="event", password=password)
        village.publish("kitchen-co", bit("co_alarm"), channel="event", password=password)
        wait_for(lambda: len(told(village)) > 1, "the new process tells what is new", 60)
    state = "select state in ('accepted', 'delivered') from notification where template = 'critical'"
    wait_for(lambda: village.query(state) == [(True,), (True,)], "the database says that both are told", 60)
    assert told(village) == [(COMMITTEE_PHONE, CO), (COMMITTEE_PHONE, GAS)], "each once"
    assert village.query("select count(*), count(notification_id) from told_without_database") == [(2, 2)]
    wait_for(lambda: village.get("/health")["status"] == "ok", "all is well again", 60)
