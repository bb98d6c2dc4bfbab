"""Whether people were reached."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from alerts.reach_print import as_data
from alerts.reach_read import reach as read_reach
from api.access import Allowed
from api.database import Database
from foundation.clock import utc_now
from foundation.errors import NotFound
from foundation.settings import settings

router = APIRouter(prefix="/v1", tags=["messages"], dependencies=[Allowed])


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ReachFigures(_Answer):
    """Messages by what became of them; alarms that people were told of, and how soon somebody had them."""

    sent: int = Field(description="a carrier has taken them")
    delivered: int = Field(description="the carrier says that they have arrived")
    handed_over: int = Field(description="sent over a carrier that never says so")
    failed: int
    waiting: int = Field(description="no end yet")
    alarms: int = Field(description="that people were first told of on this day")
    acknowledged: int
    median_min: float | None = Field(description="minutes from told to acknowledged; null where none is")


class ReachRegion(_Answer):
    """A village in most cases; an incident may be that of a township or county."""

    code: str
    name: str
    figures: ReachFigures
    ways: dict[str, ReachFigures]


class ReachAnswer(_Answer):
    """One day, over everything, by way (sms, voice, …) and by region."""

    day: date
    figures: ReachFigures
    ways: dict[str, ReachFigures]
    regions: list[ReachRegion]


@router.get("/reach", responses={404: {"description": "no such region"}})
async def reach(
    database: Database,
    *,
    day: Annotated[date | None, Query(description="the villages' own day; without: today")] = None,
    region: Annotated[str | None, Query(description="code of a region; what lies below it counts")] = None,
) -> ReachAnswer:
    """Whether people were reached on a day. Drills are left out."""
    zone = settings().timezone
    asked = day or utc_now().astimezone(ZoneInfo(zone)).date()
    try:
        return ReachAnswer.model_validate(as_data(await read_reach(database, asked, zone, region)))
    except NotFound as missing:
        raise HTTPException(404, str(missing)) from None
