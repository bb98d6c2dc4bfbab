"""Bad models and bad clocks in the database: notes what is newly wrong, and opens incidents of it (alerts/outbreak.py).

What is wrong is read from the devices' newest readings every half minute: a fault that came and went in between is
nobody's firmware. A single device with a wrong clock is no incident; the boards show it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
import structlog

from alerts import messages, outbox
from alerts.blackout import is_over
from alerts.outbreak import (
    CLOCK_STANDS,
    CLOCKS_WITHIN,
    FEWEST_DEVICES,
    FEWEST_VILLAGES,
    NEW_AFTER,
    OUTSIDE,
    QUIET,
    USUAL_OVER,
    WITHIN,
    ModelTrouble,
    judge_clocks,
    judge_model,
)
from catalogue.fault_codes import canonical
from foundation.settings import settings
from store.named_sql import sql

log = structlog.get_logger()

_SEPARATOR = ": "
KEPT = NEW_AFTER + USUAL_OVER + timedelta(days=9)
"""30 days: longer than anything here asks back."""


@dataclass(frozen=True, slots=True)
class _New:
    """A fault that is new on devices of a model."""

    vendor: str
    model: str
    type: str
    fault: str
    devices: list[int]
    villages: int

    @property
    def name(self) -> str:
        return f"{self.vendor} {self.model}".strip()

    @property
    def subject(self) -> str:
        return f"{self.name}{_SEPARATOR}{self.fault}"


@dataclass(frozen=True, slots=True)
class _Clock:
    """A device whose clock went wrong."""

    device_id: int
    gateway_id: int | None
    gateway: str | None
    vendor: str
    model: str
    type: str


@dataclass(frozen=True, slots=True)
class _Where:
    """Where most of some devices are."""

    village_id: int
    village: str
    top_id: int
    top: str
    homes: int


class TroubleWatch:
    """Holds nothing that a restart would need."""

    def __init__(self) -> None:
        self._forgotten_at: datetime | None = None

    async def look(self, connection: psycopg.AsyncConnection, now: datetime) -> None:
        """One look at everything, in one transaction."""
        async with connection.transaction():
            await self._note(connection, now)
            await self._models(connection, now)
            await self._clocks(connection, now)
            await self._end(connection, now)

    async def _note(self, connection: psycopg.AsyncConnection, now: datetime) -> None:
        if self._forgotten_at is None or now - self._forgotten_at > timedelta(hours=1):
            await connection.execute(sql("forget_troubles"), (now - KEPT,))
            self._forgotten_at = now
        found = await (await connection.execute(sql("troubles_to_note"), {"now": now})).fetchall()
        if not found:
            return
        places = {
            "devices": [row[0] for row in found],
            "troubles": [row[4] for row in found],
            "faults": [_fault(*row[1:]) for row in found],
            "known_since": now - NEW_AFTER,
            "now": now,
        }
        await connection.execute(sql("note_troubles"), places)

    async def _models(self, connection: psycopg.AsyncConnection, now: datetime) -> None:
        cursor = await connection.execute(sql("new_faults"), (now - WITHIN,))
        news = [_New(*row) for row in await cursor.fetchall()]
        explained: set[str] = set()
        for new in news:
            if new.fault == "lockout" and new.name in explained:
                continue  # they are locked out because of that fault
            open_id = await _open_one(connection, "model_fault", new.subject)
            if open_id is not None:
                explained.add(new.name)
                await _add(connection, open_id, new.devices, now)
            elif await self._is_the_models(connection, new, news, now) and await _open_model(connection, new, now):
                explained.add(new.name)

    @staticmethod
    async def _is_the_models(connection: psycopg.AsyncConnection, new: _New, news: list[_New], now: datetime) -> bool:
        if len(new.devices) < FEWEST_DEVICES or new.villages < FEWEST_VILLAGES or new.fault in OUTSIDE:
            return False  # nothing more need be asked
        places = {
            "vendor": new.vendor, "model": new.model, "type": new.type, "fault": new.fault,
            "since": now - WITHIN - USUAL_OVER, "until": now - WITHIN,
        }  # fmt: skip
        row = await (await connection.execute(sql("usual_faults"), places)).fetchone()
        of_type = await (await connection.execute(sql("devices_of_type"), places)).fetchone()
        mine, others = of_type or (0, 0)
        reason = judge_model(
            ModelTrouble(
                new.fault, len(new.devices), new.villages, mine, (row[0] if row else 0) / USUAL_OVER.days,
                sum(
                    len(other.devices) for other in news
                    if (other.type, other.fault) == (new.type, new.fault) and other.name != new.name
                ),
                others,
            )
        )  # fmt: skip
        log.info("fault_on_model", model=new.name, fault=new.fault, devices=len(new.devices), reason=reason)
        return reason == "model_fault"

    async def _clocks(self, connection: psycopg.AsyncConnection, now: datetime) -> None:
        places = {"since": now - CLOCK_STANDS - CLOCKS_WITHIN, "until": now - CLOCK_STANDS}
        cursor = await connection.execute(sql("new_clocks"), places)
        wrong = [_Clock(*row) for row in await cursor.fetchall()]
        if len(wrong) < FEWEST_DEVICES:
            return
        by_gateway: dict[str, list[_Clock]] = defaultdict(list)
        for one in wrong:
            if one.gateway is not None:
                by_gateway[one.gateway].append(one)
        explained = set()
        for gateway, clocks in sorted(by_gateway.items()):
            if judge_clocks(len(clocks), len(clocks), behind_gateway=True) == "clock_wrong":
                explained.add(gateway)
                await _open_clocks(connection, gateway, clocks, now, gateway_id=clocks[0].gateway_id)
        await self._clocks_of_models(connection, [one for one in wrong if one.gateway not in explained], now)

    @staticmethod
    async def _clocks_of_models(connection: psycopg.AsyncConnection, wrong: list[_Clock], now: datetime) -> None:
        by_model: dict[tuple[str, str, str], list[_Clock]] = defaultdict(list)
        for one in wrong:
            if one.model:
                by_model[one.vendor, one.model, one.type].append(one)
        for (vendor, model, device_type), clocks in sorted(by_model.items()):
            if len(clocks) < FEWEST_DEVICES:
                continue
            of_model = {"vendor": vendor, "model": model, "type": device_type}
            row = await (await connection.execute(sql("devices_of_type"), of_model)).fetchone()
            if judge_clocks(len(clocks), row[0] if row else 0, behind_gateway=False) == "clock_wrong":
                await _open_clocks(connection, f"{vendor} {model}".strip(), clocks, now, gateway_id=None)

    async def _end(self, connection: psycopg.AsyncConnection, now: datetime) -> None:
        await connection.execute(sql("note_devices_well"))
        cursor = await connection.execute(sql("outbreaks_under_way"), {"now": now})
        for (
            incident_id, kind, region_id, region, subject, of_gateway, homes_before, back_before, back_at,
            devices, well, homes_well, homes, newest,
        ) in await cursor.fetchall():  # fmt: skip
            changed_at = back_at if homes_well == back_before else now
            if (homes, homes_well) != (homes_before, back_before):
                places = {"incident": incident_id, "homes": homes, "back": homes_well, "at": changed_at}
                await connection.execute(sql("note_outbreak"), places)
            quiet = now - newest >= QUIET
            over = quiet if kind == "model_fault" else is_over(devices, well, changed_at, now, QUIET)
            if not over:
                continue
            ended = await (await connection.execute(sql("end_incident"), (now, incident_id))).fetchone()
            if ended is None:
                continue
            zone = settings().timezone
            if kind == "model_fault":
                model, _, fault = subject.rpartition(_SEPARATOR)
                say = messages.model_fault_over(region, model, fault, devices, now, zone=zone)
            else:
                say = messages.clock_right(region, subject, well, devices, now, of_gateway=of_gateway, zone=zone)
            await outbox.tell_incident(connection, incident_id, region_id, "recovery", say, now)
            log.warning("outbreak_over", kind=kind, subject=subject, devices=devices, well=well)


def _fault(vendor: str, model: str, device_type: str, trouble: str) -> str:
    """The canonical fault; a code that no table knows stands for itself: on one model it means one thing."""
    if trouble in {"clock", "lockout"}:
        return trouble
    known = canonical(vendor, model, device_type, trouble)
    return known.fault if known is not None else trouble


async def _open_one(connection: psycopg.AsyncConnection, kind: str, subject: str) -> int | None:
    places = {"kind": kind, "subject": subject}
    row = await (await connection.execute(sql("incident_of_subject"), places)).fetchone()
    return None if row is None else int(row[0])


async def _where(connection: psycopg.AsyncConnection, devices: list[int]) -> _Where | None:
    row = await (await connection.execute(sql("where_devices_are"), {"devices": devices})).fetchone()
    if row is None:
        log.error("outbreak_nowhere", devices=len(devices), do="register homes for them: nobody is told")
        return None
    return _Where(*row)


async def _add(connection: psycopg.AsyncConnection, incident_id: int, devices: list[int], now: datetime) -> None:
    await connection.execute(sql("add_incident_devices"), (incident_id, devices, [now] * len(devices)))


async def _open_model(connection: psycopg.AsyncConnection, new: _New, now: datetime) -> bool:
    where = await _where(connection, new.devices)
    if where is None:
        return False
    row = await (
        await connection.execute(
            sql("open_incident"),
            {
                "kind": "model_fault", "region": where.top_id, "drill": None, "subject": new.subject, "gateway": None,
                "began_at": now, "now": now, "homes": where.homes, "of_homes": where.homes, "cause": "model",
                "hint": f"{new.fault} is new on {len(new.devices)} {new.name} in {new.villages} villages: suspected"
                " firmware or batch", "told_at": now,
            },
        )
    ).fetchone()  # fmt: skip
    if row is None:
        return False  # another process was quicker
    await _add(connection, row[0], new.devices, now)
    say = messages.model_fault(
        where.top, new.name, new.fault, len(new.devices), new.villages, now, zone=settings().timezone
    )
    await outbox.tell_incident(connection, row[0], where.top_id, "incident", say, now)
    log.warning("model_fault", model=new.name, fault=new.fault, devices=len(new.devices), villages=new.villages)
    return True


async def _open_clocks(
    connection: psycopg.AsyncConnection,
    subject: str,
    clocks: list[_Clock],
    now: datetime,
    *,
    gateway_id: int | None,
) -> None:
    """Told at the top of the tree: a village committee cannot set a gateway's clock."""
    devices = [one.device_id for one in clocks]
    open_id = await _open_one(connection, "clock_wrong", subject)
    if open_id is not None:
        await _add(connection, open_id, devices, now)
        return
    where = await _where(connection, devices)
    if where is None:
        return
    row = await (
        await connection.execute(
            sql("open_incident"),
            {
                "kind": "clock_wrong", "region": where.top_id, "drill": None, "subject": subject, "gateway": gateway_id,
                "began_at": now, "now": now, "homes": where.homes, "of_homes": where.homes,
                "cause": "model" if gateway_id is None else "gateway",
                "hint": f"the clocks of {len(devices)} devices went wrong within an hour", "told_at": now,
            },
        )
    ).fetchone()  # fmt: skip
    if row is None:
        return
    await _add(connection, row[0], devices, now)
    place = where.top if gateway_id is None else where.village
    of_gateway = gateway_id is not None
    say = messages.clock_wrong(place, subject, len(devices), now, of_gateway=of_gateway, zone=settings().timezone)
    await outbox.tell_incident(connection, row[0], where.top_id, "incident", say, now)
    log.warning("clock_wrong", subject=subject, devices=len(devices))
