"""The test bed: database and broker of its own, and our processes on them as production starts them."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psycopg

from bench.usage import Usage, usage
from foundation.clock import utc_now
from foundation.errors import ServiceFailed, SettingsError
from foundation.settings import PREFIX
from runtime.mosquitto import Mosquitto
from runtime.places import state_dir
from runtime.ports import claim
from runtime.postgres import Postgres
from runtime.process import Process
from runtime.services import DATABASE, Services, named_outside
from runtime.spawn import last_line
from runtime.stack import emulated_carrier
from store.connect import connect
from store.edition import Fitness
from store.migrate import migrate
from store.named_sql import sql

NAME: Final = "bench"
READY_WITHIN_S: Final = 60.0
LOOK_EVERY_S: Final = 0.05
STORED_WITHIN_S: Final = 300.0


class Bed:
    """From enter to exit: services in a fresh folder, durable as in production, migrated; gone afterwards.

    After an error the logs stay. Raises SettingsError where a database or broker is named from outside: a run fills
    what it finds.
    """

    def __init__(self, project: Path, say: Callable[[str], None], *, workers: int = 1) -> None:
        for variable in (f"{PREFIX}DATABASE_URL", f"{PREFIX}MQTT_URL"):
            if named_outside(variable):
                raise SettingsError(
                    f"{variable} is set, and a benchmark fills what it finds", do="unset it: it starts its own"
                )
        self.folder = state_dir(project, NAME)
        self.logs = self.folder / "logs"
        self.say = say
        self.memory_mb: dict[str, float] = {}
        """The most that each process had, of those that have run so far."""
        self._project = project
        self._workers = workers
        self._services = Services(self.folder, say, fresh=True, durable=True)
        self._running: dict[str, Process] = {}
        self._stack = ExitStack()
        self._fitness: Fitness | None = None

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.enter_context(self._services)
            shutil.rmtree(self.logs, ignore_errors=True)
            self.logs.mkdir(parents=True)
            with connect(self.postgres.url("postgres"), autocommit=True) as connection:
                # the latency of a commit is read from it; production has no need of it
                connection.execute("alter system set track_commit_timestamp = on")
            self.postgres.restart()
            with connect(self.database_url) as connection:
                self._fitness = migrate(connection).fitness
            self._stack = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops everything and removes the data."""
        for process in reversed(list(self._running.values())):
            process.stop()
        self._stack.close()
        gone = (self.postgres.data, self.mosquitto.folder / "data") if error else (self.folder,)
        for folder in gone:
            shutil.rmtree(folder, ignore_errors=True)
        if error:
            self.say(f"logs are kept in {self.folder}")

    @property
    def postgres(self) -> Postgres:
        """The database server."""
        assert self._services.postgres is not None  # noqa: S101 (nothing is named from outside)
        return self._services.postgres

    @property
    def mosquitto(self) -> Mosquitto:
        """The broker."""
        assert self._services.mosquitto is not None  # noqa: S101 (the same)
        return self._services.mosquitto

    @property
    def database_url(self) -> str:
        """Where the database is."""
        return self.postgres.url(DATABASE)

    @property
    def versions(self) -> dict[str, str]:
        """What the services are."""
        fit = self._fitness
        return {
            "postgres": fit.postgresql if fit else "",
            "timescaledb": f"{fit.timescaledb} ({fit.edition})" if fit else "",
            "mosquitto": self._services.programs.broker.version,
        }

    def run(self, name: str, *command: str) -> Process:
        """Starts a process of the bench: what follows the Python interpreter. It is not started again."""
        return self._start(name, list(command), self._services.environment)

    @contextmanager
    def fresh_broker(self) -> Iterator[None]:
        """A broker that knows no session and holds no message, until the block ends."""
        self.mosquitto.stop()
        for kept in (self.mosquitto.folder / "data").glob("*"):
            kept.unlink()
        self.mosquitto.start()
        try:
            yield
        finally:
            self.note_memory()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Carrier emulator, alerts and ingest, as production starts them; ready, and stopped after the block."""
        port = claim(0, "the carrier emulator")
        environment = self._services.environment | emulated_carrier(port)
        arguments = {
            "carriers": ["--port", str(port)],
            "alerts": [],
            "ingest": ["--workers", str(self._workers)] if self._workers > 1 else [],
        }
        since = utc_now()
        for name, more in arguments.items():
            self._start(name, ["-m", "cli", name, *more], environment)
        try:
            with connect(self.database_url, autocommit=True) as connection:
                self.wait(lambda: _answer(connection, "bench_listening", since) >= self._workers, "ingest to listen")
                self.wait(lambda: _answer(connection, "bench_watching", since) >= 1, "alerts to watch")
            yield
            self.look_after()
            self.note_memory()
        finally:
            for name in reversed(arguments):
                self._running.pop(name).stop()

    @contextmanager
    def carrying(self, processes: int) -> Iterator[dict[str, str]]:
        """Carrier emulator and several alerts processes until the block ends; what they have in their environment."""
        port = claim(0, "the carrier emulator")
        environment = self._services.environment | emulated_carrier(port)
        # receipts have nobody to go to here
        environment[f"{PREFIX}CARRIER_SECRET_PATH"] = ""
        names = ["carriers", *(f"alerts-{number}" for number in range(processes))]
        try:
            self._start("carriers", ["-m", "cli", "carriers", "--port", str(port)], environment)
            self.wait(lambda: _open(port), "the carrier emulator")
            for name in names[1:]:
                self._start(name, ["-m", "cli", "alerts"], environment | {f"{PREFIX}ALERTS_WORKER": name})
            yield environment
            self.look_after()
            self.note_memory()
        finally:
            for name in reversed(names):
                if name in self._running:
                    self._running.pop(name).stop()

    def wait(self, ready: Callable[[], bool], what: str, within_s: float = READY_WITHIN_S) -> None:
        """Looks until it is so. Raises ServiceFailed when it takes too long or a process has died."""
        until = time.monotonic() + within_s
        while not ready():
            self.look_after()
            if time.monotonic() > until:
                raise ServiceFailed(f"waited {within_s:.0f} s in vain for {what}", do=f"look into {self.logs}")
            time.sleep(LOOK_EVERY_S)

    def look_after(self) -> None:
        """Raises ServiceFailed when one of the processes has died: a run with a restart in it measures nothing."""
        for name, process in self._running.items():
            if not process.running and process.wait(1.0) != 0:
                raise ServiceFailed(f"{name} died: {self._last_words(name)}", do=f"look into {self.logs}")
        for service in (self.postgres, self.mosquitto):
            if not service.running:
                raise ServiceFailed(f"{service.name} died", do=f"look into {service.log}")

    def finish(self, process: Process, within_s: float) -> None:
        """Waits for a process of `run` to end well. Raises ServiceFailed."""
        code = process.wait(within_s)
        self._running.pop(process.name, None)
        if code != 0:
            process.stop()
            raise ServiceFailed(f"{process.name} failed: {self._last_words(process.name)}", do=f"look into {self.logs}")

    def stop(self, process: Process) -> None:
        """Ends a process of `run`."""
        self._running.pop(process.name, None)
        process.stop()

    def pids(self) -> dict[str, int]:
        """The processes that run now, by name."""
        pids = {name: process.pid for name, process in self._running.items()}
        pids |= {"postgres": self.postgres.pid, "mosquitto": self.mosquitto.pid}
        return {name: pid for name, pid in pids.items() if pid is not None}

    def usage(self) -> dict[str, Usage]:
        """What everything has cost until now, by name."""
        return {name: usage(pid) for name, pid in self.pids().items()}

    def note_memory(self) -> None:
        """Keeps the peaks of what runs now."""
        for name, used in self.usage().items():
            self.memory_mb[name] = max(self.memory_mb.get(name, 0.0), used.memory_mb)

    def _start(self, name: str, command: list[str], environment: dict[str, str]) -> Process:
        process = Process(
            name,
            command,
            self.logs / f"{name}.log",
            folder=self._project,
            environment=environment,
            restart=False,
        )
        self._running[name] = process
        process.start()
        return process

    def _last_words(self, name: str) -> str:
        log = self.logs / f"{name}.log"
        return last_line(log.read_text(encoding="utf-8", errors="replace")[-4000:]) if log.exists() else ""


def _answer(connection: psycopg.Connection, block: str, *parameters: object) -> int:
    row = connection.execute(sql(block), parameters).fetchone()
    return int(row[0]) if row else 0


def _open(port: int) -> bool:
    """Whether somebody listens on this port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
