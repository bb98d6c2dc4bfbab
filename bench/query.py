"""`nuanshao bench query`: each panel of each board, as the boards' own account asks, over a county's readings."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import psycopg

from bench.bed import Bed
from bench.figures import percentile
from bench.grafana import Shown, expanded, panel_queries
from bench.machine import machine
from device_sim.climate.weather import LOCAL
from foundation.clock import utc_now
from foundation.errors import ServiceFailed
from store import rollup
from store.connect import connect, connect_async
from store.named_sql import sql
from store.reader import READER, set_reader_password

WITHIN_MS: Final = 200.0
"""What a person takes for at once."""
FILLED_WITHIN_S: Final = 1800.0
EVERYTHING: Final = "'*'"


@dataclass(frozen=True, slots=True)
class Options:
    """How much is stored, and how often each query is asked (the first time is not counted)."""

    homes: int = 2_000
    days: float = 1.0
    interval_s: int = 300
    times: int = 20


def bench_query(project: Path, options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """A whole run on a bed of its own; the report. Raises ServiceFailed when it cannot be filled."""
    with Bed(project, say) as bed:
        began = time.monotonic()
        end = utc_now()
        fill(bed, options, end)
        say("bringing the rollups up to date")
        asyncio.run(_roll_up(bed.database_url))
        with connect(bed.database_url, autocommit=True) as owner:
            owner.execute("vacuum analyze")
            readings, devices = owner.execute(sql("bench_stored")).fetchone() or (0, 0)
            shown = _shown(owner, end)
            password = secrets.token_urlsafe(18)
            set_reader_password(owner, password)
        filled_s = time.monotonic() - began
        say(f"{readings:,} readings of {devices:,} devices, ready after {filled_s:.0f} s")
        panels = _ask(_as_reader(bed.database_url, password), shown, options.times)
        every_ms = [one["p95_ms"] for one in panels]
        return {
            "panels": panels,
            "queries": len(panels),
            "worst_ms": max(one["max_ms"] for one in panels),
            "worst_panel": max(panels, key=lambda one: one["p95_ms"])["panel"],
            "worst_p95_ms": max(every_ms),
            "p50_ms": percentile([one["p50_ms"] for one in panels], 0.5),
            "share_within_200_ms": round(sum(ms <= WITHIN_MS for ms in every_ms) / len(every_ms), 3),
            "homes": options.homes,
            "days": options.days,
            "interval_s": options.interval_s,
            "devices": devices,
            "readings": readings,
            "times": options.times,
            "filled_s": round(filled_s, 1),
            "machine": machine(bed.versions),
        }


def fill(bed: Bed, options: Options, end: datetime) -> None:
    """Stores a simulated county's readings up to `end`, as `simulate generate` does."""
    # a process, as a person would: the simulator's way into the database is a command of the room beside this one
    begin = end - timedelta(days=options.days)
    since, until = (f"{at.astimezone(LOCAL):%Y-%m-%dT%H:%M}" for at in (begin, end))
    bed.say(f"filling the database with {options.days:g} days of {options.homes} homes")
    filling = bed.run(
        "simulate", "-m", "cli", "simulate", "generate", "--from", since, "--to", until, "--homes", str(options.homes),
        "--interval", str(options.interval_s), "--into-database", "--json",
    )  # fmt: skip
    bed.finish(filling, FILLED_WITHIN_S)


async def _roll_up(database_url: str) -> None:
    # as if an hour had passed, so that the bucket under way is due as well
    async with await connect_async(database_url, autocommit=True) as connection:
        while (await rollup.refresh(connection, utc_now() + timedelta(hours=2))).buckets:
            pass


def _shown(owner: psycopg.Connection, end: datetime) -> Shown:
    """The whole county, and the home with the most devices."""
    row = owner.execute(sql("bench_fullest_home")).fetchone()
    if row is None:
        raise ServiceFailed("nothing was stored", do="say more --homes or --days")
    village, home = row
    return Shown(end, {"county": EVERYTHING, "village": f"'{village}'", "home": f"'{home}'", "device": EVERYTHING})


def _ask(reader_url: str, shown: Shown, times: int) -> list[dict[str, Any]]:
    found = []
    with psycopg.connect(reader_url, autocommit=True) as reader:
        for query in panel_queries():
            text = expanded(query, shown).encode()
            took_ms, rows = [], 0
            for turn in range(times + 1):
                began = time.perf_counter()
                rows = len(reader.execute(text).fetchall())
                if turn:
                    took_ms.append((time.perf_counter() - began) * 1000)
            found.append(
                {
                    "board": query.board,
                    "panel": query.panel,
                    "p50_ms": round(percentile(took_ms, 0.5) or 0.0, 1),
                    "p95_ms": round(percentile(took_ms, 0.95) or 0.0, 1),
                    "max_ms": round(max(took_ms), 1),
                    "rows": rows,
                }
            )
    return found


def _as_reader(database_url: str, password: str) -> str:
    parts = urlsplit(database_url)
    where = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{READER}:{password}@{where}"))
