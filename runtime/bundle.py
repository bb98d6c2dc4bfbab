"""TimescaleDB and Mosquitto without root and without Docker: Debian 13's packages, unpacked into one folder.

apt-get runs on private folders with the host's own Debian mirror and checks the signatures; dpkg-deb unpacks;
patchelf points the programs at the C library that came along, so the host's is neither used nor changed. A bundle
appears under its final name only when it is complete.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from foundation.errors import ServiceMissing, SettingsError
from runtime.account import can_reach, service_account
from runtime.apt import Apt, Package
from runtime.places import SYSTEM_CACHE, cache_dir
from runtime.spawn import Launch, run

Say = Callable[[str], None]

FORMAT = 1
POSTGRES = "17"
WANTED = (f"postgresql-{POSTGRES}-timescaledb", f"postgresql-client-{POSTGRES}", "mosquitto", "mosquitto-clients")
NEEDED = (*WANTED, f"postgresql-{POSTGRES}")
UNNEEDED_LIBRARIES = ("libllvm", "libz3-", "libperl", "libsemanage", "libsepol", "libpam-", "libdebconf", "libc-")
"""LLVM and Z3 (jit is off), perl and login are half of the download and only serve Debian's maintainer scripts."""
UNNEEDED_FOLDERS = (
    "usr/share/doc", "usr/share/man", "usr/share/locale", f"usr/share/postgresql/{POSTGRES}/man",
    f"usr/lib/postgresql/{POSTGRES}/lib/bitcode", "etc", "var",
)  # fmt: skip
FREE_BYTES = 600_000_000
TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
STAMP = "bundle.json"
OTHERWISE = "set NUANSHAO_DATABASE_URL and NUANSHAO_MQTT_URL, or use docker compose"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A complete bundle: its folder and the versions in it."""

    root: Path
    versions: dict[str, str]

    @property
    def postgres_bin(self) -> Path:
        """The folder with postgres, initdb, psql, pg_dump …."""
        return self.root / "usr" / "lib" / "postgresql" / POSTGRES / "bin"

    def program(self, name: str) -> Path:
        """The program `name` of the Mosquitto packages."""
        return self.root / "usr" / ("sbin" if name == "mosquitto" else "bin") / name


def ensure_bundle(say: Say) -> Bundle:
    """The services bundle, fetched when this user has none yet (about 65 MB to fetch, 30 s).

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
    return Bundle(cache / name, versions)


def _fill(folder: Path, final: Path, say: Say) -> dict[str, str]:
    apt = Apt(folder / "apt", architectures=tuple(TRIPLETS))
    apt.update()
    packages = [package for package in apt.closure(WANTED) if _is_needed(package)]
    size = sum(package.size for package in packages) / 1e6
    say(f"fetching TimescaleDB and Mosquitto: {len(packages)} Debian packages, {size:.0f} MB, once per user")
    for number, file in enumerate(apt.download(packages), start=1):
        run(Launch(["/usr/bin/dpkg-deb", "-x", file, folder], folder))
        file.unlink()
        if number in {len(packages) // 3, 2 * len(packages) // 3}:
            say(f"unpacked {number} of {len(packages)} packages")
    shutil.rmtree(folder / "apt")
    for unneeded in UNNEEDED_FOLDERS:
        shutil.rmtree(folder / unneeded, ignore_errors=True)
    _patch(folder, final, TRIPLETS[apt.architecture])
    return {package.name: package.version for package in packages}


def _is_needed(package: Package) -> bool:
    if package.name in NEEDED:
        return True
    library = package.name.startswith("lib") or package.name in {"zlib1g", "gcc-14-base"}
    return library and not package.name.startswith(UNNEEDED_LIBRARIES) and not package.name.endswith("-perl")


def _patch(folder: Path, final: Path, triplet: str) -> None:
    loader = next(iter(sorted((folder / "usr" / "lib" / triplet).glob("ld-linux*.so.*"))), None)
    if loader is None:
        raise ServiceMissing("the fetched C library has no loader", do=OTHERWISE)
    interpreter = final / loader.relative_to(folder)
    rpath = f"{final}/usr/lib/{triplet}"
    patchelf = _patchelf()
    made = Bundle(folder, {})
    programs = [
        *(made.postgres_bin / name for name in ("postgres", "initdb", "psql", "pg_dump", "pg_restore")),
        *(made.program(name) for name in ("mosquitto", "mosquitto_pub", "mosquitto_sub", "mosquitto_passwd")),
    ]
    for program in programs:
        run(
            Launch([patchelf, "--set-interpreter", interpreter, "--force-rpath", "--set-rpath", rpath, program], folder)
        )
        # the bundle has not its final name yet, so the loader is told where the libraries are
        listed = run(Launch([loader, "--library-path", loader.parent, "--list", program], folder))
        missing = [line.split()[0] for line in listed.splitlines() if "not found" in line]
        if missing:
            raise ServiceMissing(f"{program.name} needs {', '.join(missing)}, which was not fetched", do=OTHERWISE)


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
    return Bundle(root, dict(stamp["packages"])) if stamp.get("root") == str(root) else None


def _key() -> str:
    content = repr((FORMAT, WANTED, UNNEEDED_LIBRARIES, os.uname().machine))
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
