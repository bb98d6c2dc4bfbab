"""`nuanshao bench soak`: whether memory stays flat and nothing is lost at one rate, for as long as one likes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.bed import Bed
from bench.county import County
from bench.ingest import Books
from bench.machine import machine
from bench.phases import Phases, read_ledger
from bench.usage import resident_mb
from store.connect import connect
from store.named_sql import sql

SAMPLES: Final = 60
"""How often memory is looked at in a run; at least every 10 s."""
AHEAD: Final = 200_000
"""Messages that may wait in the broker: ten seconds' worth."""
WATCHED: Final = ("ingest", "alerts")
FLAT_MB: Final = 16.0
"""What is taken for flat: the last third's middle less than this, or a tenth, above that of the second."""


def bench_soak(
    project: Path, *, minutes: float, rate: float, devices: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """So many messages a second for so many minutes on a bed of its own; the report."""
    seconds = minutes * 60
    with Bed(project, say) as bed:
        with connect(bed.database_url) as connection:
            County(devices, 0).register(connection)
        with bed.fresh_broker(), bed.at_work():
            watch = _Watch(bed, max(1.0, min(10.0, seconds / SAMPLES)), say)
            phases = Phases(bed, devices=devices, warm_up_s=3, seconds=seconds)
            with watch:
                measured = phases.at_rate(rate, seconds, lambda: 0, ahead=AHEAD)
        with connect(bed.database_url, autocommit=True) as connection:
            ledger = read_ledger(connection)
            row = connection.execute(sql("bench_soaked")).fetchone()
            books = Books(
                measured.published, ledger.stored, row[0] if row else 0, ledger.rejected, ledger.duplicate,
                ledger.balanced,
            )  # fmt: skip
        growth = {name: growth_mb(samples) for name, samples in watch.samples.items()}
        wrong = books.shortcomings()
        wrong += [
            f"{name} grows: {grown:.0f} MB from the second third of the run to the last"
            for name, grown in growth.items()
            if grown > max(FLAT_MB, median(watch.samples[name]) / 10)
        ]
        return {
            "minutes": minutes,
            "rate_asked": rate,
            "rate_kept": round(measured.per_s),
            "published": books.published,
            "stored": books.stored,
            "lost": books.lost,
            "redelivered": books.redelivered,
            "memory_mb": {name: [round(mb, 1) for mb in samples] for name, samples in watch.samples.items()},
            "memory_mb_most": {name: round(max(samples), 1) for name, samples in watch.samples.items()},
            "memory_growth_mb": {name: round(grown, 1) for name, grown in growth.items()},
            "shortcomings": wrong,
            "machine": machine(bed.versions),
        }


def growth_mb(samples: list[float]) -> float:
    """How much the middle of the last third lies above that of the second; the first third is warming up. Pure."""
    third = len(samples) // 3
    if third == 0:
        return 0.0
    return median(samples[-third:]) - median(samples[third : 2 * third])


class _Watch:
    """Looks at our processes' memory every `every_s`, in a thread of its own, from enter to exit."""

    def __init__(self, bed: Bed, every_s: float, say: Callable[[str], None]) -> None:
        self.samples: dict[str, list[float]] = {name: [] for name in WATCHED}
        self._bed = bed
        self._every_s = every_s
        self._say = say
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(5)

    def _look(self) -> None:
        while not self._over.wait(self._every_s):
            for name, pid in self._bed.pids().items():
                if name in self.samples:
                    self.samples[name].append(resident_mb(pid))
            newest = ", ".join(f"{name} {samples[-1]:.0f} MB" for name, samples in self.samples.items() if samples)
            self._say(f"memory: {newest}")
