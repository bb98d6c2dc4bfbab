"""apt-get on private folders: resolves, downloads and verifies packages without root and without touching the host.

The host's settings that say how to reach a mirror (proxies, certificates, time-outs) are kept; its hooks, pins and
package lists are not.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from foundation.errors import ServiceFailed, ServiceMissing
from runtime.apt_sources import debian_mirror, read_sources
from runtime.spawn import Launch, run

ETC_APT = Path("/etc/apt")
KEYRINGS = Path("/usr/share/keyrings")
KEYRING_NAMES = ("debian-archive-keyring.pgp", "debian-archive-keyring.gpg")
OTHERWISE = "set NUANSHAO_DATABASE_URL and NUANSHAO_MQTT_URL, or use docker compose"
BATCH = 12
_CAUSES = ("Could not", "Temporary failure", "Unable to connect", "timed out", "GPG error", "404", "Failed to", "E: ")
_DOWNLOAD = re.compile(r"'(?P<uri>[^']+)' (?P<file>\S+) (?P<size>\d+)")


@dataclass(frozen=True, slots=True)
class Package:
    """One package to download, its size in bytes."""

    name: str
    version: str
    size: int


class Apt:
    """apt-get for one Debian suite ("trixie"), with its state in `folder`."""

    def __init__(self, folder: Path, suite: str, architectures: Sequence[str]) -> None:
        self._apt_get = _tool("apt-get")
        _tool("dpkg-deb")
        self.architecture = run(Launch([_tool("dpkg"), "--print-architecture"], Path("/"))).strip()
        if self.architecture not in architectures:
            raise ServiceMissing(
                f"no ready-made services for {self.architecture} (only {', '.join(architectures)})", do=OTHERWISE
            )
        self.folder = folder
        self._write_configuration(suite)

    def update(self) -> None:
        """Fetch and verify the package lists."""
        self._run("update")

    def closure(self, names: Iterable[str]) -> list[Package]:
        """`names` and everything that they depend on, as apt would install them on an empty machine."""
        printed = self._run("-qq", "-y", "--print-uris", "install", *names)
        return [parse_download(found["file"], int(found["size"])) for found in _DOWNLOAD.finditer(printed)]

    def download(self, packages: Sequence[Package]) -> Iterator[Path]:
        """Download the packages, batch by batch; yields each file, which the caller may delete."""
        for start in range(0, len(packages), BATCH):
            batch = packages[start : start + BATCH]
            self._run("download", *(f"{package.name}={package.version}" for package in batch))
            yield from sorted(self.folder.glob("*.deb"))

    def _run(self, *arguments: str) -> str:
        launch = Launch(
            [self._apt_get, *arguments],
            self.folder,
            environment={
                "APT_CONFIG": str(self.folder / "apt.conf"),
                "LC_ALL": "C",
                "DEBIAN_FRONTEND": "noninteractive",
            },
        )
        try:
            return run(launch, timeout=1800, told=condense)
        except ServiceFailed as failed:
            raise ServiceMissing(failed.what, do=f"see that apt-get update works here, or {OTHERWISE}") from None

    def _write_configuration(self, suite: str) -> None:
        mirror = debian_mirror(read_sources(ETC_APT))
        if mirror is None:
            raise ServiceMissing("this host's apt configuration names no Debian mirror", do=OTHERWISE)
        names = (*KEYRING_NAMES, f"debian-archive-{suite}-automatic.gpg")
        keyring = next((KEYRINGS / name for name in names if (KEYRINGS / name).is_file()), None)
        if keyring is None:
            raise ServiceMissing(
                f"no Debian archive keyring in {KEYRINGS}", do="apt-get install debian-archive-keyring"
            )
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (self.folder / folder).mkdir(parents=True)
        (self.folder / "status").touch()
        (self.folder / "sources.list").write_text(
            f"deb [signed-by={keyring}] {mirror} {suite} main\n", encoding="utf-8"
        )
        reach = run(Launch([_tool("apt-config"), "dump"], Path("/")))
        (self.folder / "apt.conf").write_text(private_configuration(self.folder, reach), encoding="utf-8")


def private_configuration(folder: Path, dump: str) -> str:
    """An apt.conf that keeps everything in `folder`, with the host's Acquire settings from `apt-config dump`."""
    nothing = "/dev/null"
    rows = {
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": nothing,
        "Dir::Etc::main": nothing,
        # read after this file: here stand the host's hooks
        "Dir::Etc::parts": nothing,
        "Dir::Etc::preferences": nothing,
        "Dir::Etc::preferencesparts": nothing,
        "Dir::Etc::trusted": nothing,
        "Dir::Etc::trustedparts": nothing,
        "APT::Install-Recommends": "false",
        # the private folders belong to us, not to apt's own account
        "APT::Sandbox::User": "root",
        "APT::Update::Error-Mode": "any",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "Acquire::http::Timeout": "30",
    }
    refused = ("Acquire::IndexTargets", "Acquire::Languages", "Acquire::Allow", "Acquire::Changelogs")
    kept = [line for line in dump.splitlines() if line.startswith("Acquire::") and not line.startswith(refused)]
    return "\n".join([*kept, *(f'{key} "{value}";' for key, value in rows.items())]) + "\n"


def parse_download(file: str, size: int) -> Package:
    """A package from apt's file name `name_version_architecture.deb`, where a colon is written %3a."""
    name, version, _ = unquote(file).rsplit("_", 2)
    return Package(name, version, size)


def condense(printed: str) -> str:
    """Apt's own words about a failure, in one line of at most 200 characters: the cause rather than the last word."""
    if "No space left" in printed:
        return "no space left on the device"
    lines = [re.sub(r"\s+", " ", line).strip() for line in printed.splitlines()]
    telling = [line for cause in _CAUSES for line in lines if cause in line] or [line for line in lines if line]
    return telling[0].removeprefix("E: ").removeprefix("W: ")[:200] if telling else ""


def _tool(name: str) -> Path:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/bin:/bin")
    if found is None:
        raise ServiceMissing(f"{name} is not on this host, so ready-made services cannot be fetched", do=OTHERWISE)
    return Path(found)
