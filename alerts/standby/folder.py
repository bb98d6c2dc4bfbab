"""The standby's folder: closed to everybody else, because people's homes are in it, and used by one process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from foundation.errors import SettingsError

_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600


class Folder:
    """An open folder. `lock` says whether it is ours; it stays ours until the process ends or `release`."""

    def __init__(self, path: Path) -> None:
        """Makes the folder. Raises SettingsError when it cannot be made or is open to others."""
        self.path = path.absolute()
        self._lock: int | None = None
        try:
            path.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            open_to_others = path.stat().st_mode & 0o077
        except OSError as failed:
            raise SettingsError(
                f"NUANSHAO_STANDBY_DIR={path}: {failed.strerror}", do="name a folder of this account's own"
            ) from None
        if open_to_others:
            raise SettingsError(f"NUANSHAO_STANDBY_DIR={path} is open to others", do=f"chmod 700 {path}")

    @property
    def registry(self) -> Path:
        """Devices, places and who is told."""
        return self.path / "registry.sqlite"

    @property
    def alarms(self) -> Path:
        """The open alarms."""
        return self.path / "alarms.json"

    @property
    def journal(self) -> Path:
        """What was seen and told."""
        return self.path / "journal.sqlite"

    def lock(self) -> bool:
        """Whether the folder is ours now: two processes that tell from one journal would tell twice."""
        if self._lock is None:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(descriptor)
                return False
            self._lock = descriptor
        return True

    def release(self) -> None:
        """Lets it go."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def new_file(path: Path) -> Path:
    """An empty file that only we can read; what stood there is gone."""
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE))
    return path


def put_in_place(fresh: Path, path: Path) -> None:
    """Whoever opens `path` finds either what stood there before or all of `fresh`, also after a power cut."""
    descriptor = os.open(fresh, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
