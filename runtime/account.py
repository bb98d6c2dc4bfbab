"""The unprivileged account that services run as when we are root: PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from foundation.errors import ServiceMissing

CANDIDATES = ("nuanshao", "postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """A system account by its name, user id and groups."""

    name: str
    uid: int
    gid: int
    groups: frozenset[int]


def service_account() -> Account | None:
    """The account to drop to, or None where we are not root and run services as ourselves.

    Raises ServiceMissing when root finds none of CANDIDATES.
    """
    if os.geteuid() != 0:
        return None
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            groups = frozenset(os.getgrouplist(name, entry.pw_gid))
            return Account(name, entry.pw_uid, entry.pw_gid, groups)
    raise ServiceMissing(
        f"no unprivileged account to run PostgreSQL as (looked for {', '.join(CANDIDATES)})",
        do="useradd --system nuanshao",
    )


def may_enter(path: Path, uid: int, groups: Collection[int]) -> bool:
    """Whether the account may walk through the folder `path` by its mode bits."""
    found = path.stat()
    if uid in {0, found.st_uid}:
        return uid == 0 or bool(found.st_mode & stat.S_IXUSR)
    return bool(found.st_mode & (stat.S_IXGRP if found.st_gid in groups else stat.S_IXOTH))


def can_reach(path: Path, account: Account | None) -> bool:
    """Whether `account` may walk through every existing folder down to `path` (None: ourselves, always)."""
    if account is None:
        return True
    existing = [folder for folder in (path, *path.parents) if folder.is_dir()]
    return all(may_enter(folder, account.uid, account.groups) for folder in existing)


def give(path: Path, account: Account | None, mode: int) -> None:
    """Hand `path` to the account and set its mode."""
    if account is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
    path.chmod(mode)


def open_folder(path: Path, account: Account | None) -> Path:
    """Make the folder `path`, through which the account may walk; returns it.

    Raises ServiceMissing when it cannot be made.
    """
    try:
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)
            if account is not None:
                # whatever root's umask says
                folder.chmod(0o755)
    except OSError as failed:
        raise ServiceMissing(
            f"cannot make the folder {path}: {failed.strerror}", do="give its parent to this user"
        ) from None
    return path


def own_folder(path: Path, account: Account | None) -> Path:
    """Make the folder `path` (0700) that belongs to the account; returns it.

    Raises ServiceMissing when another user owns it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        give(path, account, 0o700)
    except OSError as failed:
        raise ServiceMissing(
            f"cannot use the folder {path}: {failed.strerror}", do="give it to this user, or remove it"
        ) from None
    return path
