"""`nuanshao up` as a person starts it: a process of its own in a folder of its own."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import psycopg
import pytest

from runtime.host import find_programs
from runtime.postgres import processes_in
from tests.beside import environment, nuanshao


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder that the services' own account can reach; pytest's tmp_path is closed to it."""
    made = Path(tempfile.mkdtemp(prefix="nuanshao-e2e-"))
    made.chmod(0o755)
    yield made
    assert processes_in(made) == [], "no process may be left behind"
    shutil.rmtree(made)


def with_our_key() -> dict[str, str]:
    """The environment of a newcomer, with the tests' key: what a test registers, the deployment can read."""
    return environment(NUANSHAO_PHONE_KEY=os.environ["NUANSHAO_PHONE_KEY"])


@dataclass
class Running:
    """A `nuanshao up` and what another client knows of it."""

    process: subprocess.Popen[bytes]
    folder: Path
    env: dict[str, str]

    @property
    def api(self) -> str:
        return self.env["NUANSHAO_API_URL"]

    @property
    def logs(self) -> Path:
        return self.folder / ".nuanshao" / "data" / "logs"

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A `nuanshao` command in a second terminal: it knows the folder and nothing else."""
        return subprocess.run(
            nuanshao(*arguments), cwd=self.folder, env=with_our_key(), capture_output=True, text=True, check=check
        )

    def get(self, path: str) -> Any:
        return httpx.get(self.api + path, trust_env=False, timeout=10).json()

    def query(self, text: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.env["NUANSHAO_DATABASE_URL"]) as connection:
            return connection.execute(text.encode(), parameters).fetchall()

    def add_device(self, uid: str, device_type: str = "co_detector", *more: str) -> str:
        """Registers a device and returns its password."""
        said = self.run("device", "add", uid, "--type", device_type, "--json", *more)
        return str(json.loads(said.stdout)["password"])

    def publish(
        self, uid: str, payload: bytes, *, channel: str = "telemetry", password: str | None = None, user: str = ""
    ) -> str:
        """With mosquitto_pub: a client that is not ours. Without a password as our own account. Returns its words."""
        broker = urlsplit(self.env["NUANSHAO_MQTT_URL"])
        account = (unquote(broker.username or ""), unquote(broker.password or ""))
        if password is not None:
            account = (user or uid, password)
        file = self.folder / "payload"
        file.write_bytes(payload)
        body = ["-f", str(file)] if payload else ["-n"]
        said = subprocess.run(
            [
                find_programs(lambda _: None).broker.mosquitto_pub, "-V", "mqttv5", "-h", str(broker.hostname),
                "-p", str(broker.port), "-u", account[0], "-P", account[1], "-q", "1",
                "-t", f"heat/v1/{uid}/{channel}", *body,
            ],
            check=True, capture_output=True, text=True, timeout=20,
        )  # fmt: skip
        return said.stderr


def wait_for(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen: {what}"
        time.sleep(0.1)


def start(folder: Path) -> Running:
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(
            nuanshao("up", "--api-port", "0"), cwd=folder, env=with_our_key(), stdout=subprocess.DEVNULL, stderr=log
        )
    file = folder / ".nuanshao" / "env"

    def ready() -> bool:
        assert process.poll() is None, (folder / "up.log").read_text()
        return b"Ctrl-C stops everything" in (folder / "up.log").read_bytes()

    wait_for(ready, "nuanshao up", 120)
    lines = [line.partition("=") for line in file.read_text().splitlines()]
    env = {name: (shlex.split(value) or [""])[0] for name, _, value in lines}
    return Running(process, folder, env)


def stop(running: Running, how: int = signal.SIGTERM) -> int:
    running.process.send_signal(how)
    return running.process.wait(40)


@pytest.fixture(scope="module")
def up(folder: Path) -> Iterator[Running]:
    running = start(folder)
    yield running
    assert stop(running) == 0
    assert not (folder / ".nuanshao" / "env").exists(), "the addresses are gone with the services"
