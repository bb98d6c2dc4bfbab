"""TimescaleDB and Mosquitto without root and without Docker: Debian's packages, unpacked into one folder.

apt-get runs on private folders with the host's own Debian mirror and checks the signatures; dpkg-deb unpacks;
patchelf points the programs at the C library that came along, so the host's is neither used nor changed. A bundle
appears under its final name only when it is complete.

Everything is Debian 13's (trixie) but Mosquitto, whose 2.0 reads a message in ten system calls and carries half of what
2.1 does. That one is taken from Debian's testing suite (forky), beside the other and with a C library of its own: a
library that only forky has (libdlt3) needs a newer one than trixie's, and PostgreSQL is to run on nothing but trixie's.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from foundation.errors import ServiceFailed, ServiceMissing, SettingsError
from runtime.account import can_reach, service_account
from runtime.apt import Apt, Package
from runtime.places import SYSTEM_CACHE, cache_dir
from runtime.spawn import Launch, last_line, run, start

Say = Callable[[str], None]

FORMAT = 2
POSTGRES = "17"
STABLE_SUITE, NEWER_SUITE = "trixie", "forky"
UNNEEDED_LIBRARIES = (
    "libllvm", "libz3-", "libperl", "libsemanage", "libsepol", "libpam-", "libdebconf", "libc-", "libsystemd-shared",
    "libmount", "libblkid", "libsqlite3-", "libedit", "libbsd", "libmd", "libdb5", "libsasl2-modules", "libgcrypt",
    "libgpg-error", "libgdbm", "libncurses", "libproc2-", "libacl", "libattr", "libaudit-common",
)  # fmt: skip
"""LLVM and Z3 (jit is off), perl, login and systemd are half of the download and only serve maintainer scripts; the
others serve programs and plug-ins that we do not start. Each program that we do start is asked for what it lacks."""
UNNEEDED_FOLDERS = (
    "usr/share/doc", "usr/share/man", "usr/share/locale", f"usr/share/postgresql/{POSTGRES}/man",
    f"usr/lib/postgresql/{POSTGRES}/lib/bitcode", "etc", "var",
)  # fmt: skip
FREE_BYTES = 600_000_000
TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
STAMP = "bundle.json"
OTHERWISE = "set NUANSHAO_DATABASE_URL and NUANSHAO_MQTT_URL, or use docker compose"


@dataclass(frozen=True, slots=True)
class Part:
    """Packages of one suite with all that they need, in a folder of their own below the bundle's.

    `programs` are those that we start; the first one, given `question`, prints `answer` and its version.
    """

    title: str
    folder: str
    packages: tuple[str, ...]
    programs: tuple[str, ...]
    question: str
    answer: str

    def needs(self, package: Package) -> bool:
        """Whether the package is more than food for maintainer scripts."""
        if package.name in self.packages or package.name == f"postgresql-{POSTGRES}":
            return True
        library = package.name.startswith("lib") or package.name in {"zlib1g", "gcc-14-base"}
        return library and not package.name.startswith(UNNEEDED_LIBRARIES) and not package.name.endswith("-perl")


_POSTGRES_BIN = f"usr/lib/postgresql/{POSTGRES}/bin"
DATABASE = Part(
    "TimescaleDB",
    "database",
    (f"postgresql-{POSTGRES}-timescaledb", f"postgresql-client-{POSTGRES}"),
    tuple(f"{_POSTGRES_BIN}/{name}" for name in ("postgres", "initdb", "psql", "pg_dump", "pg_restore")),
    "--version",
    "(PostgreSQL)",
)
BROKER = Part(
    "Mosquitto",
    "broker",
    ("mosquitto", "mosquitto-clients"),
    ("usr/sbin/mosquitto", "usr/bin/mosquitto_pub", "usr/bin/mosquitto_sub", "usr/bin/mosquitto_passwd"),
    "-h",
    "mosquitto version",
)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A complete bundle: its folder."""

    root: Path

    @property
    def postgres_bin(self) -> Path:
        """The folder with postgres, initdb, psql, pg_dump …."""
        return self.root / DATABASE.folder / _POSTGRES_BIN

    def program(self, name: str) -> Path:
        """The program `name` of the Mosquitto packages."""
        return self.root / BROKER.folder / "usr" / ("sbin" if name == "mosquitto" else "bin") / name


def ensure_bundle(say: Say) -> Bundle:
    """The services bundle, fetched when this user has none yet (about 70 MB to fetch, 40 s).

    Raises ServiceMissing with one line for whatever stands in the way.
    """
    cache = cache_dir()
    name = f"bundle-{_key()}"
    for folder in (cache, SYSTEM_CACHE):
        ready = _complete(folder / name)
        # a bundle of root's serves everybody; nobody else's is trusted
        if ready is not None and (folder == cache or ready.root.stat().st_uid == 0):
            return ready
    try:
        return _make(cache, name, say)
    except OSError as failed:
        _explain(failed, cache)


def _make(cache: Path, name: str, say: Say) -> Bundle:
    cache.mkdir(parents=True, exist_ok=True)
    if cache == SYSTEM_CACHE:
        cache.chmod(0o755)
    account = service_account()
    if account is not None and not can_reach(cache, account):
        raise SettingsError(
            f"the account {account.name} cannot reach {cache}", do="set NUANSHAO_CACHE_DIR to a folder open to all"
        )
    with _one_at_a_time(cache / "bundle.lock", say):
        ready = _complete(cache / name)
        if ready is not None:
            return ready
        _check_disk(cache)
        for stale in cache.glob("bundle-*"):
            # half-made or of an older version of this file; the lock says that nobody is making it
            if stale.name.endswith(".partial") or stale.name == name:
                shutil.rmtree(stale)
        partial = cache / f"{name}.partial"
        partial.mkdir(mode=0o755)
        try:
            versions = _fill(partial, cache / name, say)
            stamp = {"root": str(cache / name), "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
            (partial / STAMP).write_text(json.dumps({**stamp, "packages": versions}, indent=1), encoding="ascii")
            partial.chmod(0o755)
            partial.rename(cache / name)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return Bundle(cache / name)


def _fill(folder: Path, final: Path, say: Say) -> dict[str, dict[str, str]]:
    database = _add(DATABASE, STABLE_SUITE, folder, final, say)
    broker = newest(lambda suite: _add(BROKER, suite, folder, final, say), say)
    return {DATABASE.folder: database, BROKER.folder: broker}


def newest(add: Callable[[str], dict[str, str]], say: Say) -> dict[str, str]:
    """What `add` makes of the newer suite; of the stable one where that fails, which is slower and is said."""
    try:
        return add(NEWER_SUITE)
    except (ServiceMissing, ServiceFailed) as failed:
        say(f"no Mosquitto 2.1, so 2.0, which carries half as many messages: {failed.what}")
    return add(STABLE_SUITE)


def _add(part: Part, suite: str, folder: Path, final: Path, say: Say) -> dict[str, str]:
    """Fetch and unpack `part`, and see that it runs; version by package."""
    root, state = folder / part.folder, folder / "apt"
    for left in (root, state):
        shutil.rmtree(left, ignore_errors=True)
        left.mkdir()
    apt = Apt(state, suite, tuple(TRIPLETS))
    apt.update()
    packages = [package for package in apt.closure(part.packages) if part.needs(package)]
    size = sum(package.size for package in packages) / 1e6
    say(f"fetching {part.title}: {len(packages)} packages of Debian {suite}, {size:.0f} MB, once per user")
    for file in apt.download(packages):
        run(Launch(["/usr/bin/dpkg-deb", "-x", file, root], folder))
        file.unlink()
    shutil.rmtree(state)
    for unneeded in UNNEEDED_FOLDERS:
        shutil.rmtree(root / unneeded, ignore_errors=True)
    _patch(part, root, final / part.folder, TRIPLETS[apt.architecture])
    return {package.name: package.version for package in packages}


def _patch(part: Part, root: Path, final: Path, triplet: str) -> None:
    libraries = root / "usr" / "lib" / triplet
    loader = next(iter(sorted(libraries.glob("ld-linux*.so.*"))), None)
    if loader is None:
        raise ServiceMissing("the fetched C library has no loader", do=OTHERWISE)
    interpreter = final / loader.relative_to(root)
    patchelf = _patchelf()
    link_sonames(libraries, patchelf)
    for name in part.programs:
        program = root / name
        rpath = final / libraries.relative_to(root)
        run(Launch([patchelf, "--set-interpreter", interpreter, "--force-rpath", "--set-rpath", rpath, program], root))
        # the bundle has not its final name yet, so the loader is told where the libraries are
        listed = run(Launch([loader, "--library-path", libraries, "--list", program], root))
        missing = [line.split()[0] for line in listed.splitlines() if "not found" in line]
        if missing:
            raise ServiceMissing(f"{program.name} needs {', '.join(missing)}, which was not fetched", do=OTHERWISE)
    first = root / part.programs[0]
    # not run(): mosquitto -h ends with 1 or 3, depending on its version
    with start(Launch([loader, "--library-path", libraries, first, part.question], root), subprocess.PIPE) as asked:
        printed = asked.communicate()[0].decode("utf-8", "replace")
    if part.answer not in printed:
        raise ServiceMissing(f"the fetched {first.name} does not run here: {last_line(printed)}", do=OTHERWISE)


def link_sonames(libraries: Path, patchelf: Path) -> None:
    """Makes the links that ldconfig would, where a package brings none (Debian's libpicohttpparser1)."""
    files = list(libraries.glob("lib*.so.*"))
    linked = {file.readlink().name for file in files if file.is_symlink()}
    for file in files:
        if file.is_symlink() or file.name in linked:
            continue
        soname = run(Launch([patchelf, "--print-soname", file], libraries)).strip()
        if soname and not (libraries / soname).exists():
            (libraries / soname).symlink_to(file.name)


def _patchelf() -> Path:
    beside = Path(sysconfig.get_path("scripts")) / "patchelf"
    found = beside if beside.exists() else shutil.which("patchelf")
    if found is None:
        raise ServiceMissing("patchelf is not installed", do="run `make venv`")
    return Path(found)


def _complete(root: Path) -> Bundle | None:
    try:
        stamp = json.loads((root / STAMP).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    # the programs carry their folder's name inside: a moved bundle does not run
    return Bundle(root) if stamp.get("root") == str(root) else None


def _key() -> str:
    content = repr((FORMAT, STABLE_SUITE, NEWER_SUITE, DATABASE, BROKER, UNNEEDED_LIBRARIES, os.uname().machine))
    return hashlib.sha256(content.encode()).hexdigest()[:12]


@contextmanager
def _one_at_a_time(path: Path, say: Say) -> Iterator[None]:
    with path.open("a", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is fetching TimescaleDB and Mosquitto; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _check_disk(cache: Path) -> None:
    free = shutil.disk_usage(cache).free
    if free < FREE_BYTES:
        raise ServiceMissing(
            f"{cache} has {free / 1e6:.0f} MB free, the services need {FREE_BYTES / 1e6:.0f} MB",
            do="make room, or set NUANSHAO_CACHE_DIR",
        )


def _explain(failed: OSError, cache: Path) -> NoReturn:
    if failed.errno in {errno.ENOSPC, errno.EDQUOT}:
        raise ServiceMissing(f"no space left in {cache}", do="make room, or set NUANSHAO_CACHE_DIR") from None
    raise ServiceMissing(f"cannot use {cache}: {failed}", do="set NUANSHAO_CACHE_DIR to a folder of yours") from None
