from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from alerts.channels.channel import Receipt
from alerts.channels.tencent_receipts import parse_replies, parse_reports, pulled
from alerts.channels.tencent_templates import TEMPLATES, values

DELIVERED: dict[str, Any] = {
    "user_receive_time": "2026-01-08 00:10:07",
    "nationcode": "86",
    "mobile": "13800000001",
    "report_status": "SUCCESS",
    "errmsg": "DELIVRD",
    "description": "用户短信送达成功",
    "sid": "2019:1",
}
REPLY = {"extend": "", "mobile": "13800000001", "nationcode": "86", "sign": "暖哨", "text": " 1 ", "time": 1768510000}
SENT = datetime(2026, 1, 7, 16, tzinfo=UTC)


def test_a_receipt_is_known_by_its_serial_number_and_its_china_time_becomes_utc() -> None:
    at = datetime(2026, 1, 7, 16, 10, 7, tzinfo=UTC)
    assert parse_reports([DELIVERED]).receipts == [Receipt("2019:1", "", True, "delivered", at)]
    assert parse_reports(DELIVERED) == parse_reports([DELIVERED]), "alone, too"


@pytest.mark.parametrize(
    ("errmsg", "reason"),
    [
        ("MK:0024", "phone_off_or_out_of_reach"),
        ("mk:0001", "number_invalid"),
        ("MBBLACK", "phone_on_block_list"),
        ("DELIVRD", "delivery_failed_other"),
        ("", "delivery_failed_other"),
        ("IB:0042", "delivery_failed_other"),
    ],
)
def test_reasons_of_failure_are_bounded_and_never_sound_like_success(errmsg: str, reason: str) -> None:
    (receipt,) = parse_reports([DELIVERED | {"report_status": "FAIL", "errmsg": errmsg}]).receipts
    assert (receipt.delivered, receipt.reason) == (False, reason)


def test_junk_costs_itself_and_is_counted() -> None:
    junk: list[object] = [
        None, 7, "x", [], {}, DELIVERED | {"report_status": "perhaps"}, DELIVERED | {"sid": ""},
        DELIVERED | {"sid": "a\0b"}, DELIVERED | {"user_receive_time": "soon"},
    ]  # fmt: skip
    reports = parse_reports([*junk, DELIVERED])
    assert (len(reports.receipts), reports.skipped) == (1, len(junk))
    wrong = [REPLY | {"time": True}, REPLY | {"time": 10**18}, REPLY | {"mobile": ""}, REPLY | {"text": None}]
    replies = parse_replies([*wrong, REPLY])
    assert (len(replies.replies), replies.skipped) == (1, len(wrong))


def test_a_reply_comes_alone_and_a_repeated_one_has_the_same_name() -> None:
    (reply,) = parse_replies(REPLY).replies
    assert (reply.phone, reply.content, reply.at) == ("13800000001", "1", datetime.fromtimestamp(1768510000, UTC))
    assert parse_replies(REPLY).replies[0].sequence_id == reply.sequence_id
    assert parse_replies(REPLY | {"time": 1768510001}).replies[0].sequence_id != reply.sequence_id


def test_pulled_receipts_are_known_by_key_or_serial_number_only() -> None:
    row = {"UserReceiveTime": 1768510000, "SerialNo": "s-1", "ReportStatus": "FAIL", "Description": "MK:0024"}
    other = row | {"SerialNo": "s-2", "ReportStatus": "SUCCESS"}
    assert pulled([row, other, 7], key="n-1", serial="", sent_at=SENT) is None
    failed = pulled([row, other], key="n-1", serial="s-1", sent_at=SENT)
    assert failed == Receipt("s-1", "n-1", False, "phone_off_or_out_of_reach", datetime.fromtimestamp(1768510000, UTC))
    twice = [row | {"SessionContext": "n-1"}, other | {"SessionContext": "n-1"}]
    best = pulled(twice, key="n-1", serial="s-1", sent_at=SENT)
    assert best is not None
    assert best.delivered, "sent twice: the one that arrived speaks for both"
    assert pulled([row | {"ReportStatus": ""}], key="n-1", serial="s-1", sent_at=SENT) is None


def test_the_places_are_numbered_in_the_order_of_the_values() -> None:
    assert TEMPLATES["critical"] == "取暖警报：{1}，{2}，{3}，{4}起。处置：{5}。回复{6}确认，{7}误报，{8}求助。"
    params = {"do": "开窗", "since": "刚刚", "what": "一氧化碳", "home": "", "place": "向阳村"}
    assert values("critical", params) == ["向阳村", "全村", "一氧化碳", "刚刚", "开窗", "1", "2", "3"]
