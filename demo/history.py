"""Months of simulated history: into a Parquet file, or into the database of this environment."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import psycopg

from demo.county import register
from device_sim.arrays import Ints
from device_sim.climate.weather import LOCAL
from device_sim.county import County
from device_sim.disorder.disorder import Disorder
from device_sim.fleet.fleet import Fleet
from device_sim.runs.cast import Asked, Cast, cast_scenario, cast_story
from device_sim.runs.history import History, Progress, Span
from device_sim.runs.judged import clocks_of, flags_of
from device_sim.runs.parquet import ParquetSink
from device_sim.runs.progress import Progressing, Rate, Snapshot, progress
from device_sim.score.truth import Truth
from device_sim.sensors.batch import Batch, joined
from foundation.clock import Clock, from_ms, utc_now
from foundation.errors import SettingsError
from foundation.version import VERSION
from store.connect import connect, database_url
from store.history import Columns, device_ids, refresh_latest, store_history

GATHERED: Final = 100_000
"""Readings of one type that are stored in one transaction."""


class DatabaseSink:
    """Stores history for a registered fleet; see device_sim.runs.history.Sink."""

    def __init__(self, connection: psycopg.Connection, fleet: Fleet, clock: Clock = utc_now) -> None:
        self._connection = connection
        self._clock = clock
        self._ids = np.array(device_ids(connection, [device.uid for device in fleet.devices]), dtype=np.int32)
        self._waiting: dict[str, list[tuple[Batch, Ints]]] = {}
        self._rows: dict[str, int] = {}
        self._newest_ms = 0

    def write(self, batch: Batch, received_ms: Ints) -> None:
        """See Sink."""
        self._waiting.setdefault(batch.type, []).append((batch, received_ms))
        self._rows[batch.type] = self._rows.get(batch.type, 0) + len(batch)
        if self._rows[batch.type] >= GATHERED:
            self._store(batch.type)

    def close(self) -> None:
        """See Sink."""
        for device_type in list(self._waiting):
            self._store(device_type)
        if self._newest_ms:
            newest = from_ms(self._newest_ms)
            refresh_latest(self._connection, self._ids.tolist(), newest - timedelta(days=2))
            self._connection.commit()

    def _store(self, device_type: str) -> None:
        parts = self._waiting.pop(device_type)
        self._rows[device_type] = 0
        batch, received_ms = joined([batch for batch, _ in parts]), np.concatenate([ms for _, ms in parts])
        judged_ms, wrong = clocks_of(batch.ts_ms, received_ms)
        columns = Columns(
            ts_ms=judged_ms,
            device_id=self._ids[batch.device],
            received_ms=received_ms,
            seq=batch.seq,
            boot=batch.boot,
            flags=flags_of(batch.ts_ms, received_ms, batch.columns),
            device_ts_ms=batch.ts_ms,
            clock_wrong=wrong,
            fault=batch.fault,
            metrics=batch.columns,
        )
        store_history(self._connection, columns, self._clock())
        self._connection.commit()
        self._newest_ms = max(self._newest_ms, int(judged_ms.max()))


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """What `simulate generate` was told. `until` None: as long as the scenario lasts. `file` or `into_database`."""

    begin: datetime
    until: datetime | None
    interval_s: int
    scenario: str | None = None
    file: Path | None = None
    into_database: bool = False
    truth: Path | None = None
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Generated:
    """What came of it; `code` is 0 when it was played to its end."""

    readings: int
    copies: int
    devices: int
    seconds: float
    file: str | None
    code: int

    @property
    def rate(self) -> int:
        """Readings a second."""
        return round(self.readings / max(self.seconds, 1e-9))

    @property
    def sentence(self) -> str:
        """For people."""
        what = f"{self.readings:,} readings of {self.devices:,} devices in {self.seconds:.1f} s, {self.rate:,} a second"
        if self.code == 0:
            return f"{what}{f', in {self.file}' if self.file else ''}"
        return f"stopped after {what}; {'no file was written' if self.file is None else 'what is stored stays'}"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {**asdict(self), "seconds": round(self.seconds, 3), "readings_per_s": self.rate}


def play_history(asked: Asked, options: HistoryOptions) -> Generated:
    """Plays a county as fast as it goes into a file or the database. Ctrl-C ends it; a file then stays unwritten.

    Raises SettingsError for a span that ends before it begins, NuanshaoError of whatever cannot be had.
    """
    if (options.file is None) == (not options.into_database):
        raise SettingsError("one place for the readings is needed", do="say --out FILE.parquet or --into-database")
    cast = cast_scenario(asked, options.scenario) if options.scenario else cast_story(asked, None, events=False)
    until = options.until or (None if cast.lasts_s is None else options.begin + timedelta(seconds=cast.lasts_s))
    if until is None or until <= options.begin:
        raise SettingsError("there is no time between --from and --to", do="say a later --to")
    show = cast.show
    county = County(
        show.fleet, show.seed, options.begin, show.injections,
        offset_k=show.weather.offset_k, weather_seed=show.weather.seed,
    )  # fmt: skip
    truth = Truth(options.truth, show.fleet, show.injections) if options.truth else None
    span = Span(options.begin, until, options.interval_s)
    with ExitStack() as undo, interrupts() as stop:
        sink = _sink(options, cast, undo)
        disorder = Disorder(county.faults, show.fleet, show.seed, drifting=show.drifting)
        history = History(county, span, disorder, sink, show.seed, truth)
        began = time.monotonic()
        bar = undo.enter_context(progress(as_json=options.as_json))
        done = history.play(_Shown(bar, county), stop)
        if truth is not None:
            truth.close()
        whole = done.now_s + history.step_s > span.seconds
        if whole or isinstance(sink, DatabaseSink):
            sink.close()
        else:
            sink.abandon()
    kept = str(options.file) if whole and options.file is not None else None
    return Generated(
        done.readings, done.twice, len(show.fleet.device_home), time.monotonic() - began, kept, 0 if whole else 130
    )


def _sink(options: HistoryOptions, cast: Cast, undo: ExitStack) -> ParquetSink | DatabaseSink:
    fleet = cast.show.fleet
    if options.file is not None:
        about = {"nuanshao": VERSION, "seed": str(cast.show.seed), "scenario": options.scenario or ""}
        try:
            return ParquetSink(options.file, fleet, about)
        except OSError as failed:
            raise SettingsError(f"{options.file} cannot be written: {failed.strerror}", do="choose another") from None
    connection = undo.enter_context(connect(database_url()))
    register(connection, fleet)
    connection.commit()
    return DatabaseSink(connection, fleet)


class _Shown:
    """Shows the progress about once a second."""

    def __init__(self, bar: Progressing, county: County) -> None:
        self._bar, self._county = bar, county
        self._rate = Rate()
        self._last = time.monotonic()

    def __call__(self, now: Progress) -> None:
        if time.monotonic() - self._last < 1.0:
            return
        self._last = time.monotonic()
        acting = (*self._county.faults.physics_names(), *self._county.faults.network_names())
        self._bar.show(
            Snapshot(now.now_s, now.total_s, self._rate.at(now.readings), now.readings, 0, faults=Counter(acting))
        )


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM came, instead of an exception in the middle of a row group."""
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda got, _: came.append(got)) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def local_time(text: str) -> datetime:
    """A date (or date and time) of Tongliao's clock. Raises SettingsError."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=LOCAL)
    except ValueError:
        raise SettingsError(f"{text!r} is no date", do="write 2026-01-15 or 2026-01-15T22:00") from None
