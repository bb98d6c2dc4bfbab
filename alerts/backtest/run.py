"""`nuanshao rules backtest`: what the database holds, through the present pack and a new one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from alerts.backtest.county import County, read_county
from alerts.backtest.replay import Listener, Replay
from alerts.backtest.tally import Tally, VillageRow, compared
from alerts.judgement import Judgement
from alerts.playing import Fill
from alerts.rereading import Reread
from catalogue.rules import LookRule, RulePack, SilenceRule
from foundation.clock import Clock, utc_now
from foundation.errors import DatabaseUnfit, NotFound, SettingsError
from store.connect import connect, unavailable
from store.stored import read_only, stored_events, stored_readings, stored_series, stored_span

DAY: Final = timedelta(days=1)
"""So much is asked for at once: a chunk of the hypertable."""
_MESSAGES: Final = (
    "messages are those that go into the outbox when an alarm is raised and cleared; what becomes of them there, and"
    " who is told next when nobody answers, is not replayed"
)
_HELD_BACK: Final = (
    "nothing is held back: a message counts also where a flapping or shelved alarm, maintenance, a vacant home or a"
    " worse alarm that says the same would keep it from people"
)
_ORDER: Final = (
    "what a worker stored in one transaction is judged message by message, in the order of receipt: where messages of"
    " one device overtook each other, an alarm may be dated some seconds otherwise"
)
_SILENCE: Final = (
    "incidents are not replayed: a village without power counts a silence a device, where people would get one message;"
    " and a time in which ingest did not listen looks like silence"
)
_LOOKS: Final = "rules that are judged over hours (stuck, share, forecast) are not replayed"


@dataclass(frozen=True, slots=True)
class Options:
    """What is replayed: readings measured from `begin` to before `end`, of a region or of all.

    `acknowledge_after` None: nobody acknowledges anything.
    """

    present: RulePack
    new: RulePack
    begin: datetime
    end: datetime
    region: str | None = None
    acknowledge_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Backtest:
    """What came of it."""

    options: Options
    county: County
    present: Tally
    new: Tally
    readings: int
    events: int
    judged: int
    seconds: float
    cpu_s: float

    @property
    def readings_per_s(self) -> int:
        """Readings through both packs, by the clock on the wall: the database's part is in it."""
        return round(self.readings / max(self.seconds, 1e-9))

    @property
    def cpu_us_per_reading(self) -> float:
        """What this process, on one core, needed for a reading."""
        return self.cpu_s / max(self.readings, 1) * 1e6

    @property
    def villages(self) -> list[VillageRow]:
        """Where the packs differ most first."""
        return compared(self.county, self.present, self.new)

    @property
    def limits(self) -> list[str]:
        """What the figures leave out, for people."""
        packs = (self.options.present, self.options.new)
        found = [
            "the first reading meets no open alarm: what was under way before --from is not known",
            _MESSAGES,
            _HELD_BACK,
            _ORDER,
            "devices, villages and people are those of today",
        ]
        if any(isinstance(rule, SilenceRule) for pack in packs for rule in pack.rules):
            found.append(_SILENCE)
        if any(isinstance(rule, LookRule) for pack in packs for rule in pack.rules):
            found.append(_LOOKS)
        return found

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        chosen = self.options
        after = chosen.acknowledge_after
        return {
            "from": chosen.begin.isoformat(),
            "to": chosen.end.isoformat(),
            "region": chosen.region,
            "acknowledge_after_s": None if after is None else after.total_seconds(),
            "devices": len(self.county.devices),
            "readings": self.readings,
            "events": self.events,
            "judged_singly": self.judged,
            "seconds": round(self.seconds, 3),
            "readings_per_s": self.readings_per_s,
            "cpu_us_per_reading": round(self.cpu_us_per_reading, 3),
            "present": self.present.as_json(),
            "new": self.new.as_json(),
            "villages": [row.as_json() for row in self.villages],
            "limits": self.limits,
        }


def backtest(
    database_url: str, options: Options, progress: Callable[[datetime, int], None], clock: Clock = utc_now
) -> Backtest:
    """Reads and judges everything; `progress` hears how far it is and how many readings that were.

    Raises SettingsError for a span without time, NotFound for a region or span that holds nothing, DatabaseUnavailable,
    DatabaseUnfit where a metric of a rule has no column yet.
    """
    if options.end <= options.begin:
        raise SettingsError("there is no time between --from and --to", do="say a later --to")
    until = min(options.end, clock())
    with connect(database_url, autocommit=True) as connection, connect(database_url, autocommit=True) as beside:
        try:
            return _backtest(connection, beside, options, until, progress)
        except psycopg.OperationalError as failed:
            raise unavailable(failed) from failed
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as lacking:
            raise DatabaseUnfit(
                f"the database lacks what a rule looks at: {' '.join(str(lacking).split())}", do="nuanshao migrate"
            ) from None


def _backtest(
    connection: psycopg.Connection,
    beside: psycopg.Connection,
    options: Options,
    until: datetime,
    progress: Callable[[datetime, int], None],
) -> Backtest:
    read_only(connection)
    county = read_county(connection, options.region)
    ids = None if options.region is None else county.ids.tolist()
    present, new = Tally(options.present, county), Tally(options.new, county)
    replay = Replay(
        county,
        [Listener(one.pack, county, one.note, one.note_gaps, options.acknowledge_after) for one in (present, new)],
        until,
        out_of(beside),
    )
    began, cpu = time.perf_counter(), time.process_time()
    play(connection, replay, options.begin, options.end, ids, progress)
    seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    if not replay.readings and not replay.bits:
        raise _nothing(connection, options)
    return Backtest(options, county, present, new, replay.readings, replay.bits, replay.judged, seconds, cpu_s)


def out_of(connection: psycopg.Connection) -> Fill:
    """Reads what had been stored out of a connection of its own: on the other a COPY is under way."""
    read_only(connection)

    def fill(judgement: Judgement, entry: Reread, received_by: datetime) -> None:
        span = entry.since, entry.until
        for seen in stored_series(connection, entry.device.id, entry.rule.needs, span, received_by):
            entry.add(judgement, *seen)

    return fill


def play(
    connection: psycopg.Connection,
    replay: Replay,
    begin: datetime,
    end: datetime,
    devices: list[int] | None = None,
    progress: Callable[[datetime, int], None] = lambda *_: None,
) -> None:
    """Everything measured from `begin` to before `end`, of these devices or all, through a replay to its end."""
    past, many = replay.past, replay.devices
    for day, until in _days(connection, begin - timedelta(seconds=past.longest_s), begin):
        replay.remember(
            stored_readings(connection, past.metrics, day, until, devices, many) if past.metrics else (),
            stored_events(connection, past.events, day, until, devices),
        )
    for day, until in _days(connection, begin, end):
        replay.take_events(stored_events(connection, replay.events, day, until, devices))
        for some in stored_readings(connection, replay.metrics, day, until, devices, many, faults=replay.faults):
            replay.take(some)
            progress(day, replay.readings)
    replay.end()


def _days(connection: psycopg.Connection, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    span = stored_span(connection)
    if span is None:
        return
    begin, last = max(begin, span[0]), min(end, span[1])
    while begin < last:
        midnight = begin.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + DAY
        yield begin, min(last, midnight)
        begin = midnight


def _nothing(connection: psycopg.Connection, options: Options) -> NotFound:
    span = stored_span(connection)
    where = "" if options.region is None else f" of region {options.region}"
    return NotFound(
        f"no reading{where} from {options.begin:%Y-%m-%d %H:%M} to {options.end:%Y-%m-%d %H:%M} is stored",
        do="there are none at all"
        if span is None
        else f"there are readings from {span[0]:%Y-%m-%d} to {span[1]:%Y-%m-%d} (UTC)",
    )
