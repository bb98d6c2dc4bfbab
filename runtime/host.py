"""Which TimescaleDB and Mosquitto to run: the host's own where they are fit, else the bundle."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from foundation.errors import ServiceMissing
from runtime.bundle import Bundle, ensure_bundle

Say = Callable[[str], None]
Origin = Literal["host", "bundle"]

OLDEST_POSTGRES = 15
OLDEST_MOSQUITTO = (2, 0)
_SYSTEM_PATH = ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
_INSTALLED = (("/usr/lib/postgresql", "*/bin"), ("/usr", "pgsql-*/bin"), ("/usr/local/pgsql", "bin"))


@dataclass(frozen=True, slots=True)
class DatabasePrograms:
    """The programs of one PostgreSQL that has TimescaleDB; `version` as it prints it ("17.6")."""

    initdb: Path
    postgres: Path
    psql: Path
    pg_dump: Path
    pg_restore: Path
    source: Origin
    version: str


@dataclass(frozen=True, slots=True)
class BrokerPrograms:
    """The programs of one Mosquitto; `version` as it prints it ("2.0.21")."""

    mosquitto: Path
    mosquitto_pub: Path
    mosquitto_sub: Path
    mosquitto_passwd: Path
    source: Origin
    version: str


@dataclass(frozen=True, slots=True)
class Programs:
    """Everything that local services consist of."""

    database: DatabasePrograms
    broker: BrokerPrograms

    @property
    def psql(self) -> Path:
        """The SQL shell."""
        return self.database.psql

    @property
    def pg_dump(self) -> Path:
        """The database dumper."""
        return self.database.pg_dump

    @property
    def mosquitto_pub(self) -> Path:
        """The MQTT publisher."""
        return self.broker.mosquitto_pub

    @property
    def mosquitto_sub(self) -> Path:
        """The MQTT subscriber."""
        return self.broker.mosquitto_sub

    @property
    def source(self) -> str:
        """Where they come from: "host", "bundle" or "mixed"."""
        both = {self.database.source, self.broker.source}
        return both.pop() if len(both) == 1 else "mixed"

    @property
    def versions(self) -> dict[str, str]:
        """Version by program."""
        return {"postgres": self.database.version, "mosquitto": self.broker.version}


def find_programs(say: Say) -> Programs:
    """Database and broker programs; fetches the bundle when the host lacks one of them."""
    return Programs(find_database_programs(say), find_broker_programs(say))


def find_database_programs(say: Say) -> DatabasePrograms:
    """The newest fit PostgreSQL of the host, else the bundle's. Raises ServiceMissing."""
    for folder in _postgres_folders():
        found = _database_in(folder, "host")
        if found is not None and _has_timescaledb(folder):
            return found
    found = _database_in(ensure_bundle(say).postgres_bin, "bundle")
    if found is None:
        raise _unusable()
    return found


def find_broker_programs(say: Say) -> BrokerPrograms:
    """The host's Mosquitto where it is new enough and has its clients, else the bundle's. Raises ServiceMissing."""
    # an ordinary user's PATH often lacks the sbin folders
    path = f"{os.environ.get('PATH', '')}{_SYSTEM_PATH}"

    def on_host(name: str) -> Path | None:
        found = shutil.which(name, path=path)
        return Path(found) if found else None

    found = _broker(on_host, "host")
    if found is not None and version_of(found.version) >= OLDEST_MOSQUITTO:
        return found
    bundle: Bundle = ensure_bundle(say)
    found = _broker(bundle.program, "bundle")
    if found is None:
        raise _unusable()
    return found


def version_of(text: str) -> tuple[int, ...]:
    """The numbers of a version: "17.6 (Debian 17.6-1)" → (17, 6)."""
    found = re.search(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _postgres_folders() -> Iterator[Path]:
    on_path = shutil.which("postgres")
    folders = [Path(on_path).resolve().parent] if on_path else []
    installed = [folder for root, pattern in _INSTALLED for folder in Path(root).glob(pattern)]
    yield from folders
    yield from sorted(installed, key=lambda folder: version_of(folder.parent.name), reverse=True)


def _database_in(folder: Path, source: Origin) -> DatabasePrograms | None:
    programs = {name: folder / name for name in ("initdb", "postgres", "psql", "pg_dump", "pg_restore")}
    if not all(os.access(program, os.X_OK) for program in programs.values()):
        return None
    version = _printed(programs["postgres"], "--version").rpartition("(PostgreSQL) ")[2].split(" ")[0].strip()
    if version_of(version) < (OLDEST_POSTGRES,):
        return None
    return DatabasePrograms(**programs, source=source, version=version)


def _has_timescaledb(folder: Path) -> bool:
    """Whether the PostgreSQL of this bin folder has the extension's control file in its share folder."""
    shared = _printed(folder / "pg_config", "--sharedir").strip() if (folder / "pg_config").exists() else ""
    # the server's package may come without pg_config
    guesses = [shared] if shared else [f"/usr/share/postgresql/{folder.parent.name}", f"{folder.parent}/share"]
    return any((Path(guess) / "extension" / "timescaledb.control").is_file() for guess in guesses)


def _broker(locate: Callable[[str], Path | None], source: Origin) -> BrokerPrograms | None:
    found = {name: locate(name) for name in ("mosquitto", "mosquitto_pub", "mosquitto_sub", "mosquitto_passwd")}
    programs = {name: path for name, path in found.items() if path is not None and os.access(path, os.X_OK)}
    if len(programs) < len(found):
        return None
    first = _printed(programs["mosquitto"], "-h").partition("\n")[0]
    version = ".".join(str(number) for number in version_of(first))
    return BrokerPrograms(**programs, source=source, version=version) if version else None


def _printed(program: Path, argument: str) -> str:
    try:
        # mosquitto -h ends with 1 or 3, depending on its version
        return subprocess.run(
            [program, argument], capture_output=True, text=True, errors="replace", timeout=20, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _unusable() -> ServiceMissing:
    return ServiceMissing(
        "the fetched services do not run on this host (is the cache on a volume mounted noexec?)",
        do="set NUANSHAO_CACHE_DIR, or NUANSHAO_DATABASE_URL and NUANSHAO_MQTT_URL",
    )
