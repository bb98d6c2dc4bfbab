"""A copy of the open life-safety alarms in a file: what has been told is not told again without the database."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import psycopg
import structlog

from alerts.alarm_rows import ALARM_COLUMNS, state_of
from alerts.condition import State
from alerts.standby.folder import new_file, put_in_place
from alerts.standby.letter import Letter
from store.named_sql import sql

log = structlog.get_logger()


class OpenAlarm(msgspec.Struct, frozen=True):
    """One open alarm."""

    device_id: int
    rule: str
    state: State


class AlarmCopy(msgspec.Struct, frozen=True):
    """What was open at `at`, and which messages about it had not reached a carrier."""

    at: datetime
    alarms: tuple[OpenAlarm, ...] = ()
    waiting: tuple[Letter, ...] = ()


_decoder: Final = msgspec.json.Decoder(AlarmCopy)


async def read_alarms(connection: psycopg.AsyncConnection, rules: list[str], now: datetime) -> AlarmCopy:
    """From the database, at one moment."""
    async with connection.transaction():
        await connection.execute("set transaction isolation level repeatable read, read only")
        cursor = await connection.execute(sql("standby_alarms", columns=ALARM_COLUMNS), (rules,))
        alarms = tuple(OpenAlarm(row[1], row[2], state_of(row)) for row in await cursor.fetchall())
        cursor = await connection.execute(sql("standby_waiting"), (rules,))
        waiting = tuple(
            Letter(
                key, device_id, rule, contact_id, phone, params, body, raised_at, created_at, now,
                state="sending",  # its courier may be on the way with it
                language=language,
            )
            for key, device_id, rule, contact_id, phone, params, body, raised_at, created_at, language
            in await cursor.fetchall()
        )  # fmt: skip
    return AlarmCopy(now, alarms, waiting)


def write_alarms(copy: AlarmCopy, path: Path) -> None:
    """In the place of the last copy."""
    fresh = new_file(path.with_suffix(".new"))
    fresh.write_bytes(msgspec.json.encode(copy))
    put_in_place(fresh, path)


def load_alarms(path: Path, now: datetime) -> AlarmCopy:
    """The copy that a process before us left; an empty one where there is none."""
    try:
        return _decoder.decode(path.read_bytes())
    except FileNotFoundError:
        return AlarmCopy(now)
    except msgspec.MsgspecError as broken:
        log.error("standby_alarms_unreadable", why=str(broken), file=path.name)  # noqa: TRY400 (a traceback may show numbers)
        return AlarmCopy(now)
