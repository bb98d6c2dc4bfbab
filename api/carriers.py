"""Where carriers call back. They sign nothing, so the address itself is the secret (CHANNELS.md)."""

from __future__ import annotations

import secrets
from typing import Any

import structlog
from fastapi import APIRouter, HTTPException, Request

from alerts.channels.aliyun_receipts import parse_reports
from alerts.courier import record_receipt
from api.database import Database
from foundation.clock import utc_now
from foundation.settings import settings

router = APIRouter(prefix="/carriers", include_in_schema=False)
log = structlog.get_logger()

_MOST_BYTES = 1024 * 1024


def _admit(secret: str) -> None:
    wanted = settings().carrier_secret_path.get_secret_value()
    if not wanted or not secrets.compare_digest(secret.encode(), wanted.encode()):
        raise HTTPException(404)


@router.post("/{secret}/aliyun/sms-report")
async def sms_report(secret: str, request: Request, database: Database) -> dict[str, Any]:
    """Receipts of Aliyun SMS. Answers success also for what it has had before: the carrier repeats itself."""
    _admit(secret)
    if int(request.headers.get("content-length") or 0) > _MOST_BYTES:
        raise HTTPException(413)
    try:
        body = await request.json()
    except ValueError:
        raise HTTPException(400, "expected a JSON array of reports") from None
    reports = parse_reports(body)
    for receipt in reports.receipts:
        news = await record_receipt(database, receipt, utc_now())
        log.info("receipt", key=receipt.key, delivered=receipt.delivered, reason=receipt.reason, news=news)
    if reports.skipped:
        log.warning("unreadable_receipts", count=reports.skipped)
    return {"code": 0, "msg": "接收成功"}
