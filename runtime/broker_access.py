"""Keeps the broker's password file in step with the registry: a device added or retired is let in or out at once."""

from __future__ import annotations

import time
from pathlib import Path

import psycopg
import structlog

from foundation.errors import DatabaseUnavailable
from runtime.passwords import replace_devices
from store.connect import connect, unavailable
from store.registry import NOTIFY_CHANNEL, credentials

log = structlog.get_logger()

RETRY_S = 2.0
LOOK_AT_LEAST_EVERY_S = 60.0
"""Even without a word from the database, in case one was lost."""
GATHER_S = 0.2
"""Thousands of devices added at once are one rewrite, not thousands."""


def write_once(connection: psycopg.Connection, password_file: Path) -> int:
    """Writes the devices' accounts as the registry has them now. Returns how many."""
    rows = credentials(connection)
    replace_devices(password_file, rows)
    return len(rows)


def follow(database_url: str, password_file: Path) -> None:
    """Writes the file now and after every change, until the process is stopped. The broker watches the file."""
    while True:
        try:
            with connect(database_url, autocommit=True) as connection:
                connection.execute(f"listen {NOTIFY_CHANNEL}")
                while True:
                    log.info("broker_access", devices=write_once(connection, password_file))
                    for _ in connection.notifies(timeout=LOOK_AT_LEAST_EVERY_S, stop_after=1):
                        time.sleep(GATHER_S)
                    list(connection.notifies(timeout=0))
        except (DatabaseUnavailable, psycopg.OperationalError) as failed:
            why = failed if isinstance(failed, DatabaseUnavailable) else unavailable(failed)
            log.warning("database_failed", why=why.what, retry_in_s=RETRY_S)
            time.sleep(RETRY_S)
