"""The canary's rows: its device and recipient, its runs, and what doctor says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

import psycopg

from foundation.errors import SettingsError
from foundation.sealing import beginnings, mark, marks, seal
from store.named_sql import sql

UID: Final = "drill-canary"
"""Its device and its login at the broker; the prefix is reserved (store/registry.py)."""
Leg = Literal["published", "stored", "raised", "queued", "accepted", "delivered"]
LEGS: Final[tuple[Leg, ...]] = get_args(Leg)
"""The alarm's way: the broker has the reading, the database has it, the alarm is raised, its message is in the outbox,
the carrier has taken it (or, where the run goes to the account only, has answered), the phone has it."""
Reach = Literal["account", "phone"]
Outcome = Literal["ok", "late", "lost"]
OVERDUE_PERIODS: Final = 2
SLACK: Final = timedelta(minutes=5)
"""A run is missed when the last is older than two periods and this (our choice)."""
RUNS_KEPT_FOR: Final = timedelta(days=400)
"""A run every 15 min is 35 000 small rows a year (our choice)."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has ended. `legs` are seconds since it was published, of the legs that it reached.

    `leg` is the first that was late or not reached, `reason` says why.
    """

    started_at: datetime
    ended_at: datetime
    reach: Reach
    outcome: Outcome
    leg: Leg | None
    reason: str
    legs: Mapping[Leg, float]

    @property
    def well(self) -> bool:
        """Whether the path is alive."""
        return self.outcome == "ok"

    @property
    def seconds(self) -> float | None:
        """From the reading to the carrier; None where it did not come so far."""
        return self.legs.get("accepted")


@dataclass(frozen=True, slots=True)
class Standing:
    """The canary of a deployment. `outside`: whether its failure is told past everything that it watches.

    `phone` is sealed: who only looks at it needs no key.
    """

    in_use: bool
    every: timedelta
    outside: bool
    heartbeat_at: datetime | None
    phone: str = field(repr=False)
    last: Run | None


@dataclass(frozen=True, slots=True)
class Look:
    """How far a reading has come, as the database shows it. `reason`: that of its message."""

    stored: bool = False
    raised: bool = False
    queued: bool = False
    state: str = ""
    reason: str = ""
    accepted: bool = False
    ingest: bool = False
    alerts: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """Ids of the canary's rows."""

    drill: int
    device: int
    contact: int


async def enrol(
    connection: psycopg.AsyncConnection, *, phone: str, every: timedelta, outside: bool, now: datetime
) -> Rows:
    """Registers the canary, or brings it to these settings.

    Raises SettingsError without a key for the number, and for a number that somebody has who is told of real alarms.
    """
    places: dict[str, object] = {
        "now": now, "phone": seal(phone), "mark": mark(phone), "marks": marks(phone), "current": beginnings()[0],
        "contact": None, "uid": UID, "every_s": int(every.total_seconds()), "outside": outside,
        "state": "in_service",
    }  # fmt: skip
    async with connection.transaction():
        row = await (await connection.execute(sql("canary_row"), places)).fetchone()
        if row is None:
            await _refuse_namesake(connection, places)
            drill = places["drill"] = await _row(connection, "insert_canary_drill", places)
            device = places["device"] = await _row(connection, "insert_canary_device", places)
            contact = places["contact"] = await _row(connection, "insert_canary_contact", places)
            await connection.execute(sql("insert_canary"), places)
            return Rows(drill, device, contact)
        *ids, as_it_should_be = row
        rows = Rows(*ids)
        if not as_it_should_be:
            places |= {"device": rows.device, "contact": rows.contact}
            await _refuse_namesake(connection, places)
            await connection.execute(sql("update_canary"), places)
            await connection.execute(sql("update_canary_contact"), places)
            await connection.execute(sql("set_canary_device"), places)
    return rows


async def retire(connection: psycopg.AsyncConnection, now: datetime) -> bool:
    """Nobody runs it any more, and nobody is to miss it; nothing of it stays open. Returns whether there was one."""
    async with connection.transaction():
        row = await (await connection.execute(sql("retire_canary"))).fetchone()
        if row is None:
            return False
        drill, device = row
        await close_alarms(connection, drill, now)
        await connection.execute(sql("set_canary_device"), {"device": device, "state": "stored"})
        await connection.execute(sql("forget_drill_login"), {"drill": drill})
    return True


async def close_alarms(connection: psycopg.AsyncConnection, drill: int, now: datetime) -> None:
    """Alarms of the canary are closed, its messages that no carrier has are superseded."""
    places = {"drill": drill, "now": now, "reason": "canary_is_over"}
    async with connection.transaction():
        await connection.execute(sql("lock_twins"), places)
        await connection.execute(sql("supersede_drill_messages"), places)
        await connection.execute(sql("drop_pending_drill_alarms"), places)
        await connection.execute(sql("close_drill_alarms"), places)


async def look_at(
    connection: psycopg.AsyncConnection, rows: Rows, rule: str, ts: datetime, alive_since: datetime
) -> Look:
    """How far the reading of `ts` has come."""
    places = {"device": rows.device, "rule": rule, "ts": ts, "alive": alive_since}
    row = await (await connection.execute(sql("canary_look"), places)).fetchone()
    return Look(*row) if row else Look()


async def standing(connection: psycopg.AsyncConnection) -> Standing | None:
    """The canary of this deployment; None where there never was one."""
    row = await (await connection.execute(sql("canary_standing"))).fetchone()
    if row is None:
        return None
    in_use, every_s, outside, heartbeat_at, phone, started_at, reach, ended_at, outcome, leg, reason, *seconds = row
    last = None
    if ended_at is not None:
        reached = {name: took for name, took in zip(LEGS, seconds, strict=True) if took is not None}
        last = Run(started_at, ended_at, reach, outcome, leg, reason, reached)
    return Standing(in_use, timedelta(seconds=every_s), outside, heartbeat_at, phone, last)


def columns(run: Run) -> dict[str, object]:
    """A run as the statements take it."""
    return {
        "started_at": run.started_at, "ended_at": run.ended_at, "reach": run.reach, "outcome": run.outcome,
        "leg": run.leg, "reason": run.reason, **{leg: run.legs.get(leg) for leg in LEGS},
    }  # fmt: skip


def problem(found: Standing | None, now: datetime) -> str:
    """What is wrong with the alarm path, as the canary says; empty when all is well or there is none. Pure."""
    if found is None or not found.in_use:
        return ""
    heard = max((at for at in (found.heartbeat_at, found.last and found.last.ended_at) if at), default=None)
    late_after = found.every * OVERDUE_PERIODS + SLACK
    if heard is None or now - heard > late_after:
        since = "never" if heard is None else f"since {heard:%Y-%m-%d %H:%M} UTC not"
        return f"the canary has {since} run: start `nuanshao canary`, or give it up with `nuanshao canary --retire`"
    last = found.last
    if last is None:
        return ""
    if now - last.ended_at > late_after:
        return f"the canary has not come to an end since {last.ended_at:%Y-%m-%d %H:%M} UTC: read its log"
    if last.well:
        return ""
    return f"the alarm path: the canary was {last.outcome} at {last.leg} ({last.reason}), {last.ended_at:%H:%M} UTC"


async def _refuse_namesake(connection: psycopg.AsyncConnection, places: Mapping[str, object]) -> None:
    row = await (await connection.execute(sql("canary_has_namesake"), places)).fetchone()
    if row is not None:
        raise SettingsError(
            f"NUANSHAO_CANARY_PHONE is the number of the contact {row[0]}, who would take test alarms for real ones",
            do="set it to a number that nobody else has in the registry",
        )


async def _row(connection: psycopg.AsyncConnection, block: str, places: Mapping[str, object]) -> int:
    """Inserts it; returns its id."""
    row = await (await connection.execute(sql(block), places)).fetchone()
    assert row is not None  # noqa: S101 ("returning" always answers)
    return int(row[0])
