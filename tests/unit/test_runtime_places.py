"""Where files go, and who may walk there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from foundation.errors import ServiceFailed, ServiceMissing, SettingsError
from runtime.account import Account, can_reach, may_enter
from runtime.lock import FolderLock
from runtime.places import SYSTEM_STATE, cache_dir, choose_state_dir
from runtime.ports import claim, free_port, is_free

STRANGER = Account("stranger", 54_321, 54_321, frozenset({54_321}))


def test_data_stay_in_the_project_where_the_account_can_walk(tmp_path: Path) -> None:
    assert choose_state_dir(tmp_path, "up", None) == tmp_path / ".nuanshao" / "up"


def test_below_a_closed_folder_data_go_to_the_systems_own(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    project = closed / "project"
    project.mkdir(parents=True)
    closed.chmod(0o700)
    other = closed / "other"
    other.mkdir()
    chosen = choose_state_dir(project, "up", STRANGER)
    assert chosen.parent == SYSTEM_STATE
    assert chosen.name.startswith("up-")
    assert chosen == choose_state_dir(project, "up", STRANGER)
    assert chosen != choose_state_dir(other, "up", STRANGER)


@pytest.mark.parametrize(
    ("mode", "uid", "groups", "allowed"),
    [
        (0o700, 0, {0}, True),
        (0o711, 54_321, {54_321}, True),
        (0o710, 54_321, {54_321}, False),
        (0o710, 54_321, {54_321, os.getgid()}, True),
        (0o701, 54_321, {os.getgid()}, False),
        (0o600, os.getuid() or 54_321, {54_321}, False),
    ],
)
def test_walking_through_a_folder(tmp_path: Path, mode: int, uid: int, groups: set[int], *, allowed: bool) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    os.chown(folder, -1, os.getgid())
    folder.chmod(mode)
    assert may_enter(folder, uid, groups) is allowed


def test_ourselves_we_always_reach() -> None:
    assert can_reach(Path("/nowhere/at/all"), None)


def test_the_cache_can_be_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUANSHAO_CACHE_DIR", "/srv/cache")
    assert cache_dir() == Path("/srv/cache")
    monkeypatch.setenv("NUANSHAO_CACHE_DIR", "relative")
    with pytest.raises(SettingsError, match="not absolute"):
        cache_dir()


def test_an_ordinary_users_cache_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUANSHAO_CACHE_DIR", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache_dir() == Path("/elsewhere/nuanshao")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/home/batu")
    assert cache_dir() == Path("/home/batu/.cache/nuanshao")


def test_an_asked_port_that_is_taken_gives_one_line() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServiceMissing, match=f"Mosquitto: port {port} on 127.0.0.1 is taken") as refused:
            claim(port, "Mosquitto")
    assert "\n" not in str(refused.value)


def test_free_ports_are_free() -> None:
    port = free_port()
    assert is_free(port)
    assert claim(port, "anything") == port


def test_the_second_in_one_folder_gets_one_line(tmp_path: Path) -> None:
    with (
        FolderLock(tmp_path),
        pytest.raises(ServiceFailed, match=f"already running .*process {os.getpid()}"),
        FolderLock(tmp_path),
    ):
        pass
    with FolderLock(tmp_path):
        pass
