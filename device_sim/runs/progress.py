"""How a long run shows where it is: a bar on a terminal, a line every so often elsewhere, nothing beside JSON."""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

_LINE_EVERY_S: Final = 30.0
_MOST_FAULTS: Final = 4

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of a run. `done_s` of `total_s` (None: until it is stopped) in the run's own time.

    `rate`: readings a second of real time. `faults`: names of the faults that act now, each as often as it does.
    """

    done_s: float
    total_s: float | None
    rate: float
    published: int
    outstanding: int
    connected: int = 0
    clients: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def fault_names(self) -> str:
        """The acting faults for people: `co_leak, link_down ×12 +2 more`."""
        named = [name if many == 1 else f"{name} ×{many}" for name, many in self.faults.most_common(_MOST_FAULTS)]
        rest = len(self.faults) - len(named)
        return ", ".join(named) + (f" +{rest} more" if rest else "")


class Progressing(Protocol):
    """Shows snapshots between enter and exit."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *why: object) -> None: ...

    def show(self, now: Snapshot) -> None:
        """Called about once a second."""


class Quiet:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *why: object) -> None:
        """Nothing to undo."""

    def show(self, now: Snapshot) -> None:
        """Nothing."""


class Lines(Quiet):
    """Logs a line every half minute."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def show(self, now: Snapshot) -> None:
        """Log, when it is time."""
        if time.monotonic() - self._said < _LINE_EVERY_S:
            return
        self._said = time.monotonic()
        _log.info(
            "playing",
            simulated=clock_text(now.done_s),
            of=None if now.total_s is None else clock_text(now.total_s),
            readings_per_s=round(now.rate),
            published=now.published,
            outstanding=now.outstanding,
            connected=now.connected,
            faults=now.fault_names,
        )


class Bar:
    """A bar on the terminal."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.fields[simulated]}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[counts]}"),
            TextColumn("[bold red]{task.fields[faults]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("", total=None, simulated="00:00:00", counts="", faults="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *why: object) -> None:
        """Take the bar away."""
        self._progress.stop()

    def show(self, now: Snapshot) -> None:
        """Move the bar."""
        total = "" if now.total_s is None else f" of {clock_text(now.total_s)}"
        counts = f"{now.rate:,.0f}/s · {now.published:,} published, {now.outstanding:,} under way"
        if now.clients:
            counts += f" · {now.connected:,}/{now.clients:,} connected"
        self._progress.update(
            self._task,
            total=now.total_s,
            completed=now.done_s,
            simulated=clock_text(now.done_s) + total,
            counts=counts,
            faults=now.fault_names,
        )


def progress(*, as_json: bool) -> Progressing:
    """What fits where the output goes."""
    if as_json:
        return Quiet()
    return Bar(Console(stderr=True)) if sys.stderr.isatty() else Lines()


def clock_text(seconds: float) -> str:
    """Seconds as 26:03:09."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}"


class Rate:
    """Readings a second since the last look."""

    def __init__(self) -> None:
        self._at, self._count = time.monotonic(), 0

    def at(self, count: int) -> float:
        """Take note of a count that only grows."""
        now = time.monotonic()
        rate = (count - self._count) / max(now - self._at, 1e-3)
        self._at, self._count = now, count
        return rate
