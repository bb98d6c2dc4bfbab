"""A run's score, from its truth file and the database: what was injected against what was alarmed and told."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg
from rich.console import Console

from device_sim.score.evidence import Alarm, Incident, Message, Run
from device_sim.score.floors import Floor, judged
from device_sim.score.kinds import KIND
from device_sim.score.report import show
from device_sim.score.result import Score
from device_sim.score.scorer import score
from device_sim.score.truth import TruthEvent, read_truth
from foundation.clock import Clock, utc_now
from foundation.errors import SettingsError
from foundation.settings import settings
from store.connect import connect
from store.health import HEARTBEAT_VALID
from store.named_sql import sql

_LOOKS_APART_S: Final = 2.5
"""Longer than the rests of ingest and of the silence watch: what is between two processes shows at the second look."""
_BEFORE: Final = timedelta(minutes=1)
_AFTER: Final = timedelta(minutes=2)


def score_run(
    connection: psycopg.Connection,
    truth_file: Path,
    since: datetime,
    until: datetime,
    floors: Iterable[Floor] = (),
    *,
    devices: Sequence[str] | None = None,
    drill: int | None = None,
    quiet: Sequence[tuple[datetime, datetime]] = (),
) -> Score:
    """The score of what was played from `since` until `until`.

    `devices`: uids of the run's devices, None for all that are registered; `drill`: those of this drill, without: none
    of any drill. `quiet`: spans in which false alarms do not count. Raises NotFound or SettingsError for a truth file
    that is not there or cannot be read.
    """
    return score_events(
        connection, read_truth(truth_file), since, until, floors, devices=devices, drill=drill, quiet=quiet
    )


def score_events(
    connection: psycopg.Connection,
    events: Sequence[TruthEvent],
    since: datetime,
    until: datetime,
    floors: Iterable[Floor] = (),
    *,
    devices: Sequence[str] | None = None,
    drill: int | None = None,
    quiet: Sequence[tuple[datetime, datetime]] = (),
) -> Score:
    """As `score_run`, of events that have been read."""
    longest = max((timedelta(seconds=event.back_within_s) for event in events), default=timedelta())
    after = longest + timedelta(seconds=max(kind.grace_s for kind in KIND.values()))
    where = {
        "since": since,
        "until": until + after,
        "drill": drill,
        "devices": None if devices is None else list(devices),
    }
    with connection.transaction():
        alarms = [Alarm(*row) for row in connection.execute(sql("score_alarms"), where)]
        incidents = [Incident(*row) for row in connection.execute(sql("score_incidents"), where)]
        about = {"alarms": [alarm.id for alarm in alarms], "incidents": [incident.id for incident in incidents]}
        messages = [Message(*row) for row in connection.execute(sql("score_messages"), about)]
        row = connection.execute(sql("score_devices"), where).fetchone()
    return judged(score(events, alarms, incidents, messages, Run(since, until, row[0] if row else 0, quiet)), floors)


def settled(connection: psycopg.Connection, since: datetime, *, drill: bool = False, clock: Clock = utc_now) -> bool:
    """Whether the system has come to rest since: nothing left to judge, and nobody left to tell.

    What is still in the broker, or silent for not quite long enough, it cannot see.
    """
    now = clock()
    row = connection.execute(
        sql("score_under_way"), {"since": since, "drill": drill, "now": now, "heartbeat_after": now - HEARTBEAT_VALID}
    ).fetchone()
    return row == (0, 0, 0)


def wait_until_settled(
    connection: psycopg.Connection,
    since: datetime,
    within_s: float,
    *,
    drill: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Waits, at most `within_s`, until two looks in a row find everything at rest. Returns whether they did."""
    looks = max(int(within_s / _LOOKS_APART_S), 1)
    before = False
    for _ in range(looks + 1):
        now = settled(connection, since, drill=drill)
        if now and before:
            return True
        before = now
        sleep(_LOOKS_APART_S)
    return False


def conclude(
    url: str,
    truth_file: Path,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    floors: Sequence[Floor] = (),
    report: Path | None = None,
    within_s: float = 0.0,
    devices: Sequence[str] | None = None,
    drill: int | None = None,
    console: Console | None = None,
) -> int:
    """Waits until all is told (at most `within_s`), scores, shows the table, writes the report.

    `since` and `until` are the run's; without them the truth file says from about when until when something was
    injected. Returns the exit code: 1 when a floor was not reached.
    """
    console = console or Console()
    events = read_truth(truth_file)
    since, until = _span(truth_file.name, events, since, until)
    with connect(url, autocommit=True) as connection:
        if within_s and not wait_until_settled(connection, since, within_s, drill=drill is not None):
            console.print(f"not everything was told within {within_s:g} s; the score is of what was")
        found = score_events(connection, events, since, until, floors, devices=devices, drill=drill)
    show(found, console, ZoneInfo(settings().timezone))
    if report is not None:
        write_report(report, found)
    return 0 if found.good else 1


def write_report(path: Path, found: Score) -> None:
    """The score as JSON. NaN would be no JSON: there is none."""
    text: dict[str, Any] = found.as_json()
    path.write_text(json.dumps(text, ensure_ascii=False, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _span(
    name: str, events: Sequence[TruthEvent], since: datetime | None, until: datetime | None
) -> tuple[datetime, datetime]:
    """From when until when was played, as far as the truth file knows."""
    times = [
        moment
        for event in events
        for moment in (event.injected_at, event.dangerous_at, event.last_shown_at, event.ended_at)
        if moment is not None
    ]
    if not times and (since is None or until is None):
        raise SettingsError(f"nothing was injected according to {name}", do="say when the run began and ended")
    return since or min(times) - _BEFORE, until or max(times) + _AFTER
