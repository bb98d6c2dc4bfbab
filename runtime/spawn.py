"""Every program that we start is forked here, tethered, by one thread that lives as long as the process.

The kernel signals a tethered program when the *thread* that forked it ends (see `runtime.tether`), so callers may
sit in any short-lived thread: the fork itself always happens in the thread of this file.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO

from foundation.errors import ServiceFailed, ServiceMissing
from runtime.account import Account

TETHER = Path(__file__).with_name("tether.py")


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start: full path and arguments, as whom, where, and the signal it gets if we die."""

    command: Sequence[str | Path]
    folder: Path
    account: Account | None = None
    last_signal: signal.Signals = signal.SIGTERM
    environment: Mapping[str, str] = field(default_factory=dict)


def start(launch: Launch, output: IO[bytes] | int | None) -> subprocess.Popen[bytes]:
    """Start the program with stdout and stderr into `output`, in a session of its own.

    Own session: Ctrl-C in the terminal reaches us alone, and we stop the others in order.
    """
    if sys.platform != "linux":
        raise ServiceMissing(
            "local services need Linux", do="use docker compose, or set NUANSHAO_DATABASE_URL and NUANSHAO_MQTT_URL"
        )
    return _forker(os.getpid()).submit(launch, output)


def run(launch: Launch, *, timeout: float = 120.0, told: Callable[[str], str] | None = None) -> str:
    """Run the program to its end; returns what it printed.

    Raises ServiceFailed when it fails or takes longer than `timeout` seconds, with the line that `told` makes of what
    it printed (unless given: the last telling line).
    """
    name = Path(launch.command[0]).name
    process = start(launch, subprocess.PIPE)
    with process:
        try:
            printed, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise ServiceFailed(f"{name} did not end within {timeout:.0f} s") from None
        except BaseException:
            process.kill()
            raise
    text = printed.decode("utf-8", "replace")
    if process.returncode != 0:
        raise ServiceFailed(f"{name} failed: {(told or last_line)(text) or f'exit code {process.returncode}'}")
    return text


def last_line(text: str) -> str:
    """The last line of `text` that says something; a line that names an error wins over later hints."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "ERROR", "Error", "error:"))]
    return (telling or lines or [""])[-1][:300]


class _Forker:
    """The thread that forks."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Launch, IO[bytes] | int | None, Future[subprocess.Popen[bytes]]]] = (
            queue.SimpleQueue()
        )
        threading.Thread(target=self._serve, name="nuanshao-forker", daemon=True).start()

    def submit(self, launch: Launch, output: IO[bytes] | int | None) -> subprocess.Popen[bytes]:
        done: Future[subprocess.Popen[bytes]] = Future()
        self._jobs.put((launch, output, done))
        return done.result()

    def _serve(self) -> None:
        while True:
            launch, output, done = self._jobs.get()
            try:
                done.set_result(_fork(launch, output))
            except BaseException as failed:  # noqa: BLE001 - handed to the thread that asked
                done.set_exception(failed)
            del launch, output, done


@lru_cache(maxsize=1)
def _forker(pid: int) -> _Forker:
    # keyed by the process: a fork of us does not inherit the thread
    del pid
    return _Forker()


def _fork(launch: Launch, output: IO[bytes] | int | None) -> subprocess.Popen[bytes]:
    drop = ["--user", launch.account.name] if launch.account else []
    argv = [sys.executable, "-I", "-S", str(TETHER), "--parent", str(os.getpid()), *drop]
    argv += ["--signal", launch.last_signal.name, "--", *(str(part) for part in launch.command)]
    return subprocess.Popen(
        argv,
        cwd=launch.folder,
        env={**os.environ, **launch.environment},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
