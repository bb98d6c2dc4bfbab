"""One running system per data folder: the second gets one clear line."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from foundation.errors import ServiceFailed, ServiceMissing


class FolderLock:
    """A lock on the folder `path`, held between enter and exit; the kernel frees it when we are killed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: int | None = None

    def __enter__(self) -> Self:
        """Take the lock, or raise ServiceFailed that names the process that has it."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as failed:
            raise ServiceMissing(
                f"cannot use the folder {self.path}: {failed.strerror}", do="give it to this user, or remove it"
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise ServiceFailed(
                f"nuanshao is already running on {self.path} (process {holder})", do="stop that one first"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
        self._held = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free the lock; the file stays, because removing it would race with the next holder."""
        if self._held is not None:
            os.ftruncate(self._held, 0)
            os.close(self._held)
            self._held = None
