"""Hashes as Mosquitto makes them, and the file that an import keeps passwords in."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

from foundation.errors import SettingsError
from registry.passwords import PasswordFile, mosquitto_hash, new_password
from registry.sheets import quoted

# made by mosquitto_passwd 2.0.21 for the password "winter-2026"
KNOWN = (
    "$7$101$pq88ELJPNDzvoZq/$22A7VUGYwYUZ9t21Zv6TAeUDwX/6OjbAwtdX8HnMb8Zc5nG3UOAgm+ObSruCoig3Y2F5HL+lSA3a1/3Le+CXvA=="
)


def test_the_hash_is_what_mosquitto_passwd_makes() -> None:
    salt = base64.b64decode(KNOWN.split("$")[3])
    assert mosquitto_hash("winter-2026", salt) == KNOWN


def test_two_hashes_of_one_password_differ() -> None:
    assert mosquitto_hash("a") != mosquitto_hash("a")


def test_a_password_is_no_formula() -> None:
    passwords = {new_password() for _ in range(500)}
    assert len(passwords) == 500
    assert all(quoted(password) == password for password in passwords)


def test_the_file_grows_and_gives_the_same_password_again(tmp_path: Path) -> None:
    path = tmp_path / "passwords.csv"
    first = PasswordFile(path).passwords_for(["kz01-co", "kz02-co"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = PasswordFile(path)
    assert again.passwords_for(["kz02-co", "kz03-co"])["kz02-co"] == first["kz02-co"]
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "uid,password"
    assert [line.split(",")[0] for line in lines[1:]] == ["kz01-co", "kz02-co", "kz03-co"]


def test_a_row_that_was_being_written_when_the_plug_was_pulled_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "passwords.csv"
    kept = PasswordFile(path).passwords_for(["kz01-co"])
    with path.open("a", encoding="utf-8") as file:
        file.write("kz02-co,half-a-pass")
    password = PasswordFile(path).passwords_for(["kz02-co"])["kz02-co"]
    assert "half-a-pass" not in path.read_text(encoding="utf-8")
    assert path.read_text(encoding="utf-8") == f"uid,password\nkz01-co,{kept['kz01-co']}\nkz02-co,{password}\n"


def test_another_file_is_not_written_into(tmp_path: Path) -> None:
    path = tmp_path / "homes.csv"
    path.write_text("code,village\n1,2\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="is no file of passwords"):
        PasswordFile(path)
    assert path.read_text(encoding="utf-8") == "code,village\n1,2\n"
