"""What database and broker of our own have in common: a port that stays theirs, a process, a start that is sure."""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from foundation.errors import ServiceFailed
from runtime.account import service_account
from runtime.ports import claim, is_free
from runtime.spawn import Launch, last_line, start

PORT_TRIES = 3


class Server(ABC):
    """A server that keeps its files in `folder`.

    `port` 0 takes a free one. Once it has run, the port stays: others know it.
    """

    name: ClassVar[str]

    def __init__(self, folder: Path, port: int, log: Path) -> None:
        self.folder = folder
        self.log = log
        self.port = port
        self._may_choose = port == 0
        self._account = service_account()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the server, None while it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def running(self) -> bool:
        """Whether the server process lives."""
        return self.pid is not None

    def start(self) -> None:
        """Start and wait until it answers; makes its files when there are none.

        Raises ServiceFailed with the last telling line of the log, ServiceMissing for a port that is taken.
        """
        if self.running:
            return
        self._prepare()
        for attempt in range(1, PORT_TRIES + 1):
            if self.port == 0 or not self._may_choose:
                self.port = claim(self.port, self.name)
            try:
                self._launch()
            except ServiceFailed:
                # somebody took the free port between our look and the server's bind
                if not self._may_choose or attempt == PORT_TRIES or is_free(self.port):
                    raise
                self.port = 0
            else:
                self._may_choose = False
                return

    @abstractmethod
    def stop(self) -> None:
        """Stop in order."""

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Stop and start on the same port."""
        self.stop()
        self.start()

    @abstractmethod
    def _prepare(self) -> None:
        """Make folders, accounts and configuration that do not depend on the port."""

    @abstractmethod
    def _configure(self) -> Launch:
        """Write the configuration for `port`; what is to be started."""

    @abstractmethod
    def _await_ready(self, from_here: int) -> None:
        """Return when it answers; `from_here` is where this start's words begin in the log. Raises ServiceFailed."""

    def _launch(self) -> None:
        launch = self._configure()
        with self.log.open("ab") as log:
            from_here = log.tell()
            self._process = start(launch, log)
        try:
            self._await_ready(from_here)
        except BaseException:
            self.stop()
            raise

    def _said(self, from_here: int) -> str:
        with self.log.open("rb") as log:
            log.seek(from_here)
            return last_line(log.read().decode("utf-8", "replace"))
