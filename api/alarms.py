"""Alarms, incidents and the messages about them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

from alerts.answers.book import About, say
from alerts.duty_trace import trace
from alerts.incident_list import by_home, with_words
from api.access import Allowed
from api.database import Database, OfDrills, only_drills, rows
from api.models import (
    Acknowledged,
    Acknowledgement,
    AlarmAnswer,
    IncidentAnswer,
    IncidentDetail,
    IncidentHome,
    NotificationAnswer,
    TraceAnswer,
)
from catalogue.rules import pack_in_force
from foundation.clock import utc_now
from foundation.errors import NotFound
from foundation.sealing import masked

router = APIRouter(prefix="/v1", tags=["alarms"], dependencies=[Allowed])

Limit = Annotated[int, Query(ge=1, le=5000)]


@router.get("/alarms")
async def alarms(
    database: Database,
    *,
    everything: Annotated[bool, Query(alias="all", description="closed ones too")] = False,
    suppressed: Annotated[
        bool, Query(description="also those that people are not told of: shelved, explained by an incident, …")
    ] = False,
    village: Annotated[str | None, Query(description="village code")] = None,
    drill: OfDrills = "false",
    limit: Limit = 500,
) -> list[AlarmAnswer]:
    """Open alarms, the most urgent first; those of drills, where asked for, after all others."""
    places = {
        "everything": everything,
        "suppressed": suppressed,
        "village": village,
        "drill": only_drills(drill),
        "limit": limit,
    }
    answers, rules = [], pack_in_force().by_id
    for row in await rows(database, "list_alarms", places):
        rule = rules.get(row["rule"])
        answers.append(
            AlarmAnswer(
                **row,
                title=rule.en if rule else row["rule"],
                title_zh=rule.zh if rule else row["rule"],
                source=rule.source if rule else "the rule pack no longer has this rule",
            )
        )
    return answers


@router.post("/alarms/{alarm_id}/acknowledge", responses={404: {"description": "no such alarm"}})
async def acknowledge(alarm_id: int, acknowledgement: Acknowledgement, database: Database) -> Acknowledged:
    """A person says: I have it; or that it is a false alarm, or asks for help. The first acknowledgement stands."""
    return await _say(database, About(alarm_id=alarm_id), acknowledgement)


async def _say(database: Database, about: About, said: Acknowledgement) -> Acknowledged:
    try:
        return Acknowledged(result=await say(database, about, who=said.by, verb=said.verb, how="api", now=utc_now()))
    except NotFound as missing:
        raise HTTPException(404, str(missing)) from None


@router.get("/alarms/{alarm_id}/trace", responses={404: {"description": "no such alarm"}})
async def trace_of_alarm(alarm_id: int, database: Database) -> list[TraceAnswer]:
    """The trace of duty: who was told when and how, who has it, who was told next."""
    try:
        return [TraceAnswer(**row) for row in await trace(database, alarm=alarm_id)]
    except NotFound as missing:
        raise HTTPException(404, str(missing)) from None


@router.get("/incidents/{incident_id}/trace", responses={404: {"description": "no such incident"}})
async def trace_of_incident(incident_id: int, database: Database) -> list[TraceAnswer]:
    """The same of an incident."""
    try:
        return [TraceAnswer(**row) for row in await trace(database, incident=incident_id)]
    except NotFound as missing:
        raise HTTPException(404, str(missing)) from None


@router.get("/incidents")
async def incidents(
    database: Database,
    *,
    everything: Annotated[bool, Query(alias="all", description="ended ones too")] = False,
    drill: OfDrills = "false",
) -> list[IncidentAnswer]:
    """Incidents under way, the newest first."""
    places = {"everything": everything, "drill": only_drills(drill), "incident": None, "part_of": None}
    return [IncidentAnswer(**with_words(row)) for row in await rows(database, "list_incidents", places)]


@router.get("/incidents/{incident_id}", responses={404: {"description": "no such incident"}})
async def incident(incident_id: int, database: Database) -> IncidentDetail:
    """One incident with its homes: which fell silent when, and which are back."""
    places = {"everything": True, "drill": None, "incident": incident_id, "part_of": None}
    found = await rows(database, "list_incidents", places)
    if not found:
        raise HTTPException(404, f"there is no incident {incident_id}")
    parts = await rows(database, "list_incidents", {**places, "incident": None, "part_of": incident_id})
    devices = await rows(database, "devices_of_incident", {"incident": incident_id})
    return IncidentDetail(
        **with_words(found[0]),
        affected=[IncidentHome(**home) for home in by_home(devices)],
        parts=[IncidentAnswer(**with_words(part)) for part in parts],
    )


@router.post("/incidents/{incident_id}/acknowledge", responses={404: {"description": "no such incident"}})
async def acknowledge_incident(incident_id: int, acknowledgement: Acknowledgement, database: Database) -> Acknowledged:
    """The same of an incident; it ends when its cause does."""
    return await _say(database, About(incident_id=incident_id), acknowledgement)


@router.get("/notifications")
async def notifications(
    database: Database, *, drill: OfDrills = "false", limit: Limit = 200
) -> list[NotificationAnswer]:
    """Messages to people, the newest first, and what became of them."""
    found = await rows(database, "list_notifications", {"drill": only_drills(drill), "limit": limit})
    return [NotificationAnswer(**{**row, "phone": masked(row["phone"])}) for row in found]
