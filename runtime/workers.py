"""Several ingest workers on one machine: a process each, started again when it dies; and those needed no more."""

from __future__ import annotations

import re
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import psycopg
import structlog

from foundation.clock import utc_now
from foundation.errors import DatabaseUnavailable
from foundation.settings import settings
from runtime.process import Process
from store.connect import connect
from store.health import HEARTBEAT_VALID
from store.named_sql import sql

log = structlog.get_logger()

LOOK_EVERY_S: Final = 30.0
STOP_S: Final = 20.0
"""Longer than a worker takes to commit what it has."""


def names(worker: str, count: int) -> list[str]:
    """The workers' names: `ingest-0`, `ingest-1` … for `ingest-0` or `ingest`."""
    return [f"{_family(worker)}-{number}" for number in range(count)]


def run_workers(database_url: str, worker: str, count: int, stop: threading.Event) -> None:
    """Runs `count` workers until `stop` is set."""
    with ExitStack() as undo:
        for index, name in enumerate(names(worker, count)):
            process = Process(
                name, ["-m", "cli", "ingest", "--index", str(index), "--workers", str(count)], None,
                folder=Path(__file__).parents[1], environment={"NUANSHAO_WORKER": name, **_metrics_port(index)},
                on_death=_note_death,
            )  # fmt: skip
            undo.callback(process.stop, STOP_S)
            process.start()
        see_off(database_url, worker, count, stop)


def see_off(database_url: str, worker: str, count: int, stop: threading.Event) -> None:
    """Until `stop` is set: lets workers of another time, when there were more, take the last of their queues and go.

    The broker goes on to give a session its share of the messages, whether somebody hears it or not.
    """
    in_use = names(worker, count)
    going: dict[str, Process] = {}
    while not stop.wait(LOOK_EVERY_S):
        for name in out_of_use(database_url, worker, in_use):
            before = going.get(name)
            if before is None or not before.running:
                log.info("worker_goes", worker=name, why="it is needed no more")
                going[name] = Process(
                    name, ["-m", "cli", "ingest", "--goes"], None,
                    folder=Path(__file__).parents[1], environment={"NUANSHAO_WORKER": name}, restart=False,
                )  # fmt: skip
                going[name].start()
    for process in going.values():
        process.stop(STOP_S)


def out_of_use(database_url: str, worker: str, in_use: list[str]) -> list[str]:
    """Workers of this family that the database knows, that no longer live and are not among those in use."""
    family = f"^{re.escape(_family(worker))}-[0-9]+$"
    places = {"family": family, "in_use": in_use, "dead_before": utc_now() - HEARTBEAT_VALID}
    try:
        with connect(database_url, autocommit=True) as connection:
            return [name for (name,) in connection.execute(sql("workers_out_of_use"), places)]
    except (DatabaseUnavailable, psycopg.Error):
        return []  # the workers say so themselves; the next look will do


def _family(worker: str) -> str:
    return re.sub(r"-[0-9]+$", "", worker)


def _metrics_port(index: int) -> dict[str, str]:
    first = settings().metrics_port
    return {"NUANSHAO_METRICS_PORT": str(first + index)} if first else {}


def _note_death(name: str, code: int) -> None:
    log.warning("worker_died", worker=name, code=code)
