"""`nuanshao bench ingest`: what it costs to keep and judge every reading, and how soon people are told meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg

from bench.bed import Bed
from bench.copying import COPY_IDS, copy_rate
from bench.county import County
from bench.dangers import Dangers, planned, told
from bench.figures import Pair, each_message, middle, percentile
from bench.machine import machine
from bench.phases import Measured, Phases, read_ledger
from broker.address import Broker
from foundation.errors import ServiceFailed
from store.connect import connect
from store.named_sql import sql

OURS: Final = ("ingest", "postgres", "mosquitto", "publisher", "alerts")
TOLD_WITHIN_S: Final = 30.0
PUBLISHER_STARTS_S: Final = 1.0
SPREAD: Final = 0.9
"""Dangers come within this part of their phase, so that all of them have the load beside them."""
COPY_SHARE: Final = 0.25
"""The COPY alone is measured for this part of a phase's time."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is told. `rate`: messages a second of the background in front of which latency is measured.

    `run_in_s`: so long everything works before anything is counted.
    """

    seconds: float = 15.0
    warm_up_s: float = 3.0
    run_in_s: float = 10.0
    latency_s: float = 20.0
    pairs: int = 3
    devices: int = 20_000
    rate: float = 10_000.0
    detectors: int = 200
    workers: int = 1

    @classmethod
    def short(cls) -> Options:
        """For a machine that tests everything with every change."""
        return cls(seconds=3, warm_up_s=1, run_in_s=2, latency_s=3, pairs=1, devices=3_000, rate=1_000, detectors=20)


@dataclass(slots=True)
class Books:
    """What was published and what became of it. `different`: stored readings that differ in (device, ts), and events.

    `redelivered` came twice and was recognised.
    """

    published: int = 0
    stored: int = 0
    different: int = 0
    rejected: int = 0
    redelivered: int = 0
    balanced: bool = True

    @property
    def lost(self) -> int:
        """Published, acknowledged by the broker, and not there."""
        return self.published - self.different

    @property
    def duplicated(self) -> int:
        """There twice."""
        return self.stored - self.different

    def shortcomings(self) -> list[str]:
        """What is wrong, a line each; empty when every message is exactly once in the database."""
        found = []
        if self.lost:
            found.append(f"published {self.published}, in the database {self.different}: {self.lost} lost")
        if self.duplicated:
            found.append(f"{self.duplicated} readings are in the database twice")
        if self.rejected:
            found.append(f"{self.rejected} messages were rejected")
        if not self.balanced:
            found.append("the ledger does not balance")
        return found


@dataclass(frozen=True, slots=True)
class Told:
    """Carbon monoxide in a phase: how many were published, how long until a carrier took each message."""

    injected: int
    seconds: list[float]

    def as_json(self, suffix: str = "") -> dict[str, Any]:
        """For programs."""
        return {
            f"co_injected{suffix}": self.injected,
            f"co_told{suffix}": len(self.seconds),
            f"co_latency_ms_p50{suffix}": _ms(percentile(self.seconds, 0.5)),
            f"co_latency_ms_p99{suffix}": _ms(percentile(self.seconds, 0.99)),
        }


@dataclass(slots=True)
class Run:
    """One run on one bed."""

    bed: Bed
    options: Options
    say: Callable[[str], None]
    phases: Phases = field(init=False)
    county: County = field(init=False)
    published: int = 0
    pairs: list[Pair] = field(default_factory=list)
    durable: list[Measured] = field(default_factory=list)

    def __post_init__(self) -> None:
        options = self.options
        self.phases = Phases(self.bed, devices=options.devices, warm_up_s=options.warm_up_s, seconds=options.seconds)
        self.county = County(options.devices, options.detectors)

    def play(self) -> dict[str, Any]:
        """All phases; returns the report. Raises ServiceFailed when a process dies or something never arrives."""
        with connect(self.bed.database_url) as connection:
            self.county.register(connection)
        self._run_in()
        for number in range(1, self.options.pairs):
            throwaway, copy_per_s = self._without_ingest()
            with self.bed.fresh_broker(), self.bed.at_work():
                self._with_ingest(number, throwaway, copy_per_s)
        throwaway, copy_per_s = self._without_ingest()
        with self.bed.fresh_broker(), self.bed.at_work():
            self._with_ingest(self.options.pairs, throwaway, copy_per_s)
            self._settle()
            self.say(f"latency at {self.options.rate:,.0f} messages/s")
            at_rate, background = self._with_dangers("background")
            self.say("latency while saturated")
            saturated, under_load = self._with_dangers("saturated")
        return self._report(at_rate, saturated, background, under_load)

    def _report(self, at_rate: Measured, saturated: Measured, background: Told, under_load: Told) -> dict[str, Any]:
        durable, pairs = self.durable, self.pairs
        with connect(self.bed.database_url, autocommit=True) as connection:
            # without it the planner knows nothing of what has just come, and a count takes minutes
            connection.execute("analyze telemetry")
            latency, latency_saturated = _latency(connection, at_rate), _latency(connection, saturated)
            books = self._books(connection)
        cpu_s = {name: sum(phase.cpu_s.get(name, 0.0) for phase in durable) for name in OURS}
        by_process = each_message(cpu_s, sum(phase.done for phase in durable))
        wrong = books.shortcomings()
        return {
            **middle(pairs),
            "cpu_us_per_msg": by_process["ingest"],
            "cpu_us_per_msg_by_process": by_process,
            "others_cpu_cores": round(
                sum(phase.others_cpu_s for phase in durable) / sum(phase.seconds for phase in durable), 2
            ),
            "rate_asked": self.options.rate,
            "rate_kept": round(at_rate.per_s),
            "latency_ms_p50": latency[0],
            "latency_ms_p99": latency[1],
            "latency_ms_p50_saturated": latency_saturated[0],
            "latency_ms_p99_saturated": latency_saturated[1],
            **background.as_json(),
            **under_load.as_json("_saturated"),
            "memory_mb_by_process": {
                name: round(mb, 1) for name, mb in sorted(self.bed.memory_mb.items()) if name in {*OURS, "carriers"}
            },
            "published": books.published,
            "stored": books.stored,
            "lost": books.lost,
            "duplicated": books.duplicated,
            "redelivered": books.redelivered,
            "rejected": books.rejected,
            "balanced": books.balanced,
            "shortcomings": wrong,
            "devices": self.options.devices,
            "workers": self.options.workers,
            "seconds": self.options.seconds,
            "pairs": [pair.as_json() for pair in pairs],
            "machine": machine(self.bed.versions),
        }

    def _run_in(self) -> None:
        """A fresh database makes WAL files, chunk and index as it goes, which cost it half as much again a row."""
        with self.bed.fresh_broker(), self.bed.at_work():
            self.published += self.phases.saturated(self.options.run_in_s, lambda: 0).published

    def _without_ingest(self) -> tuple[Measured, float]:
        self._settle()
        throwaway = self.phases.throwaway()
        self._settle()
        copy_per_s = asyncio.run(copy_rate(self.bed.database_url, self.options.seconds * COPY_SHARE))
        self._settle()
        return throwaway, copy_per_s

    def _with_ingest(self, number: int, throwaway: Measured, copy_per_s: float) -> None:
        kept = self.phases.durable()
        self.published += kept.published
        self.durable.append(kept)
        pair = Pair(throwaway.per_s, copy_per_s, kept.per_s)
        self.pairs.append(pair)
        self.say(
            f"pair {number} of {self.options.pairs}: thrown away {pair.throwaway_per_s:,.0f}/s,"
            f" durable {pair.durable_per_s:,.0f}/s, ratio {pair.ratio:.2f}"
        )

    def _settle(self) -> None:
        """What PostgreSQL has put off is written before, not during, the next phase."""
        with connect(self.bed.database_url, autocommit=True) as connection:
            connection.execute("checkpoint")

    def _with_dangers(self, setting: str) -> tuple[Measured, Told]:
        options, uids = self.options, self.county.detectors_of(setting)
        plan = planned(uids, options.latency_s * SPREAD, seed=len(setting))
        dangers = Dangers(plan, Broker.parse(self.bed.mosquitto.url), options.warm_up_s + PUBLISHER_STARTS_S)
        dangers.start()
        if setting == "background":
            measured = self.phases.at_rate(options.rate, options.latency_s, dangers.total)
        else:
            measured = self.phases.saturated(options.latency_s, dangers.total)
        self.published += measured.published + dangers.total()
        with connect(self.bed.database_url, autocommit=True) as connection:
            found = self._await_told(connection, uids)
        return measured, Told(len(uids), [found[uid] - dangers.published_s[uid] for uid in found])

    def _await_told(self, connection: psycopg.Connection, uids: list[str]) -> dict[str, float]:
        try:
            self.bed.wait(lambda: len(told(connection, uids)) == len(uids), "messages about CO", TOLD_WITHIN_S)
        except ServiceFailed as late:
            self.say(str(late))
        return told(connection, uids)

    def _books(self, connection: psycopg.Connection) -> Books:
        ledger = read_ledger(connection)
        readings, events = connection.execute(sql("bench_rows"), (COPY_IDS,)).fetchone() or (0, 0)
        (different,) = connection.execute(sql("bench_different"), (COPY_IDS,)).fetchone() or (0,)
        return Books(
            self.published, readings + events, different + events, ledger.rejected, ledger.duplicate, ledger.balanced
        )


def bench_ingest(project: Path, options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """A whole run on a bed of its own; the report."""
    with Bed(project, say, workers=options.workers) as bed:
        return Run(bed, options, say).play()


def _latency(connection: psycopg.Connection, measured: Measured) -> tuple[float | None, float | None]:
    row = connection.execute(sql("bench_latency"), (measured.began, measured.ended, COPY_IDS)).fetchone()
    _, middle_ms, most_ms = row or (0, None, None)
    return (None, None) if middle_ms is None else (round(middle_ms, 1), round(most_ms, 1))


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
