"""Password file of the broker."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from foundation.errors import SettingsError
from registry.passwords import mosquitto_hash
from runtime.passwords import password_file, read_password_file, replace_devices, write_atomically

OURS, OLD, NEW = (mosquitto_hash(password) for password in ("ours", "old", "new"))
BY_2_1 = (
    "$7$1000$UvcahfQnpZTcNj4QaXJRakI3+QYQcee7NE5re8h/7avBtJqPRXs0hNqJjAlxv7ZLFuVB7IktV0dEH5ielF0sbQ==$"
    "CW4TFEq52QvWpkC3ib9M4HMUuQnk/1LDde7GRFBLr/Vo4j4A5Mlg9hH13TtBa1gMqlLEDu90PwB1drzDA3g0og=="
)


@pytest.mark.parametrize("name", ["", "a:b", "a/b", "a+", "#", "a\nroot"])
def test_names_that_would_break_file_or_acl_are_refused(name: str) -> None:
    with pytest.raises(SettingsError):
        password_file([(name, OURS)])


def test_replacing_devices_keeps_our_own_account(tmp_path: Path) -> None:
    path = tmp_path / "passwords"
    write_atomically(path, password_file([("nuanshao", OURS), ("old", OLD)]))
    replace_devices(path, [("new", NEW)])
    assert read_password_file(path) == [("nuanshao", OURS), ("new", NEW)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["passwords"]


def test_a_device_cannot_take_our_name(tmp_path: Path) -> None:
    path = tmp_path / "passwords"
    write_atomically(path, password_file([("nuanshao", OURS)]))
    with pytest.raises(SettingsError, match="nuanshao"):
        replace_devices(path, [("nuanshao", NEW)])
    assert read_password_file(path) == [("nuanshao", OURS)]


@pytest.mark.parametrize("hashed", [OURS, BY_2_1, "$argon2id$v=19$m=12288,t=3,p=1$c2FsdA$aGFzaA"])
def test_what_mosquitto_passwd_writes_is_taken(hashed: str) -> None:
    assert password_file([("nuanshao", hashed)]) == f"nuanshao:{hashed}\n"


@pytest.mark.parametrize(
    "hashed", ["", "abc", "plain text", "$7$", "$7$101$**$**", "$7$101$AAAA$AAAA", OURS[:-1], f"{OURS}\n", f"{OURS}:x"]
)
def test_a_hash_that_would_end_the_broker_is_not_written(tmp_path: Path, hashed: str) -> None:
    path = tmp_path / "passwords"
    write_atomically(path, password_file([("nuanshao", OURS)]))
    with pytest.raises(SettingsError, match="co-001"):
        replace_devices(path, [("co-000", OLD), ("co-001", hashed)])
    assert read_password_file(path) == [("nuanshao", OURS)]
