"""Supervise one of our own processes: start it, log it, start it again when it dies, stop it in order."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from runtime.spawn import Launch, start

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0
"""A process that lived this long begins again with the shortest pause."""


def pause_before(failures: int) -> float:
    """Seconds to wait before the start after `failures` quick deaths in a row: 0.5, 1, 2, 4 … 30."""
    return float(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(max(failures - 1, 0), 10)))


class Process:
    """The command `name arguments…` of ours, kept alive until `stop()`.

    `command` is what follows the Python interpreter, for example ["-m", "cli", "ingest"]; its stdout and stderr are
    appended to `log`, or go where our own stderr goes. `on_death` is told the exit code before each restart. Safe to
    use from any thread.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path | None,
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        restart: bool = True,
        on_death: Callable[[str, int], None] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self.restarts = 0
        self.exit_code: int | None = None
        self._launch = Launch(
            [sys.executable, *command],
            folder or Path.cwd(),
            environment={"PYTHONUNBUFFERED": "1", **(environment or {})},
        )
        self._restart = restart
        self._on_death = on_death
        self._stopping = threading.Event()
        self._changed = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """Process id, None between a death and the restart."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def running(self) -> bool:
        """Whether it lives at this moment."""
        return self.pid is not None

    def start(self) -> None:
        """Start it and watch over it."""
        if self._keeper is not None and self._keeper.is_alive():
            return
        self._stopping.clear()
        self._keeper = threading.Thread(target=self._keep, args=(self._fork(),), name=f"keep-{self.name}", daemon=True)
        self._keeper.start()

    def stop(self, timeout: float = 15.0) -> None:
        """SIGTERM, and SIGKILL after `timeout` seconds; it is not started again."""
        self._stopping.set()
        with self._changed:
            process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._keeper is not None:
            self._keeper.join(5.0)

    def kill(self) -> None:
        """SIGKILL, as a crash would; the restart policy then applies."""
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end of a process that is not restarted; its exit code, None after `timeout` seconds."""
        if self._keeper is not None:
            self._keeper.join(timeout)
        return self.exit_code

    def _fork(self) -> subprocess.Popen[bytes] | None:
        with self._changed:
            # under the lock, so that stop() never overlooks a process that is just being born
            if self._stopping.is_set():
                return None
            if self.log is None:
                self._process = start(self._launch, sys.stderr.fileno())
                return self._process
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("ab") as log:
                self._process = start(self._launch, log)
            return self._process

    def _keep(self, process: subprocess.Popen[bytes] | None) -> None:
        failures = 0
        while process is not None:
            began = time.monotonic()
            self.exit_code = process.wait()
            if self._stopping.is_set():
                return
            if self._on_death is not None:
                self._on_death(self.name, self.exit_code)
            if not self._restart:
                return
            failures = 1 if time.monotonic() - began >= STEADY_S else failures + 1
            process = self._fork_again(failures)
            self.restarts += 1

    def _fork_again(self, failures: int) -> subprocess.Popen[bytes] | None:
        while not self._stopping.wait(pause_before(failures)):
            try:
                return self._fork()
            except OSError:
                # a full disk or process table may be better later
                failures += 1
        return None
