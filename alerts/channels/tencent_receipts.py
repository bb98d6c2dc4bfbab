"""Reads what Tencent tells of messages: receipts called back or pulled, and replies. Pure.

Receipts come as an array, or alone; a reply comes alone. Neither is signed, and neither holds our key: a receipt is
known by the carrier's serial number, a reply by the number that it came from. Times of receipts called back are in
+08:00 that does not say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from alerts.channels.aliyun_receipts import InboundReply, Replies, Reports, china_time, entries_of, text, typed
from alerts.channels.channel import Receipt

TAKEN: Final[dict[str, object]] = {"result": 0, "errmsg": "OK"}
"""What Tencent wants to hear."""

REASONS: Final[dict[str, str]] = {
    "UNDELIV": "delivery_failed_other",
    "EXPIRED": "phone_off_or_out_of_reach",
    "UNKNOWN": "delivery_failed_other",
    "REJECTD": "phone_rejected",
    "DELETED": "delivery_failed_other",
    "NOROUTE": "no_route",
    "MI:0024": "phone_off_or_out_of_reach",
    "MK:0001": "number_invalid",
    "MK:0005": "phone_account_abnormal",
    "MK:0012": "number_invalid",
    "MK:0013": "phone_account_abnormal",
    "MK:0024": "phone_off_or_out_of_reach",
}
"""The network's code → a bounded reason; anything else is `delivery_failed_other`. Of the codes of China's networks,
which number in hundreds, only the most frequent (M)."""
_BLOCK_LISTS: Final = ("MBBLACK", "BLACK", "XL:")
_LATEST = 4102444800
"""2100: a time beyond it is none."""


def parse_reports(body: object) -> Reports:
    """The receipts in a decoded callback."""
    receipts = [_receipt(entry) for entry in entries_of(body)]
    read = [receipt for receipt in receipts if receipt is not None]
    return Reports(read, len(receipts) - len(read))


def parse_replies(body: object) -> Replies:
    """The reply in a decoded callback, or several."""
    replies = [_reply(entry) for entry in entries_of(body)]
    read = [reply for reply in replies if reply is not None]
    return Replies(read, len(replies) - len(read))


def pulled(rows: Iterable[object], *, key: str, serial: str, sent_at: datetime) -> Receipt | None:
    """The receipt of one message among those that were pulled of its number.

    Known by the key where Tencent echoes the SessionContext, which it does on request only, else by the serial number.
    A message sent twice has two rows: the delivered one speaks for both.
    """
    mine = [
        row
        for row in rows
        if isinstance(row, dict)
        and row.get("ReportStatus") in ("SUCCESS", "FAIL")
        and (row.get("SessionContext") == key or (serial and row.get("SerialNo") == serial))
    ]
    if not mine:
        return None
    best = max(mine, key=lambda row: row.get("ReportStatus") == "SUCCESS")
    delivered = best.get("ReportStatus") == "SUCCESS"
    at = _unix(best.get("UserReceiveTime")) or sent_at
    reason = delivery_reason(text(best.get("Description")), delivered=delivered)
    return Receipt(text(best.get("SerialNo")), key, delivered, reason, at)


def delivery_reason(code: str, *, delivered: bool) -> str:
    """A bounded reason for the network's code."""
    if delivered:
        return "delivered"
    if code.upper().startswith(_BLOCK_LISTS):
        return "phone_on_block_list"
    return REASONS.get(code.upper(), "delivery_failed_other")


def _receipt(entry: Mapping[str, object]) -> Receipt | None:
    serial, status = text(entry.get("sid")), entry.get("report_status")
    at = china_time(entry.get("user_receive_time"))
    if not serial or at is None or status not in ("SUCCESS", "FAIL"):
        return None
    delivered = status == "SUCCESS"
    return Receipt(serial, "", delivered, delivery_reason(text(entry.get("errmsg")), delivered=delivered), at)


def _reply(entry: Mapping[str, object]) -> InboundReply | None:
    phone, content, at = text(entry.get("mobile")), entry.get("text"), _unix(entry.get("time"))
    if not phone or at is None or not isinstance(content, str):
        return None
    said = typed(content)
    # Tencent numbers no replies: the same second, number and words are the same reply repeated
    name = f"tencent-{phone}-{int(at.timestamp())}-{said[:20]}"
    return InboundReply(phone=phone, content=said, at=at, sequence_id=name)


def _unix(seconds: object) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 < seconds < _LATEST:
        return None
    return datetime.fromtimestamp(seconds, UTC)
