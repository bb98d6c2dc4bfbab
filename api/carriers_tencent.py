"""Where Tencent calls back: receipts and replies. Replies may come alone; the answer is in Tencent's own form."""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import APIRouter, Request

from alerts.channels.tencent_receipts import TAKEN, parse_replies, parse_reports
from alerts.reply import take_reply
from api.admission import CarrierRoute
from api.carriers import note, posted
from api.database import Database
from foundation.clock import utc_now
from foundation.logs import mask_phone

router = APIRouter(prefix="/carriers/{secret}", include_in_schema=False, route_class=CarrierRoute)
log = structlog.get_logger()


@router.post("/tencent/sms-report")
async def sms_report(request: Request, database: Database) -> dict[str, Any]:
    """Receipts of Tencent SMS. Answers success also for what it has had before: the carrier repeats itself."""
    reports = parse_reports(await posted(request))
    for receipt in reports.receipts:
        await note(database, receipt)
    if reports.skipped:
        log.warning("unreadable_receipts", count=reports.skipped)
    return TAKEN


@router.post("/tencent/sms-up")
async def sms_up(request: Request, database: Database) -> dict[str, Any]:
    """What people answered to an SMS of Tencent's."""
    replies = parse_replies(await posted(request))
    for reply in replies.replies:
        result = await take_reply(database, reply, utc_now())
        log.info("reply", phone=mask_phone(reply.phone), result=result)
    if replies.skipped:
        log.warning("unreadable_replies", count=replies.skipped)
    return TAKEN
