"""Who is told now. Telephone numbers are masked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict

from alerts.channels.channel import Way
from alerts.recipients.board import as_data, boards
from api.access import Allowed
from api.database import Database
from foundation.clock import utc_now
from foundation.errors import NotFound

router = APIRouter(prefix="/v1", tags=["duty"], dependencies=[Allowed])


class DutyCard(BaseModel):
    """Somebody who is told. `step`: a level or a kind of organisation; `why`: the named reason."""

    model_config = ConfigDict(extra="forbid")

    step: str
    contact_id: int
    name: str
    role: str
    of: str
    phone: str
    language: str
    ways: tuple[Way, ...]
    why: str


class DutyRegion(BaseModel):
    """A region with those who are told of it."""

    model_config = ConfigDict(extra="forbid")

    code: str
    name: str
    level: str
    cards: tuple[DutyCard, ...]


class DutyAnswer(BaseModel):
    """Who is told at this moment."""

    model_config = ConfigDict(extra="forbid")

    at: datetime
    regions: list[DutyRegion]


@router.get("/duty", responses={404: {"description": "no such region"}})
async def duty(
    database: Database,
    *,
    region: Annotated[
        str | None, Query(description="code of a region: with the steps above it and organisations; without: all")
    ] = None,
    at: Annotated[AwareDatetime | None, Query(description="another moment than now")] = None,
) -> DutyAnswer:
    """Who is on duty now, at each step of the escalation, in which way they are reached and why they are told."""
    moment = at or utc_now()
    try:
        found = await boards(database, moment, region)
    except NotFound as missing:
        raise HTTPException(404, str(missing)) from None
    return DutyAnswer(at=moment, regions=[DutyRegion.model_validate(one) for one in as_data(found)])
