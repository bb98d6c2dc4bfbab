"""Devices' passwords: made here, hashed as Mosquitto does, and kept in one file of whoever imports."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from foundation.errors import SettingsError

ITERATIONS: Final = 101
"""Mosquitto 2.0's own count for PBKDF2-HMAC-SHA512 (2.1 takes 1000, and reads any): device passwords are random and
long, and the broker checks all of them again whenever the file is read."""
SALT_BYTES: Final = 12
_HEADER: Final = ("uid", "password")


def new_password() -> str:
    """144 random bits in 24 letters, digits, - and _, never with a sign in front that a spreadsheet would run."""
    while True:
        password = secrets.token_urlsafe(18)
        if password[0] != "-":
            return password


def mosquitto_hash(password: str, salt: bytes | None = None) -> str:
    """`$7$101$<salt>$<hash>` as mosquitto_passwd 2.0 writes it; `salt` is random unless given."""
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return f"$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


class PasswordFile:
    """A CSV of uid and password, 0600, that only ever grows; what it was given is on the disk before it returns.

    A password is written here before the registry demands it. Where an import was killed between the two, the next
    one finds it here and uses it: one row a device, whatever happened. Raises SettingsError for a file that is
    something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known = self._read()

    def passwords_for(self, uids: Iterable[str]) -> dict[str, str]:
        """The devices' passwords: those of the file, and new ones for the others, which are appended to it."""
        wanted = list(uids)
        new = {uid: new_password() for uid in wanted if uid not in self._known}
        if new:
            self._append(new)
            self._known |= new
        return {uid: self._known[uid] for uid in wanted}

    def _read(self) -> dict[str, str]:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as failed:
            raise SettingsError(f"{self.path}: {failed.strerror}", do="name a file that can be written") from None
        # a row without its end was being written when somebody pulled the plug: nothing demands that password
        whole = content[: content.rfind(b"\n") + 1]
        rows = list(csv.reader(whole.decode("utf-8", "replace").splitlines()))
        if rows[:1] not in ([], [[*_HEADER]]) or any(len(row) != len(_HEADER) for row in rows):
            raise SettingsError(f"{self.path} is no file of passwords (uid,password)", do="name another file")
        if len(whole) != len(content):
            os.truncate(self.path, len(whole))
        return {row[0]: row[1] for row in rows[1:]}

    def _append(self, rows: dict[str, str]) -> None:
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as failed:
            raise SettingsError(f"{self.path}: {failed.strerror}", do="name a file that can be written") from None
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            os.fchmod(descriptor, 0o600)
            writer = csv.writer(file, lineterminator="\n")
            is_new = not os.fstat(descriptor).st_size
            if is_new:
                writer.writerow(_HEADER)
            writer.writerows(rows.items())
            file.flush()
            os.fsync(descriptor)
        if is_new:
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)  # the file's name must survive too
            finally:
                os.close(folder)
