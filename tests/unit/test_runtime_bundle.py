"""Which Mosquitto is fetched, what of a closure is kept, and the links that a package leaves out."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from foundation.errors import ServiceFailed, ServiceMissing
from runtime import bundle
from runtime.apt import Package
from runtime.bundle import BROKER, DATABASE, NEWER_SUITE, STABLE_SUITE, link_sonames, newest

FORKY, TRIXIE = {"mosquitto": "2.1.2-3"}, {"mosquitto": "2.0.21-1"}


class Mirror:
    """A mirror, asked for the broker; `without` fails with the given error."""

    def __init__(self, without: dict[str, Exception]) -> None:
        self.asked: list[str] = []
        self.said: list[str] = []
        self._without = without

    def add(self, suite: str) -> dict[str, str]:
        self.asked.append(suite)
        if suite in self._without:
            raise self._without[suite]
        return {NEWER_SUITE: FORKY, STABLE_SUITE: TRIXIE}[suite]

    def broker(self) -> dict[str, str]:
        return newest(self.add, self.said.append)


def test_the_newer_suites_broker_is_taken() -> None:
    mirror = Mirror({})
    assert mirror.broker() == FORKY
    assert mirror.asked == [NEWER_SUITE]
    assert mirror.said == []


@pytest.mark.parametrize("why", [ServiceMissing("apt-get failed: 404"), ServiceFailed("patchelf failed: 404")])
def test_without_it_the_older_one_is_taken_and_what_that_costs_is_said(why: Exception) -> None:
    mirror = Mirror({NEWER_SUITE: why})
    assert mirror.broker() == TRIXIE
    (line,) = mirror.said
    assert "2.0, which carries half as many" in line
    assert "404" in line
    assert "\n" not in line


def test_without_both_there_is_no_broker() -> None:
    gone = ServiceMissing("gone")
    with pytest.raises(ServiceMissing):
        Mirror({NEWER_SUITE: gone, STABLE_SUITE: gone}).broker()


def test_a_bundle_made_from_other_packages_has_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = bundle._key()
    monkeypatch.setattr(bundle, "NEWER_SUITE", "duke")
    assert bundle._key() != before


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("mosquitto", True), ("libpicohttpparser1", True), ("libdlt3", True), ("libc6", True), ("zlib1g", True),
        ("systemd-sysusers", False), ("libsystemd-shared", False), ("libsystemd0", True), ("perl-base", False),
    ],
)  # fmt: skip
def test_of_what_the_broker_depends_on_only_libraries_are_kept(name: str, *, kept: bool) -> None:
    assert BROKER.needs(Package(name, "1", 1)) is kept


def test_the_server_itself_is_kept_though_only_the_extension_is_asked_for() -> None:
    assert DATABASE.needs(Package("postgresql-17", "17.6", 1))
    assert not DATABASE.needs(Package("postgresql-common", "1", 1))


def test_a_library_without_the_link_that_programs_look_for_gets_it(tmp_path: Path) -> None:
    patchelf = bundle._patchelf()
    some = next(Path(sysconfig.get_path("platlib")).rglob("*.so"))
    for name in ("libbare.so.1.2", "liblinked.so.3.4", "libsame.so.7"):
        shutil.copy(some, tmp_path / name)
    for name, soname in (
        ("libbare.so.1.2", "libbare.so.1"), ("liblinked.so.3.4", "liblinked.so.3"), ("libsame.so.7", "libsame.so.7"),
    ):  # fmt: skip
        subprocess.run([patchelf, "--set-soname", soname, tmp_path / name], check=True)
    (tmp_path / "liblinked.so.3").symlink_to("liblinked.so.3.4")
    link_sonames(tmp_path, patchelf)
    links = {file.name: str(file.readlink()) for file in tmp_path.iterdir() if file.is_symlink()}
    assert links == {"libbare.so.1": "libbare.so.1.2", "liblinked.so.3": "liblinked.so.3.4"}
