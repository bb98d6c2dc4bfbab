"""Where Aliyun tells of calls: how they ended, and which key was pressed."""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import APIRouter, Request

from alerts.answer import answer
from alerts.channels.aliyun_call_reports import CallReport, parse_call_reports
from alerts.channels.channel import Receipt
from api.admission import CarrierRoute
from api.carriers import TAKEN, note, posted
from api.database import Database
from foundation.clock import utc_now
from foundation.errors import NotFound
from store.named_sql import sql

router = APIRouter(prefix="/carriers/{secret}", include_in_schema=False, route_class=CarrierRoute)
log = structlog.get_logger()


@router.post("/aliyun/voice-report")
async def voice_report(request: Request, database: Database) -> dict[str, Any]:
    """Reports of calls, ended or under way. A key that was pressed answers the message; a repeated one does nothing."""
    reports = parse_call_reports(await posted(request))
    for report in reports.reports:
        await _take(database, report)
    if reports.skipped:
        log.warning("unreadable_call_reports", count=reports.skipped)
    return TAKEN


async def _take(database: Database, report: CallReport) -> None:
    # before the receipt, which ends the message: an ended one is found by the carrier's name for it only
    row = await (await database.execute(sql("message_of_call"), (report.call_id, report.out_id))).fetchone()
    if row is None:
        log.info("call_of_nobody", call=report.call_id)
        return
    (key,) = row
    if report.answered is not None:
        await note(database, Receipt(report.call_id, key, report.answered, report.reason, report.at))
    if report.verb is not None:
        try:
            result: str = await answer(database, key=key, verb=report.verb, how="voice", now=utc_now())
        except NotFound:
            result = "nothing_to_acknowledge"  # its alarm is gone; the other calls of this callback are not to blame
        log.info("key_pressed", key=key, verb=report.verb, result=result)
