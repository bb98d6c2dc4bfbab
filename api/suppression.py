"""What keeps people from being told: shelves and announced work; and how good the alarms are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query

from alerts.maintenance import Work, add_maintenance, end_maintenance
from alerts.quality_print import as_data
from alerts.quality_read import quality as read_quality
from alerts.shelving import Wish, shelve, unshelve
from api.access import Allowed
from api.database import Database, rows
from api.suppression_models import (
    Ended,
    Ending,
    Made,
    MaintenanceAnswer,
    MaintenanceWish,
    Quality,
    ShelvingAnswer,
    ShelvingWish,
)
from catalogue.rules import pack_in_force
from foundation.clock import utc_now
from foundation.errors import NotFound, SettingsError

router = APIRouter(prefix="/v1", tags=["suppression"], dependencies=[Allowed])

Everything = Annotated[bool, Query(alias="all", description="ended ones too")]
_MISSING: dict[int | str, dict[str, Any]] = {404: {"description": "it is not there"}}


@router.get("/alarms/quality")
async def quality(database: Database, *, days: Annotated[float, Query(gt=0, le=366)] = 7) -> Quality:
    """ISA-18.2's figures of the last days, each with target, verdict and what to do. Drills are left out."""
    return Quality.model_validate(as_data(await read_quality(database, utc_now(), days)))


@router.get("/shelvings")
async def shelvings(database: Database, *, everything: Everything = False) -> list[ShelvingAnswer]:
    """What is on the shelf, the newest first."""
    found = await rows(database, "list_shelvings", {"everything": everything, "now": utc_now()})
    return [ShelvingAnswer(**row) for row in found]


@router.post("/shelvings", responses=_MISSING)
async def shelve_it(wish: ShelvingWish, database: Database) -> Made:
    """Tells nobody of it for so long; what is still active is told afterwards. CO, gas and fire cannot be shelved."""
    with _refusals():
        asked = Wish(wish.by, wish.why, timedelta(minutes=wish.minutes), wish.alarm, wish.device, wish.rule)
        return Made(id=await shelve(database, pack_in_force(), asked, utc_now()))


@router.post("/shelvings/{shelving}/end", responses=_MISSING)
async def unshelve_it(shelving: int, ending: Ending, database: Database) -> Ended:
    """Takes it off the shelf before its time; what is still active is told at once."""
    with _refusals():
        ended = await unshelve(database, pack_in_force(), shelving, by=ending.by, now=utc_now())
    return Ended(ended_before=not ended)


@router.get("/maintenance")
async def maintenance(database: Database, *, everything: Everything = False) -> list[MaintenanceAnswer]:
    """Announced work under way and ahead."""
    found = await rows(database, "list_maintenance", {"everything": everything, "now": utc_now()})
    return [MaintenanceAnswer(**row) for row in found]


@router.post("/maintenance", responses=_MISSING)
async def announce(wish: MaintenanceWish, database: Database) -> Made:
    """Announces work: until its end nobody is told but of CO, gas and fire; what is left is told then."""
    now = utc_now()
    with _refusals():
        work = Work(
            wish.by, wish.why, wish.begins_at or now, wish.ends_at, wish.region, wish.home, wish.device,
            wish.device_type, wish.model,
        )  # fmt: skip
        return Made(id=await add_maintenance(database, pack_in_force(), work, now))


@router.post("/maintenance/{number}/end", responses=_MISSING)
async def end(number: int, ending: Ending, database: Database) -> Ended:
    """Ends work early or calls it off."""
    with _refusals():
        ended = await end_maintenance(database, pack_in_force(), number, by=ending.by, now=utc_now())
    return Ended(ended_before=not ended)


@contextmanager
def _refusals() -> Iterator[None]:
    """What may not be is 422, what is not there 404; both say what to do."""
    try:
        yield
    except SettingsError as refused:
        raise HTTPException(422, str(refused)) from None
    except NotFound as missing:
        raise HTTPException(404, str(missing)) from None
