"""Reads what Aliyun calls back: SmsReport (receipts) and SmsUp (replies), arrays in +08:00 that does not say so.

Nothing here is signed by the carrier: the route that takes it must be secret, and a receipt is believed only where
its key or carrier id is one of ours. An entry that cannot be read costs itself, never its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from alerts.channels.channel import Receipt

CHINA = timezone(timedelta(hours=8))

DELIVERED = "DELIVERED"
REASONS: dict[str, str] = {
    DELIVERED: "delivered",
    "DELIVRD": "delivered",
    "MOBILE_NOT_ON_SERVICE": "phone_off_or_out_of_reach",
    "MOBILE_ACCOUNT_ABNORMAL": "phone_account_abnormal",
    "MOBILE_IN_BLACK": "phone_on_block_list",
    "MOBILE_SEND_LIMIT": "phone_limit",
    "MOBILE_TERMINAL_ERROR": "phone_error",
    "CONTENT_KEYWORD": "content_refused",
    "CONTENT_ERROR": "content_refused",
    "INVALID_NUMBER": "number_invalid",
    "NO_ROUTE": "no_route",
    "REQUEST_SUCCESS": "not_reported",
    "SP_NOT_BY_INTER_SMS": "number_invalid",
    "SP_UNKNOWN_ERROR": "carrier_error",
    "USER_REJECT": "phone_rejected",
}
"""The carrier's err_code → a bounded reason. Anything else is `delivery_failed_other`."""


@dataclass(frozen=True)
class InboundReply:
    """What a person typed back; `sequence_id` recognises a repeated callback."""

    phone: str
    content: str
    at: datetime
    sequence_id: str


@dataclass(frozen=True)
class Reports:
    """Receipts that could be read, and how many entries could not."""

    receipts: list[Receipt]
    skipped: int


@dataclass(frozen=True)
class Replies:
    """Replies that could be read, and how many entries could not."""

    replies: list[InboundReply]
    skipped: int


def parse_reports(body: object) -> Reports:
    """The receipts in a decoded SmsReport body; a body that is no array is one skipped entry."""
    receipts = [_receipt(entry) for entry in entries_of(body)]
    read = [receipt for receipt in receipts if receipt is not None]
    return Reports(read, len(receipts) - len(read))


def parse_replies(body: object) -> Replies:
    """The replies in a decoded SmsUp body."""
    replies = [_reply(entry) for entry in entries_of(body)]
    read = [reply for reply in replies if reply is not None]
    return Replies(read, len(replies) - len(read))


def delivery_reason(err_code: str, *, delivered: bool) -> str:
    """A bounded reason for the carrier's code."""
    if delivered:
        return "delivered"
    reason = REASONS.get(err_code.upper(), "delivery_failed_other")
    # a failure that calls itself DELIVERED must not read like a success
    return "delivery_failed_other" if reason == "delivered" else reason


def china_time(written: object) -> datetime | None:
    """`2026-01-07 23:10:05` in +08:00 → the moment in UTC, or None."""
    try:
        local = datetime.strptime(str(written), "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    except ValueError:
        return None
    return local.astimezone(UTC)


def entries_of(body: object) -> list[Mapping[str, object]]:
    """The entries of a decoded callback; what is no entry is an empty one, so that it can be counted."""
    entries = body if isinstance(body, list) else [body]
    return [entry if isinstance(entry, dict) else {} for entry in entries]


def _receipt(entry: Mapping[str, object]) -> Receipt | None:
    carrier_id, key = text(entry.get("biz_id")), text(entry.get("out_id"))
    at = china_time(entry.get("report_time")) or china_time(entry.get("send_time"))
    success = entry.get("success")
    if not (carrier_id or key) or at is None or success not in (True, False, "true", "false"):
        return None
    delivered = success in (True, "true")
    reason = delivery_reason(text(entry.get("err_code")), delivered=delivered)
    return Receipt(carrier_id=carrier_id, key=key, delivered=delivered, reason=reason, at=at)


def _reply(entry: Mapping[str, object]) -> InboundReply | None:
    phone, at = text(entry.get("phone_number")), china_time(entry.get("send_time"))
    content = entry.get("content")
    if not phone or at is None or not isinstance(content, str):
        return None
    return InboundReply(phone=phone, content=typed(content), at=at, sequence_id=text(entry.get("sequence_id")))


def text(value: object) -> str:
    """A name, number or code as text; empty for what is none, or what a database cannot keep (NUL, surrogates)."""
    found = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return found if found.isprintable() else ""


def typed(content: str) -> str:
    """What a person has typed, as a database can keep it."""
    return content.encode("utf-8", "replace").decode().replace("\0", "?").strip()
