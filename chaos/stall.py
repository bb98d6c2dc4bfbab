"""Let all processes that work in a folder stand still for a while, as a disk that does not answer does.

Run as `python -m chaos.stall FOLDER SECONDS`, tethered: whoever asked may be killed meanwhile, and what stands still
must not stay so.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from foundation.errors import ServiceFailed
from runtime.postgres import processes_in
from runtime.spawn import Launch, start

_POLL_S = 0.05
_LOOKS = 5
"""A server forks: those that appear while we look are found at the next look."""


def stall(folder: Path, seconds: float, stop: threading.Event) -> None:
    """Returns when everything goes on again, earlier if `stop` is set. Raises ServiceFailed."""
    command = [sys.executable, "-m", "chaos.stall", str(folder), str(seconds)]
    process = start(Launch(command, Path.cwd()), subprocess.DEVNULL)
    while process.poll() is None and not stop.is_set():
        stop.wait(_POLL_S)
    if process.poll() is None:
        process.terminate()
    if process.wait() not in {0, 128 + signal.SIGTERM}:
        raise ServiceFailed(f"what lets {folder} stand still ended with {process.returncode}")


def stand_still(folder: Path, seconds: float) -> None:
    """SIGSTOP, wait, SIGCONT; the latter also when we are told to end."""
    signal.signal(signal.SIGTERM, _leave)
    stopped: set[int] = set()
    try:
        for _ in range(_LOOKS):
            for pid in processes_in(folder):
                if pid not in stopped:
                    stopped.add(pid)
                    _tell(pid, signal.SIGSTOP)
        time.sleep(seconds)
    finally:
        for pid in stopped:
            _tell(pid, signal.SIGCONT)


def _tell(pid: int, what: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, what)


def _leave(number: int, frame: FrameType | None) -> None:
    del frame
    raise SystemExit(128 + number)


if __name__ == "__main__":
    stand_still(Path(sys.argv[1]), float(sys.argv[2]))
