"""kill -9 in the middle: nothing lost, nothing twice, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from demo.county import register
from device_sim.fleet.plan import plan
from store.connect import connect
from tests.beside import environment, nuanshao
from tests.e2e.conftest import Running, start, stop, wait_for, with_our_key
from tests.e2e.processes import alive, command, descendants, kill

HOMES = 40


@pytest.fixture
def county(folder: Path) -> Iterator[Running]:
    place = folder / "county"
    place.mkdir(exist_ok=True)
    running = start(place)
    yield running
    if running.process.poll() is None:
        stop(running)


def child(running: Running, name: str) -> int:
    """The pid of one of our processes."""
    return next(pid for pid in descendants(running.process.pid) if command(pid)[-3:] == ["-m", "cli", name])


def service(running: Running, program: str) -> int:
    """The pid of the database's or the broker's first process."""
    return min(pid for pid in descendants(running.process.pid) if Path((command(pid) or [""])[0]).name == program)


def stored_in_lives(running: Running, lives: int) -> bool:
    """Whether so many ingests have stored something, each since it was started."""
    return len(running.query("select 1 from ledger")) >= lives


def test_ingest_killed_in_the_middle_of_a_run_loses_nothing_and_stores_nothing_twice(county: Running) -> None:
    fleet = plan(7, HOMES, villages=2)
    with connect(county.env["NUANSHAO_DATABASE_URL"]) as connection:
        passwords = register(connection, fleet)
    (county.folder / "passwords.json").write_text(json.dumps(passwords))
    wait_for(lambda: len((county.folder / ".nuanshao/data/mosquitto/passwords").read_text().splitlines()) > HOMES, "")
    simulator = subprocess.Popen(
        nuanshao(
            "simulate", "live", "--seed", "7", "--villages", "2", "--homes", str(HOMES), "--interval", "1",
            "--minutes", "0.4", "--no-events", "--passwords", "passwords.json", "--counters", "counters.json",
        ),
        cwd=county.folder, env=with_our_key(), stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def kill_now_and_then() -> None:
        for lives in range(1, 4):
            # a life that has stored nothing leaves no trace in the ledger
            wait_for(partial(stored_in_lives, county, lives), "ingest stores something", 60)
            time.sleep(2)
            kill(child(county, "ingest"))

    killer = threading.Thread(target=kill_now_and_then)
    killer.start()
    assert simulator.wait(120) == 0
    killer.join()
    published = json.loads((county.folder / "counters.json").read_text())["published"]
    assert published > 500
    wait_for(lambda: county.query("select sum(stored) + sum(rejected) from ledger")[0][0] >= published, "stored", 60)
    ((received, stored, duplicate, rejected),) = county.query(
        "select sum(received), sum(stored), sum(duplicate), sum(rejected) from ledger"
    )
    assert (stored, rejected) == (published, 0)
    assert received == stored + duplicate + rejected
    assert county.query("select count(*) from telemetry") == [(published,)]
    assert len(county.query("select worker, started_at from ledger")) >= 3, "it really was killed"


def test_what_is_killed_is_started_again(county: Running) -> None:
    password = county.add_device("crash-001")
    county.publish("crash-001", b'{"seq": 1, "m": {"co_ppm": 1}}', password=password)
    wait_for(lambda: county.query("select 1 from telemetry"), "the first reading")
    for name in ("alerts", "api", "broker-access"):
        kill(child(county, name))
    kill(service(county, "mosquitto"))
    kill(service(county, "postgres"))
    wait_for(lambda: healthy(county), "everything is started again", 60)
    county.publish("crash-001", b'{"seq": 2, "m": {"co_ppm": 2}}', password=password)
    wait_for(lambda: county.query("select 1 from telemetry where co_ppm = 2"), "the next reading")


def healthy(running: Running) -> bool:
    return running.run("doctor", check=False).returncode == 0


def test_up_killed_outright_leaves_no_process_and_starts_again(county: Running) -> None:
    orphans = descendants(county.process.pid)
    assert len(orphans) >= 7, "database, broker and five of ours"
    county.process.kill()
    county.process.wait(10)
    wait_for(lambda: not any(map(alive, orphans)), "all of them gone", 20)
    again = start(county.folder)
    assert again.get("/health")["status"] == "ok"
    assert stop(again, signal.SIGINT) == 0


def test_a_database_without_timescaledb_is_refused_in_one_line(folder: Path) -> None:
    said = subprocess.run(
        nuanshao("migrate"), cwd=folder, capture_output=True, text=True, check=False,
        env=environment(NUANSHAO_DATABASE_URL="postgresql://nobody:nothing@127.0.0.1:9/none"),
    )  # fmt: skip
    assert said.returncode == 1
    assert said.stderr.strip().count("\n") == 0
    assert "nothing" not in said.stderr, "no password in an error"
    assert os.linesep not in said.stdout
