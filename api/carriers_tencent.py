"""Where Tencent calls back: receipts and replies. Replies may come alone; the answer is in Tencent's own form."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from alerts.channels.tencent_receipts import TAKEN, parse_replies, parse_reports
from api.admission import CarrierRoute
from api.carriers import posted, take_replies, take_reports
from api.database import Database

router = APIRouter(prefix="/carriers/{secret}", include_in_schema=False, route_class=CarrierRoute)


@router.post("/tencent/sms-report")
async def sms_report(request: Request, database: Database) -> dict[str, Any]:
    """Receipts of Tencent SMS. Answers success also for what it has had before: the carrier repeats itself."""
    await take_reports(database, parse_reports(await posted(request)))
    return TAKEN


@router.post("/tencent/sms-up")
async def sms_up(request: Request, database: Database) -> dict[str, Any]:
    """What people answered to an SMS of Tencent's."""
    await take_replies(database, parse_replies(await posted(request)))
    return TAKEN
