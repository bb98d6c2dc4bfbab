"""`nuanshao ingest --workers 2` as a person starts it."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import psycopg
import pytest

from broker.address import Broker, session_name
from broker.session import Connection, Login, connect
from ingest.sessions import events_login, readings_login
from registry.passwords import mosquitto_hash
from runtime.mosquitto import Mosquitto
from tests.beside import PROJECT, environment, nuanshao
from tests.e2e.processes import alive, descendants, kill


@contextmanager
def started(*arguments: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        nuanshao(*arguments), cwd=PROJECT, env=environment(**settings), stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0


def wait_for(condition: Callable[[], object], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def two_free_ports() -> int:
    """The first of two neighbours."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = int(first.getsockname()[1])
            try:
                socket.create_server(("127.0.0.1", port + 1)).close()
            except OSError:
                continue
        return port


def connected(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select name from worker where kind = 'ingest' and connected_since is not null order by name"
        )
        return [name for (name,) in rows]


@pytest.fixture
def mqtt_url(broker: Mosquitto) -> Iterator[str]:
    broker.set_devices([("nobody-1", mosquitto_hash("x"))])
    yield broker.url
    broker.set_devices([])
    asyncio.run(forget(Broker.parse(broker.url)))


async def forget(address: Broker) -> None:
    """The broker would go on to give these sessions their share of other tests' messages."""
    for name in ("pair-0", "pair-1"):
        for login in (readings_login(session_name(address, name), 0, 2), events_login(session_name(address, name), 2)):
            connection = Connection(1, lambda _: None)
            await connect(connection, address, Login(login.client_id, keep=False))
            connection.disconnect()


def test_two_workers_are_two_processes_that_are_kept_alive(database_url: str, mqtt_url: str) -> None:
    port = two_free_ports()
    settings = {
        "NUANSHAO_DATABASE_URL": database_url, "NUANSHAO_MQTT_URL": mqtt_url, "NUANSHAO_WORKER": "pair-0",
        "NUANSHAO_METRICS_PORT": str(port),
    }  # fmt: skip
    with started("ingest", "--workers", "2", **settings) as parent:
        wait_for(lambda: connected(database_url) == ["pair-0", "pair-1"])
        for number in (port, port + 1):
            page = httpx.get(f"http://127.0.0.1:{number}/metrics", trust_env=False).text
            assert "nuanshao_ingest_connected 1.0" in page
        children = descendants(parent.pid)
        kill(children[0])
        wait_for(lambda: len([pid for pid in descendants(parent.pid) if alive(pid)]) == 2)
        assert children[0] not in descendants(parent.pid), "another process has taken its place"
        left = descendants(parent.pid)
    assert not any(map(alive, left)), "nothing is left behind"


def test_one_wrong_number_of_workers_is_one_clear_line() -> None:
    said = subprocess.run(
        nuanshao("ingest", "--workers", "0"), env=environment(), capture_output=True, text=True, check=False
    )
    assert said.returncode == 2
    assert "--workers" in said.stderr
