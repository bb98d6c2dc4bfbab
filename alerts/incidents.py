"""Incidents of silence in the database: a village or a gateway falls silent, is told once, is back, is told once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
import structlog

from alerts import messages, outbox, telling
from alerts.blackout import (
    FEWEST,
    MISSED_READINGS,
    WINDOW,
    Heard,
    VillageSilence,
    is_over,
    judge_village,
    only_gateway,
)
from alerts.cause import Hint, hint_of, hint_of_gateway
from foundation.settings import settings
from store.named_sql import sql

log = structlog.get_logger()

EXPLAINED_FOR = timedelta(minutes=4)
"""Not everybody is back in the same moment: for so long after an incident its devices make no new one (our choice: the
minute of a reconnect storm, and three readings of a minute each)."""
RELEASED_AFTER = timedelta(minutes=5)
"""Then what is still silent is told by itself: later than EXPLAINED_FOR, so that a gateway that stays silent as a whole
is one incident and not many alarms."""

_Village = tuple[int, int | None]
"""A region, and the drill whose twins are meant; None for what is real."""


@dataclass(frozen=True, slots=True)
class Released:
    """A silence alarm that an incident does not explain any more."""

    alarm_id: int
    device_id: int
    rule: str
    raised_at: datetime


@dataclass(frozen=True, slots=True)
class _Place:
    """Where silence may be an incident."""

    village: _Village
    name: str
    dark: bool
    """Whether the village's own incident is open: then only a further gateway can be one."""


class SilenceIncidents:
    """Opens and ends them. `silence_rules`: the ids of the rules whose alarms they inhibit."""

    def __init__(self, silence_rules: Sequence[str]) -> None:
        self._rules = list(silence_rules)

    async def open(
        self, connection: psycopg.AsyncConnection, overdue: list[int], hearing_since: datetime, now: datetime
    ) -> None:
        """Looks at the villages of the devices that are overdue, and opens what has become an incident."""
        if not overdue:
            return
        places = {
            "devices": overdue, "silence_rules": self._rules, "hearing_since": hearing_since, "now": now,
            "explained_since": now - EXPLAINED_FOR, "missed": MISSED_READINGS, "window_s": WINDOW.total_seconds(),
        }  # fmt: skip
        joined = await (await connection.execute(sql("join_late"), places)).fetchall()
        if joined:
            await connection.execute(sql("recount_homes"), (sorted({row[0] for row in joined}),))
        cursor = await connection.execute(sql("overdue_places"), places)
        looked_at = [
            _Place((region_id, drill_id), name, dark)
            for region_id, drill_id, name, count, part_known, dark in await cursor.fetchall()
            # the rest of a village whose gateway is known to be silent may be few
            if count >= FEWEST or part_known
        ]
        if not looked_at:
            return
        regions = sorted({place.village[0] for place in looked_at})
        heard: dict[_Village, list[Heard]] = {place.village: [] for place in looked_at}
        counted: set[int] = set()
        cursor = await connection.execute(sql("heard_in_villages"), {**places, "regions": regions})
        for region_id, drill_id, *device, known in await cursor.fetchall():
            if (region_id, drill_id) in heard:
                heard[region_id, drill_id].append(Heard(*device))
                if known:
                    counted.add(device[0])
        for place in looked_at:
            await self._judge(connection, place, heard[place.village], counted, now)

    async def _judge(
        self, connection: psycopg.AsyncConnection, place: _Place, heard: list[Heard], counted: set[int], now: datetime
    ) -> None:
        _, drill_id = place.village
        if not place.dark:
            village = judge_village(heard, now)
            if village.reason == "still_counting":
                return
            if village.reason == "village_silent" and (drill_id is not None or only_gateway(village) is None):
                await self._open_village(connection, place, village, now)
                return
        if drill_id is not None:
            return  # a drill's only gateway is its player
        behind: dict[int, list[Heard]] = {}
        for one in heard:
            if one.gateway_id is not None and one.device_id not in counted:
                behind.setdefault(one.gateway_id, []).append(one)
        for gateway_id, devices in sorted(behind.items()):
            silence = judge_village(devices, now)
            if silence.reason == "village_silent":
                await self._open_gateway(connection, place, gateway_id, silence, now)

    async def _open_village(
        self, connection: psycopg.AsyncConnection, place: _Place, silence: VillageSilence, now: datetime
    ) -> None:
        region_id, drill_id = place.village
        gateways = {one.gateway_id for one in silence.group if one.gateway_id is not None}
        alone = next(iter(gateways)) if len(gateways) == 1 else None
        online = (await _gateway(connection, alone))[1] if alone is not None else None
        hint = hint_of(silence, gateway_online=online)
        incident_id = await self._open(
            connection, "village_silent", region_id, silence, hint, now, drill_id=drill_id, subject="", gateway_id=None
        )
        if incident_id is None:
            return  # another process was quicker
        places = {"now": now, "village": incident_id, "region": region_id, "gateways": sorted(gateways)}
        absorbed = [row[0] for row in await (await connection.execute(sql("absorb_gateways"), places)).fetchall()]
        if absorbed:
            cursor = await connection.execute(sql("take_over_devices"), {"incident": incident_id, "absorbed": absorbed})
            await self._inhibit(connection, incident_id, [row[0] for row in await cursor.fetchall()])
        say = messages.village_silent(
            place.name, silence.homes, silence.of_homes, silence.group[0].heard_at,
            zone=settings().timezone, drill=drill_id is not None, hint=hint.zh,
        )  # fmt: skip
        await telling.incident(connection, incident_id, region_id, say, now)
        log.warning(
            "village_silent", village=place.name, homes=silence.homes, of_homes=silence.of_homes, drill=drill_id,
            cause=hint.reason,
        )  # fmt: skip

    async def _open_gateway(
        self,
        connection: psycopg.AsyncConnection,
        place: _Place,
        gateway_id: int,
        silence: VillageSilence,
        now: datetime,
    ) -> None:
        uid, online = await _gateway(connection, gateway_id)
        hint = hint_of_gateway(gateway_online=online)
        region_id = place.village[0]
        incident_id = await self._open(
            connection, "gateway_silent", region_id, silence, hint, now,
            drill_id=None, subject=uid, gateway_id=gateway_id,
        )  # fmt: skip
        if incident_id is None:
            return
        say = messages.gateway_silent(
            place.name, uid, silence.homes, silence.of_homes, silence.group[0].heard_at,
            hint=hint.zh, zone=settings().timezone,
        )  # fmt: skip
        await telling.incident(connection, incident_id, region_id, say, now)
        log.warning(
            "gateway_silent", village=place.name, gateway=uid, homes=silence.homes, of_homes=silence.of_homes,
            cause=hint.reason,
        )  # fmt: skip

    async def _open(
        self,
        connection: psycopg.AsyncConnection,
        kind: str,
        region_id: int,
        silence: VillageSilence,
        hint: Hint,
        now: datetime,
        *,
        drill_id: int | None,
        subject: str,
        gateway_id: int | None,
    ) -> int | None:
        """The incident's id; None where there is an open one already."""
        row = await (
            await connection.execute(
                sql("open_incident"),
                {
                    "kind": kind, "region": region_id, "drill": drill_id, "subject": subject, "gateway": gateway_id,
                    "began_at": silence.began_at, "now": now, "homes": silence.homes, "of_homes": silence.of_homes,
                    "cause": hint.reason, "hint": hint.en, "told_at": now,
                },
            )
        ).fetchone()  # fmt: skip
        if row is None:
            return None
        incident_id: int = row[0]
        since = [one.heard_at for one in silence.group]
        await connection.execute(sql("add_incident_devices"), (incident_id, list(silence.devices), since))
        await self._inhibit(connection, incident_id, list(silence.devices))
        return incident_id

    async def _inhibit(self, connection: psycopg.AsyncConnection, incident_id: int, devices: list[int]) -> None:
        places = {"incident": incident_id, "silence_rules": self._rules, "devices": devices}
        await connection.execute(sql("inhibit_silence"), places)

    async def end(self, connection: psycopg.AsyncConnection, now: datetime) -> list[Released]:
        """Ends what is over, with its recovery message. Returns the alarms that nothing explains any more."""
        await connection.execute(sql("note_devices_heard"), {"now": now})
        cursor = await connection.execute(sql("silences_under_way"))
        for incident_id, kind, region_id, place, subject, drill, homes, before, at, back in await cursor.fetchall():
            changed_at = at if back == before else now
            if back != before:
                await connection.execute(sql("note_homes_back"), (back, now, incident_id))
            if not is_over(homes, back, changed_at, now):
                continue
            ended = await (await connection.execute(sql("end_incident"), (now, incident_id))).fetchone()
            if ended is None:
                continue
            zone = settings().timezone
            if kind == "gateway_silent":
                say = messages.gateway_back(place, subject, back, homes, now, zone=zone)
            else:
                say = messages.village_back(place, back, homes, now, zone=zone, drill=drill)
            await outbox.tell_incident(connection, incident_id, region_id, "recovery", say, now)
            log.warning("silence_over", kind=kind, village=place, homes=back, of_homes=homes, drill=drill)
        cursor = await connection.execute(sql("release_inhibited"), {"explained_since": now - RELEASED_AFTER})
        return [Released(*row) for row in await cursor.fetchall()]


async def _gateway(connection: psycopg.AsyncConnection, gateway_id: int) -> tuple[str, bool | None]:
    """Its uid, and whether the broker last said that it is connected; None where it never said."""
    row = await (await connection.execute(sql("gateway_now"), (gateway_id,))).fetchone()
    return (row[0], row[1]) if row else (str(gateway_id), None)
