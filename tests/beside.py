"""What plays beside the other tests because it takes minutes of doing little: the demo, and then the chaos."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

PROJECT = Path(__file__).parents[1]
LONGEST_S = 280


def nuanshao(*arguments: str) -> list[str]:
    """The command, as a newcomer's shell would start it."""
    return [sys.executable, "-m", "cli", *arguments]


def environment(**more: str) -> dict[str, str]:
    """Ours, without settings that a developer's shell may hold."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NUANSHAO_")}
    cache = os.environ.get("NUANSHAO_CACHE_DIR")
    return kept | ({"NUANSHAO_CACHE_DIR": cache} if cache else {}) | {"PYTHONPATH": str(PROJECT)} | more


class Beside:
    """A command in a folder of its own, from the first test until somebody asks how it ended.

    `after`: it begins when that one has ended, because both cores are busy enough.
    """

    def __init__(self, *arguments: str, after: Beside | None = None) -> None:
        # below /tmp: the services' own account must be able to reach it, and pytest's tmp_path is closed to it
        self.folder = Path(tempfile.mkdtemp(prefix=f"nuanshao-{arguments[0]}-"))
        self.folder.chmod(0o755)
        self._arguments = arguments
        self._after = after
        self._removed = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._said = ("", "")
        self._thread = threading.Thread(target=self._play, name=f"beside-{arguments[0]}", daemon=True)
        self._thread.start()

    def end(self) -> subprocess.CompletedProcess[str]:
        """Waits for the end; returns the exit code, what was printed and what was said."""
        self._thread.join(LONGEST_S)
        assert not self._thread.is_alive(), f"{self._arguments} does not end"
        assert self._process is not None
        return subprocess.CompletedProcess(self._process.args, self._process.returncode, *self._said)

    def remove(self) -> None:
        """Stops it, if it still plays, and removes its folder."""
        self._removed.set()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._thread.join(60)
        shutil.rmtree(self.folder)

    def _play(self) -> None:
        while self._after is not None and self._after._thread.is_alive():
            if self._removed.wait(0.2):
                return
        self._process = subprocess.Popen(
            nuanshao(*self._arguments),
            cwd=self.folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._said = self._process.communicate()
