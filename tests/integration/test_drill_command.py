"""A drill opened for a player, at a real broker, and the commands that look at it and end it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import psycopg
import pytest
from typer.testing import CliRunner

import cli
from broker.address import Broker
from catalogue.wire import topic
from demo import drill
from foundation.errors import BrokerRefused, NotFound
from foundation.settings import settings
from registry.passwords import mosquitto_hash
from runtime import admission
from runtime.mosquitto import Mosquitto
from store.connect import connect
from store.registry import credentials
from tests.world import one, settle

PROJECT = Path(__file__).parents[2]
HOMES = ["home-000", "home-002"]


@pytest.fixture
def deployment(database_url: str, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A village, and somebody who tells the broker whom the registry knows, as `nuanshao broker-access` does."""
    with connect(database_url) as connection:
        settle(connection)
    monkeypatch.setenv("NUANSHAO_DATABASE_URL", database_url)
    monkeypatch.setenv("NUANSHAO_MQTT_URL", broker.url)
    settings.cache_clear()
    over = threading.Event()

    def follow() -> None:
        known: list[tuple[str, str]] = []
        while not over.wait(0.05):
            with connect(database_url) as connection:
                now = credentials(connection)
            if now != known:
                broker.set_devices(now)
                known = now

    follower = threading.Thread(target=follow)
    follower.start()
    yield database_url
    over.set()
    follower.join()
    broker.set_devices([])


def open_one(homes: list[str]) -> drill.OpenDrill:
    return drill.open_drill(
        name="冬季演练", scenario="co-night", homes=homes, by="王某某", lasts=timedelta(hours=1), interval_s=5
    )


async def test_a_player_can_log_in_until_the_drill_is_ended_from_the_command_line(
    deployment: str, database: psycopg.AsyncConnection, broker: Mosquitto
) -> None:
    opened = open_one(HOMES)
    assert "password" not in repr(opened)
    assert [home.code for home in opened.drill.homes] == HOMES
    assert {twin.interval_s for twin in opened.drill.twins} == {5}
    where = Broker.parse(broker.url)
    async with aiomqtt.Client(
        where.host, where.port, username=opened.drill.gateway, password=opened.password, identifier=opened.drill.gateway
    ) as player:
        await player.publish(topic(opened.drill.gateway, "telemetry"), b"{}", qos=1)

    shown = CliRunner().invoke(cli.app, ["drill", "list"]).output
    assert f"{opened.drill.id}  RUNNING until" in shown
    assert "冬季演练" in shown
    listed = json.loads(CliRunner().invoke(cli.app, ["drill", "list", "--json"]).output)
    assert [(row["id"], row["running"], row["homes"]) for row in listed] == [(opened.drill.id, True, 2)]
    ended = CliRunner().invoke(cli.app, ["drill", "end", str(opened.drill.id), "--json"])
    assert json.loads(ended.output) == {
        "id": opened.drill.id, "ended_before": False, "alarms": 0, "messages": 0, "incidents": 0,
    }  # fmt: skip
    again = CliRunner().invoke(cli.app, ["drill", "end", str(opened.drill.id)])
    assert (again.exit_code, again.output) == (0, f"drill {opened.drill.id} had ended\n")
    assert await one(database, "select count(*) from device_credential") == 0
    missing = CliRunner().invoke(cli.app, ["drill", "end", "4711"])
    assert isinstance(missing.exception, NotFound)


def test_where_the_broker_does_not_let_it_in_there_is_no_drill(
    deployment: str, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "ADMITTED_WITHIN_S", 0.0)
    monkeypatch.setattr(drill, "mosquitto_hash", lambda _: mosquitto_hash("another password"))
    with pytest.raises(BrokerRefused, match="drill-1-gw"):
        open_one(HOMES)
    (left,) = drill.drills()
    assert left.ended_at is not None
    assert time.time() - left.ended_at.timestamp() < 60


SCENARIO = """\
name: quick-leak
en: A leak that a detector shows within seconds.
zh: 数秒内即可测得的泄漏。
lasts: "00:00:20"
timeline:
  - {at: "00:00:01", fault: co_leak, homes: {count: 1, with: co_detector}, strength: 5000}
"""


def test_a_drill_is_played_marked_and_ended(deployment: str, tmp_path: Path) -> None:
    scenario = tmp_path / "quick-leak.yaml"
    scenario.write_text(SCENARIO, encoding="utf-8")
    environment = {**os.environ, "NUANSHAO_WORKER": "ingest-of-the-drill", "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "cli"]
    with subprocess.Popen([*command, "ingest"], env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL) as worker:
        played = subprocess.run(
            [*command, "drill", "start", "--scenario", str(scenario), "--homes", "home-000,home-002", "--by", "王某某",
             "--interval", "1", "--json"],
            env=environment, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=100,
        )  # fmt: skip
        worker.send_signal(signal.SIGTERM)
    assert played.returncode == 0, played.stderr
    done = json.loads(played.stdout)
    # per home a gas boiler and a detector; the gateway beside them
    assert (done["twins"], done["published"]) == (5, done["sent"])
    assert done["sent"] > 4 * 15
    assert done["alarms_closed"] >= 1
    assert "has ended" in played.stderr
    with connect(deployment) as connection:
        stored = value(connection, "select (select count(*) from telemetry) + (select count(*) from device_event)")
        assert stored == done["sent"]
        assert value(connection, "select count(*) from telemetry where flags & 2048 = 0") == 0
        assert value(connection, "select count(*) from alarm where not drill or closed_at is null") == 0
        assert value(connection, "select bool_and(body like '%演练%') from notification")
        assert value(connection, "select count(*) from device where drill_id is not null and state <> 'retired'") == 0


def value(connection: psycopg.Connection, query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None
