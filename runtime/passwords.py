"""Mosquitto's password file, which is never half-written. The hashes in it are registry/passwords.py's."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from foundation.errors import SettingsError

OUR_ACCOUNT = "nuanshao"
"""The broker account of ingest and api; no device may have this name."""
_HASH = re.compile(
    r"\$(6|7\$[1-9]\d*)\$([A-Za-z0-9+/]{4})+([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\$[A-Za-z0-9+/]{86}=="
    r"|\$argon2id\$[!-9;-~]+"
)
"""What mosquitto_passwd writes. Mosquitto 2.1 ends when it reads a line with anything else; 2.0 left that line out."""


def password_file(rows: Iterable[tuple[str, str]]) -> str:
    """The text of a password file from (user name, hash) rows.

    Raises SettingsError for a name that is empty, appears twice or would break the file or the ACL patterns, and for a
    hash that the broker could not read.
    """
    seen: set[str] = set()
    lines: list[str] = []
    for name, hashed in rows:
        if not name or name in seen or set(name) & set(":+#/\r\n\0"):
            raise SettingsError(f"broker user {name!r} is empty, twice in the list or not allowed", do="rename it")
        if not _HASH.fullmatch(hashed):
            raise SettingsError(f"broker user {name!r}: the hash is none of Mosquitto's", do="give it a new password")
        seen.add(name)
        lines.append(f"{name}:{hashed}\n")
    return "".join(lines)


def replace_devices(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    """Write the devices' (name, hash) rows into the broker's file and keep our own account's line.

    Raises SettingsError for a device that is called like our account.
    """
    ours = [row for row in read_password_file(path) if row[0] == OUR_ACCOUNT]
    write_atomically(path, password_file([*ours, *rows]))


def read_password_file(path: Path) -> list[tuple[str, str]]:
    """The (name, hash) rows of a password file; none where there is no file yet."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [(name, hashed) for name, colon, hashed in (line.partition(":") for line in lines) if colon]


def write_atomically(path: Path, text: str, *, owner: tuple[int, int] | None = None) -> None:
    """Replace `path` by `text` in one step, 0600, for the (uid, gid) `owner`; default: whose it was before."""
    if owner is None and path.exists() and os.geteuid() == 0:
        before = path.stat()
        owner = (before.st_uid, before.st_gid)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
