from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from alerts.channels.aliyun_receipts import InboundReply, parse_replies, parse_reports
from alerts.channels.channel import Receipt

DELIVERED: dict[str, Any] = {
    "phone_number": "13800000001",
    "send_time": "2026-01-08 00:10:00",
    "report_time": "2026-01-08 00:10:07",
    "success": True,
    "err_code": "DELIVERED",
    "err_msg": "用户接收成功",
    "sms_size": "1",
    "biz_id": "932702304080415357^0",
    "out_id": "n-17",
}


def test_a_receipt_is_read_and_its_china_time_becomes_utc() -> None:
    assert parse_reports([DELIVERED]).receipts == [
        Receipt("932702304080415357^0", "n-17", True, "delivered", datetime(2026, 1, 7, 16, 10, 7, tzinfo=UTC))
    ]


@pytest.mark.parametrize(
    ("changes", "delivered", "reason"),
    [
        ({"success": False, "err_code": "MOBILE_NOT_ON_SERVICE"}, False, "phone_off_or_out_of_reach"),
        ({"success": False, "err_code": "MK:0001"}, False, "delivery_failed_other"),
        ({"success": False, "err_code": "DELIVERED"}, False, "delivery_failed_other"),
        ({"success": "true"}, True, "delivered"),
        ({"out_id": None}, True, "delivered"),
        ({"report_time": ""}, True, "delivered"),
    ],
)
def test_reasons_are_bounded(changes: dict[str, Any], delivered: bool, reason: str) -> None:  # noqa: FBT001 - a case
    (receipt,) = parse_reports([DELIVERED | changes]).receipts
    assert (receipt.delivered, receipt.reason) == (delivered, reason)


def test_junk_costs_itself_and_is_counted() -> None:
    junk: list[object] = [
        None,
        7,
        "x",
        [],
        {},
        DELIVERED | {"success": "perhaps"},
        DELIVERED | {"biz_id": "", "out_id": ""},
    ]
    broken_time = DELIVERED | {"report_time": "soon", "send_time": 5}
    reports = parse_reports([*junk, broken_time, DELIVERED])
    assert (len(reports.receipts), reports.skipped) == (1, 8)


@pytest.mark.parametrize("body", [None, "", 0, {"code": 1}])
def test_a_body_that_is_no_array_is_one_skipped_entry(body: object) -> None:
    assert parse_reports(body).skipped == 1
    assert parse_replies(body).skipped == 1


def test_an_empty_array_is_nothing() -> None:
    assert parse_reports([]).skipped == 0


def test_a_reply_is_read() -> None:
    body = [
        {"phone_number": "13800000001", "content": " 1 ", "send_time": "2026-01-08 00:12:00", "sequence_id": 4711},
        {"phone_number": "", "content": "1", "send_time": "2026-01-08 00:12:00"},
    ]
    replies = parse_replies(body)
    assert replies.replies == [InboundReply("13800000001", "1", datetime(2026, 1, 7, 16, 12, tzinfo=UTC), "4711")]
    assert replies.skipped == 1
