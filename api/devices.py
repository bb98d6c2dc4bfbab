"""Devices and their latest readings."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

from api.access import Allowed
from api.database import Database, OfDrills, only_drills, rows
from api.models import DeviceAnswer, LatestReading, Page, measured

router = APIRouter(prefix="/v1/devices", tags=["devices"], dependencies=[Allowed])


@router.get("")
async def devices(
    database: Database,
    *,
    village: Annotated[str | None, Query(description="village code")] = None,
    home: Annotated[str | None, Query(description="home code")] = None,
    device_type: Annotated[str | None, Query(alias="type")] = None,
    drill: OfDrills = "false",
    after: Annotated[str, Query(description="uid after which the page starts")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Page:
    """Registered devices, in the order of their uids."""
    found = await rows(
        database,
        "devices_page",
        {
            "after": after,
            "village": village,
            "home": home,
            "type": device_type,
            "drill": only_drills(drill),
            "limit": limit + 1,
        },
    )
    answers = [DeviceAnswer(**row) for row in found[:limit]]
    return Page(devices=answers, next=answers[-1].uid if len(found) > limit else None)


@router.get(
    "/{uid}/latest",
    response_model_exclude_unset=True,
    responses={404: {"description": "no such device, or it has not reported yet"}},
)
async def latest(uid: str, database: Database) -> LatestReading:
    """The newest reading of a device."""
    found = await rows(database, "device_latest_reading", (uid,))
    if not found:
        known = await rows(database, "device_exists", (uid,))
        raise HTTPException(404, f"{uid} has not reported yet" if known else f"there is no device {uid}")
    row = found[0]
    return LatestReading(
        uid=row["uid"],
        type=row["type"],
        ts=row["ts"],
        received_at=row["received_at"],
        seq=row["seq"],
        boot=row["boot"],
        fault=row["fault"],
        flags=row["flag_names"],
        metrics=measured(row),
    )
