"""One PostgreSQL server with TimescaleDB of our own: its data folder, its configuration, its life and death."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from foundation.errors import ServiceFailed, ServiceMissing
from runtime.account import can_reach, give, own_folder
from runtime.host import DatabasePrograms
from runtime.passwords import write_atomically
from runtime.ports import LOOPBACK
from runtime.server import Server
from runtime.spawn import Launch, last_line, run

OWNER = "nuanshao"
"""The superuser of our server."""
READY_S = 60.0
STOP_S = 30.0
ORPHANS_S = 20.0
MAX_CONNECTIONS = 100
_MEMORY_SHARE = 8
_POLL_S = 0.03
_ZONES = Path("/usr/share/zoneinfo/UTC")


class Postgres(Server):
    """A server in `folder`: made on the first start, reached at `url(database)` while it runs.

    `port` 0 takes a free one and keeps it over restarts. `durable=False` trades safety at a power cut for speed:
    for tests.
    """

    name = "PostgreSQL"

    def __init__(self, folder: Path, programs: DatabasePrograms, *, port: int = 0, durable: bool = True) -> None:
        super().__init__(folder, port, folder / "postgres.log")
        self.data = folder / "data"
        self.durable = durable
        self._programs = programs
        self._password = ""

    def url(self, database: str = "nuanshao") -> str:
        """postgresql://… with our superuser's password."""
        return (
            f"postgresql://{OWNER}:{quote(self._password, safe='')}@{LOOPBACK}:{self.port}/{quote(database, safe='')}"
        )

    def stop(self) -> None:
        """Fast shutdown: ends sessions, writes everything down; harder means when that takes over 30 s."""
        for how, patience in ((signal.SIGINT, STOP_S), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            if self._process is None or self._process.poll() is not None:
                break
            self._process.send_signal(how)
            try:
                self._process.wait(patience)
            except subprocess.TimeoutExpired:
                continue
        self._process = None

    def create_database(self, database: str) -> str:
        """Make sure that the database exists and has TimescaleDB; returns its address."""
        try:
            with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=10) as connection:
                known = connection.execute("select 1 from pg_database where datname = %s", [database]).fetchone()
                if known is None:
                    connection.execute(sql.SQL("create database {}").format(sql.Identifier(database)))
            with psycopg.connect(self.url(database), autocommit=True, connect_timeout=10) as connection:
                connection.execute("create extension if not exists timescaledb")
        except psycopg.Error as failed:
            raise ServiceFailed(f"PostgreSQL cannot make the database {database}: {last_line(str(failed))}") from None
        return self.url(database)

    def _prepare(self) -> None:
        own_folder(self.folder, self._account)
        if self._account is not None and not can_reach(self.data.parent, self._account):
            raise ServiceMissing(
                f"the account {self._account.name} cannot reach {self.folder}", do="use runtime.places.state_dir"
            )
        if not _ZONES.exists():
            raise ServiceMissing("PostgreSQL needs the time zone files in /usr/share/zoneinfo", do="install tzdata")
        if not (self.data / "PG_VERSION").exists():
            self._initdb()
        self._password = (self.folder / "password").read_text(encoding="ascii").strip()
        made_by = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        if self._programs.version.partition(".")[0] != made_by:
            raise ServiceFailed(
                f"the data in {self.data} were made by PostgreSQL {made_by}, the program is {self._programs.version}",
                do=f"install PostgreSQL {made_by} with TimescaleDB, or move the folder away",
            )
        self._clear_remains()

    def _initdb(self) -> None:
        # made under another name, so that an interrupted initdb is never taken for a database
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)
        owner = (self._account.uid, self._account.gid) if self._account else None
        write_atomically(self.folder / "password", secrets.token_urlsafe(24) + "\n", owner=owner)
        options = [f"--username={OWNER}", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "--no-sync"]
        run(
            Launch(
                [self._programs.initdb, f"--pgdata={fresh}", *options, f"--pwfile={self.folder / 'password'}"],
                self.folder,
                self._account,
                signal.SIGKILL,
            )
        )
        fresh.rename(self.data)

    def _clear_remains(self) -> None:
        """After a kill -9: wait for the old server's processes, then remove its stale pid file.

        PostgreSQL refuses a pid file whose number now belongs to anybody else of the same account, so we look at who
        really works in the data folder.
        """
        deadline = time.monotonic() + ORPHANS_S
        while others := processes_in(self.data):
            if time.monotonic() > deadline:
                raise ServiceFailed(
                    f"another PostgreSQL (process {others[0]}) is using {self.data}", do=f"kill -INT {others[0]}"
                )
            time.sleep(_POLL_S)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _configure(self) -> Launch:
        configuration = self.data / "postgresql.conf"
        configuration.write_text(render_configuration(self.port, durable=self.durable), encoding="ascii")
        give(configuration, self._account, 0o600)
        # SIGQUIT: everything committed is on disk, and no child outlives us by more than a moment
        return Launch([self._programs.postgres, "-D", self.data], self.data, self._account, signal.SIGQUIT)

    def _await_ready(self, from_here: int) -> None:
        deadline = time.monotonic() + READY_S
        while True:
            if not self.running:
                raise ServiceFailed(f"PostgreSQL did not start: {self._said(from_here)}", do=f"see {self.log}")
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError as failed:
                if "authentication failed" in str(failed) or time.monotonic() > deadline:
                    raise ServiceFailed(
                        f"PostgreSQL did not become ready: {self._said(from_here) or last_line(str(failed))}",
                        do=f"see {self.log}",
                    ) from None
                time.sleep(_POLL_S)
            else:
                return


def render_configuration(port: int, *, durable: bool, memory: int | None = None) -> str:
    """postgresql.conf for a small server; `memory` in bytes, the machine's unless given."""
    if memory is None:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    buffers_mb = max(64, min(512, memory // _MEMORY_SHARE // 2**20))
    rows: dict[str, str | int] = {
        "listen_addresses": LOOPBACK,
        "port": port,
        "unix_socket_directories": "",
        "max_connections": MAX_CONNECTIONS,
        "password_encryption": "scram-sha-256",
        "shared_preload_libraries": "timescaledb",
        "timescaledb.telemetry_level": "off",
        # compiling costs more than it saves on short queries, and LLVM is not in the bundle
        "jit": "off",
        "shared_buffers": f"{buffers_mb}MB",
        "effective_cache_size": f"{buffers_mb * 3}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": "64MB",
        # a query over many chunks locks each of them and its indexes
        "max_locks_per_transaction": 256,
        "max_worker_processes": 16,
        "wal_compression": "on",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "10min",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        "log_line_prefix": "%m [%p] ",
        "log_checkpoints": "off",
        "autovacuum_naptime": "30s",
        # a container may have no /dev/shm
        "dynamic_shared_memory_type": "posix" if os.access("/dev/shm", os.W_OK) else "mmap",  # noqa: S108
    }
    if not durable:
        # what was committed still survives a kill of the server: it is with the operating system
        rows |= {"fsync": "off", "full_page_writes": "off"}
    return "# written by nuanshao at every start\n" + "".join(f"{key} = '{value}'\n" for key, value in rows.items())


def processes_in(folder: Path) -> list[int]:
    """The processes that work in `folder`; each process of a PostgreSQL server works in its data folder."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if (process / "cwd").readlink() == folder:
                    found.append(int(process.name))
            except OSError:
                continue
    return sorted(found)
