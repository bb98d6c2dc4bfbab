"""Password file of the broker."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from foundation.errors import SettingsError
from runtime.passwords import password_file, read_password_file, replace_devices, write_atomically


@pytest.mark.parametrize("name", ["", "a:b", "a/b", "a+", "#", "a\nroot"])
def test_names_that_would_break_file_or_acl_are_refused(name: str) -> None:
    with pytest.raises(SettingsError):
        password_file([(name, "$7$")])


def test_replacing_devices_keeps_our_own_account(tmp_path: Path) -> None:
    path = tmp_path / "passwords"
    write_atomically(path, password_file([("nuanshao", "$7$ours"), ("old", "$7$old")]))
    replace_devices(path, [("new", "$7$new")])
    assert read_password_file(path) == [("nuanshao", "$7$ours"), ("new", "$7$new")]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["passwords"]


def test_a_device_cannot_take_our_name(tmp_path: Path) -> None:
    path = tmp_path / "passwords"
    write_atomically(path, password_file([("nuanshao", "$7$ours")]))
    with pytest.raises(SettingsError, match="nuanshao"):
        replace_devices(path, [("nuanshao", "$7$evil")])
    assert read_password_file(path) == [("nuanshao", "$7$ours")]
