"""Where carriers call back. They sign nothing, so the address itself is the secret (CHANNELS.md)."""

from __future__ import annotations

import json
import secrets
from typing import Any

import structlog
from fastapi import APIRouter, HTTPException, Request

from alerts.channels.aliyun_receipts import parse_replies, parse_reports
from alerts.channels.channel import Receipt
from alerts.courier import record_receipt
from alerts.reply import take_reply
from api.database import Database
from foundation.clock import utc_now
from foundation.logs import mask_phone
from foundation.settings import settings

router = APIRouter(prefix="/carriers", include_in_schema=False)
log = structlog.get_logger()

_MOST_BYTES = 1024 * 1024
TAKEN = {"code": 0, "msg": "接收成功"}


def admit(secret: str) -> None:
    """Raises 404 for who does not know the secret part of the address."""
    wanted = settings().carrier_secret_path.get_secret_value()
    if not wanted or not secrets.compare_digest(secret.encode(), wanted.encode()):
        raise HTTPException(404)


async def posted(secret: str, request: Request) -> object:
    """The JSON that a carrier posted, if it knows the address and does not send too much."""
    admit(secret)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_BYTES:
            raise HTTPException(413)
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "expected JSON") from None


async def note(database: Database, receipt: Receipt) -> None:
    """Writes one receipt down; one that was had before changes nothing."""
    news = await record_receipt(database, receipt, utc_now())
    log.info("receipt", key=receipt.key, delivered=receipt.delivered, reason=receipt.reason, news=news)


@router.post("/{secret}/aliyun/sms-report")
async def sms_report(secret: str, request: Request, database: Database) -> dict[str, Any]:
    """Receipts of Aliyun SMS. Answers success also for what it has had before: the carrier repeats itself."""
    reports = parse_reports(await posted(secret, request))
    for receipt in reports.receipts:
        await note(database, receipt)
    if reports.skipped:
        log.warning("unreadable_receipts", count=reports.skipped)
    return TAKEN


@router.post("/{secret}/aliyun/sms-up")
async def sms_up(secret: str, request: Request, database: Database) -> dict[str, Any]:
    """What people answered: 1 acknowledges the newest open alarm that their number was told of."""
    replies = parse_replies(await posted(secret, request))
    for reply in replies.replies:
        result = await take_reply(database, reply, utc_now())
        log.info("reply", phone=mask_phone(reply.phone), result=result)
    if replies.skipped:
        log.warning("unreadable_replies", count=replies.skipped)
    return TAKEN
