from __future__ import annotations

from datetime import UTC, datetime

from pydantic import SecretStr

from alerts.channels.tencent_signing import TencentCall, signed_headers

PUBLISHED = r'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
HIDDEN = "*" * 32
"""The vendor's example hides its keys, and signs with the asterisks."""


def test_the_published_example() -> None:
    """cloud.tencent.com/document/api/382/52072"""
    call = TencentCall(
        "cvm", "cvm.tencentcloudapi.com", "DescribeInstances", "2017-03-12", PUBLISHED.encode(), "ap-guangzhou"
    )
    headers = signed_headers(
        call, secret_id=f"AKID{HIDDEN}", secret=SecretStr(HIDDEN), at=datetime.fromtimestamp(1551113065, UTC)
    )
    assert headers["authorization"] == (
        f"TC3-HMAC-SHA256 Credential=AKID{HIDDEN}/2019-02-25/cvm/tc3_request,"
        " SignedHeaders=content-type;host;x-tc-action,"
        " Signature=10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"
    )
    assert (headers["x-tc-timestamp"], headers["x-tc-region"]) == ("1551113065", "ap-guangzhou")


def test_the_day_is_that_of_utc_and_the_host_keeps_its_port() -> None:
    call = TencentCall("sms", "127.0.0.1:8099", "SendSms", "2021-01-11", b"{}")
    evening = datetime.fromisoformat("2026-01-08T07:59:00+08:00")
    headers = signed_headers(call, secret_id="id", secret=SecretStr("key"), at=evening)
    assert "/2026-01-07/sms/" in headers["authorization"]
    assert headers["host"] == "127.0.0.1:8099"
    assert "x-tc-region" not in headers
