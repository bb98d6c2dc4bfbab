"""A chaos that is stopped in the middle leaves nothing behind, and a second one beside it does no harm."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.beside import environment, nuanshao
from tests.e2e.processes import alive, descendants

COMMAND = nuanshao("chaos", "--short", "--rate", "50", "--devices", "20")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the services' own account can reach; pytest's tmp_path is closed to it."""
    made = Path(tempfile.mkdtemp(prefix="nuanshao-chaos-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def wait_for(condition: Callable[[], object], what: str, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.1)


def under_way(folder: Path) -> subprocess.Popen[bytes]:
    """Returns when the first thing has been broken."""
    said = folder / "said"
    with said.open("wb") as file:
        process = subprocess.Popen(COMMAND, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=file)
    wait_for(lambda: process.poll() is not None or said.read_bytes().count(b"\n") > 2, "it does not begin", 90)
    assert process.poll() is None, said.read_text()
    return process


def test_ctrl_c_stops_everything_and_a_second_one_stops_nothing(folder: Path) -> None:
    process = under_way(folder)
    second = subprocess.run(COMMAND, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert "already running" in second.stderr
    assert second.stderr.count("\n") == 1
    assert (folder / ".nuanshao" / "chaos").exists(), "it is the first one's"
    below = descendants(process.pid)
    assert len(below) >= 7, "database, broker and five of ours"
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert not any(map(alive, below))
    assert not (folder / ".nuanshao" / "chaos").exists()
    assert not (folder / ".nuanshao" / "env").exists()
