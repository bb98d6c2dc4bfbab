"""`nuanshao bench backtest`: stored readings of a simulated county through two packs, as `rules backtest` does it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from alerts.backtest import run
from bench.bed import Bed
from bench.machine import machine
from bench.query import Options as Filling
from bench.query import fill
from bench.usage import memory_kb
from catalogue.rules import RulePack, default_pack
from foundation.clock import utc_now
from store.connect import connect


@dataclass(frozen=True, slots=True)
class Options:
    """How much is stored, and how often it is played (the best counts: the first one finds cold caches)."""

    homes: int = 500
    days: float = 1.0
    interval_s: int = 60
    times: int = 3


def bench_backtest(project: Path, options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """A whole run on a bed of its own; the report."""
    with Bed(project, say) as bed:
        end = utc_now()
        fill(bed, Filling(options.homes, options.days, options.interval_s), end)
        with connect(bed.database_url, autocommit=True) as owner:
            owner.execute("vacuum analyze")
        begin = end - timedelta(days=options.days + 1)
        played = []
        for _ in range(options.times):
            began = time.monotonic()
            played.append(_play(bed.database_url, begin, end))
            say(f"{played[-1].readings:,} readings in {time.monotonic() - began:.1f} s")
        best = max(played, key=lambda one: one.readings_per_s)
        return {
            "readings_per_s": best.readings_per_s,
            "cpu_us_per_reading": round(best.cpu_us_per_reading, 3),
            "readings_per_s_of_one_core": round(1e6 / best.cpu_us_per_reading),
            "readings": best.readings,
            "judged_singly": best.judged,
            "alarms": best.present.total().alarms,
            "packs": 2,
            "rules": len(best.options.present.rules),
            "memory_mb_most": round(memory_kb(Path("/proc/self/status").read_text(encoding="utf-8"))[0] / 1024),
            "devices": len(best.county.devices),
            "homes": options.homes,
            "days": options.days,
            "interval_s": options.interval_s,
            "times": options.times,
            "machine": machine(bed.versions),
        }


def _play(database_url: str, begin: datetime, end: datetime) -> run.Backtest:
    present: RulePack = default_pack()
    new = present.model_copy(update={"version": present.version + 1})
    return run.backtest(database_url, run.Options(present, new, begin, end), lambda *_: None)
