"""Where carriers call back. They sign nothing: the address itself is the secret (api/admission.py)."""

from __future__ import annotations

import json
from typing import Any

import structlog
from fastapi import APIRouter, HTTPException, Request

from alerts.channels.aliyun_receipts import Replies, Reports, parse_replies, parse_reports
from alerts.channels.channel import Receipt
from alerts.courier import record_receipt
from alerts.reply import take_reply
from api.admission import CarrierRoute
from api.database import Database
from foundation.clock import utc_now
from foundation.logs import mask_phone

router = APIRouter(prefix="/carriers/{secret}", include_in_schema=False, route_class=CarrierRoute)
log = structlog.get_logger()

TAKEN = {"code": 0, "msg": "接收成功"}


async def posted(request: Request) -> object:
    """The JSON that a carrier posted."""
    body = await request.body()
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "expected JSON") from None


async def note(database: Database, receipt: Receipt) -> None:
    """Writes one receipt down; one that was had before changes nothing."""
    news = await record_receipt(database, receipt, utc_now())
    log.info("receipt", key=receipt.key, delivered=receipt.delivered, reason=receipt.reason, news=news)


async def take_reports(database: Database, reports: Reports) -> None:
    """Writes receipts down, and says how many could not be read."""
    for receipt in reports.receipts:
        await note(database, receipt)
    if reports.skipped:
        log.warning("unreadable_receipts", count=reports.skipped)


async def take_replies(database: Database, replies: Replies) -> None:
    """Does what people answered, and says how many answers could not be read."""
    for reply in replies.replies:
        result = await take_reply(database, reply, utc_now())
        log.info("reply", phone=mask_phone(reply.phone), result=result)
    if replies.skipped:
        log.warning("unreadable_replies", count=replies.skipped)


@router.post("/aliyun/sms-report")
async def sms_report(request: Request, database: Database) -> dict[str, Any]:
    """Receipts of Aliyun SMS. Answers success also for what it has had before: the carrier repeats itself."""
    await take_reports(database, parse_reports(await posted(request)))
    return TAKEN


@router.post("/aliyun/sms-up")
async def sms_up(request: Request, database: Database) -> dict[str, Any]:
    """What people answered: 1 acknowledges the newest open alarm that their number was told of."""
    await take_replies(database, parse_replies(await posted(request)))
    return TAKEN
