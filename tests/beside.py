"""What plays beside the other tests because it takes minutes of doing little: the demo."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
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


class DemoUnderWay:
    """`nuanshao demo` in a folder of its own, from the first test until somebody asks how it ended."""

    def __init__(self) -> None:
        # below /tmp: the services' own account must be able to reach it, and pytest's tmp_path is closed to it
        self.folder = Path(tempfile.mkdtemp(prefix="nuanshao-demo-"))
        self.folder.chmod(0o755)
        self._process = subprocess.Popen(
            nuanshao("demo", "--minutes", "2", "--homes", "90", "--report", "r.json"),
            cwd=self.folder,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self) -> subprocess.CompletedProcess[str]:
        """Waits for the end; returns the exit code and what was said."""
        _, said = self._process.communicate(timeout=LONGEST_S)
        return subprocess.CompletedProcess(self._process.args, self._process.returncode, "", said)

    def remove(self) -> None:
        """Stops it, if it still plays, and removes its folder."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.communicate(timeout=60)
        shutil.rmtree(self.folder)
