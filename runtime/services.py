"""TimescaleDB and Mosquitto for demo, tests and `nuanshao up`: one context manager, everything stopped at its end."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

import psycopg

from broker.probe import probe
from foundation.errors import DatabaseUnavailable, DatabaseUnfit, ServiceFailed, SettingsError
from foundation.sealing import SETTING, held
from runtime.account import open_folder, service_account
from runtime.host import (
    OLDEST_POSTGRES,
    BrokerPrograms,
    DatabasePrograms,
    Programs,
    find_broker_programs,
    find_database_programs,
)
from runtime.lock import FolderLock
from runtime.mosquitto import Mosquitto, TlsListener
from runtime.phone_key import kept_key
from runtime.ports import LOOPBACK
from runtime.postgres import Postgres
from runtime.spawn import last_line

Say = Callable[[str], None]
STOPPING = (signal.SIGINT, signal.SIGTERM)
DATABASE = "nuanshao"
"""Name of the database that is made on a server of our own."""


class Services:
    """Database and broker, from enter to exit.

    Each is, in this order: what NUANSHAO_DATABASE_URL / NUANSHAO_MQTT_URL name (then nothing is started), the host's
    own programs, or the bundle's. `state_dir` (from `runtime.places.state_dir`) is locked meanwhile; `fresh` empties
    it first; `durable=False` is for tests. A port of 0 takes a free one. `mqtt_address` is where devices reach the
    broker: loopback, unless real devices are to be let in; with `mqtt_tls` there is a second door for them.

    SIGTERM becomes SystemExit(143) between enter and exit, so that everything is stopped on it too; where we are
    killed outright, the kernel stops the services (`runtime.tether`).
    """

    def __init__(
        self,
        state_dir: Path,
        say: Say,
        *,
        fresh: bool = False,
        durable: bool = True,
        programs: Programs | None = None,
        postgres_port: int = 0,
        mqtt_port: int = 0,
        mqtt_address: str = LOOPBACK,
        mqtt_tls: TlsListener | None = None,
    ) -> None:
        self._mqtt_tls = mqtt_tls
        self.state_dir = state_dir
        self.postgres: Postgres | None = None
        self.mosquitto: Mosquitto | None = None
        self._say = say
        self._fresh = fresh
        self._durable = durable
        self._given = programs
        self._ports = (postgres_port, mqtt_port)
        self._mqtt_address = mqtt_address
        self._database_url = named_outside("NUANSHAO_DATABASE_URL")
        self._mqtt_url = named_outside("NUANSHAO_MQTT_URL")
        self.phone_key = ""
        """What telephone numbers are sealed with here: what the setting says, else one that stays in `state_dir`."""
        self._database: DatabasePrograms | None = None
        self._broker: BrokerPrograms | None = None
        self._stack = ExitStack()
        self._listens = False

    @property
    def database_url(self) -> str:
        """postgresql://… of the database, with its password."""
        return self._database_url or (self.postgres.url(DATABASE) if self.postgres else "")

    @property
    def mqtt_url(self) -> str:
        """mqtt://… of the broker, with our account's password."""
        return self._mqtt_url or (self.mosquitto.url if self.mosquitto else "")

    @property
    def programs(self) -> Programs:
        """All programs, also those of a service that we did not start (found, perhaps fetched, now)."""
        database = self._database or find_database_programs(self._say)
        return Programs(database, self._broker or find_broker_programs(self._say))

    @property
    def environment(self) -> dict[str, str]:
        """What our own processes need in their environment to find these services."""
        found = {
            "NUANSHAO_DATABASE_URL": self.database_url,
            "NUANSHAO_MQTT_URL": self.mqtt_url,
            SETTING: self.phone_key,
        }
        if self.mosquitto is not None:
            found["NUANSHAO_MQTT_PASSWORD_FILE"] = str(self.mosquitto.password_file)
        return found

    def __enter__(self) -> Self:
        """Start what is to be started, check what is not; undone when anything of it fails."""
        with ExitStack() as undo:
            undo.callback(self._unlisten)
            self._listen()
            open_folder(self.state_dir, service_account())
            undo.enter_context(FolderLock(self.state_dir))
            self.phone_key = named_outside(SETTING)
            if not self.phone_key:
                self.phone_key = kept_key(self.state_dir)
                undo.enter_context(held(self.phone_key))
            if self._database_url:
                check_database(self._database_url)
            else:
                self._database = self._given.database if self._given else find_database_programs(self._say)
                self.postgres = Postgres(
                    self._own("postgres"), self._database, port=self._ports[0], durable=self._durable
                )
                undo.callback(self.postgres.stop)
            if self._mqtt_url and self._mqtt_tls is not None:
                raise SettingsError(
                    "a certificate was given, and the broker is not ours to start", do="unset NUANSHAO_MQTT_URL"
                )
            if self._mqtt_url:
                probe(self._mqtt_url)
            else:
                self._broker = self._given.broker if self._given else find_broker_programs(self._say)
                self.mosquitto = Mosquitto(
                    self._own("mosquitto"),
                    self._broker,
                    port=self._ports[1],
                    address=self._mqtt_address,
                    tls=self._mqtt_tls,
                )
                undo.callback(self.mosquitto.stop)
            if self.mosquitto is not None:
                self.mosquitto.start()
            if self.postgres is not None:
                self.postgres.start()
                self.postgres.create_database(DATABASE)
            self._stack = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop what was started, the broker first; a second Ctrl-C meanwhile is not heard."""
        main = threading.current_thread() is threading.main_thread()
        before = {number: signal.signal(number, signal.SIG_IGN) for number in STOPPING if main}
        if self._listens:
            before[signal.SIGTERM] = signal.SIG_DFL
            self._listens = False
        try:
            self._stack.close()
        finally:
            for number, handler in before.items():
                # a handler from outside Python shows as None and cannot be set again
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _own(self, name: str) -> Path:
        folder = self.state_dir / name
        if self._fresh and folder.exists():
            try:
                shutil.rmtree(folder)
            except OSError as failed:
                raise ServiceFailed(f"cannot empty {folder}: {failed.strerror}", do="remove it") from None
        return folder

    def _listen(self) -> None:
        # Python allows signal handlers in the main thread only; a handler of the caller's stays
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _leave)
            self._listens = True

    def _unlisten(self) -> None:
        if self._listens:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self._listens = False


def named_outside(variable: str) -> str:
    """The text of the environment variable, or in the file that `<variable>_FILE` names; "" where neither is set.

    Not taken from `foundation.settings`, which a process reads once: these services may be what it will name.
    """
    path = os.environ.get(f"{variable}_FILE", "")
    if os.environ.get(variable) or not path:
        return os.environ.get(variable, "")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as failed:
        raise SettingsError(f"{variable}_FILE: {failed.strerror}", do="point it at a readable file") from None


def check_database(url: str) -> None:
    """See that the database at `url` can be ours.

    Raises DatabaseUnavailable when it does not answer, DatabaseUnfit when it is too old or cannot have TimescaleDB.
    No error shows the password.
    """
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            where = f"{connection.info.host}:{connection.info.port}/{connection.info.dbname}"
            major = connection.info.server_version // 10_000
            has = connection.execute("select 1 from pg_available_extensions where name = 'timescaledb'").fetchone()
    except psycopg.ProgrammingError:
        raise DatabaseUnfit(
            "NUANSHAO_DATABASE_URL is no address", do="write postgresql://user:password@host:port/database"
        ) from None
    except psycopg.OperationalError as failed:
        raise DatabaseUnavailable(
            f"the database of NUANSHAO_DATABASE_URL does not answer: {last_line(str(failed))}",
            do="start it, or unset NUANSHAO_DATABASE_URL",
        ) from None
    if major < OLDEST_POSTGRES:
        raise DatabaseUnfit(f"{where} is PostgreSQL {major}", do=f"use PostgreSQL {OLDEST_POSTGRES} or newer")
    if has is None:
        raise DatabaseUnfit(
            f"{where} has no TimescaleDB", do="TimescaleDB and nothing less: install the extension on that server"
        )


def _leave(number: int, frame: FrameType | None) -> None:
    del frame
    raise SystemExit(128 + number)
