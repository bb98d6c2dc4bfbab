from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from alerts.channels.aliyun_signing import Call, signed_headers
from carriers.aliyun_signature import Received, SignatureCheck, SignatureRefused

KEY_ID, SECRET = "YourAccessKeyId", SecretStr("YourAccessKeySecret")
DATE = datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC)
NONCE = "3156853299f313e23d1673dc12e1703d"
# "V3 request structure and signature", Alibaba Cloud documentation: its worked example
EXAMPLE = Call(
    host="ecs.cn-shanghai.aliyuncs.com",
    action="RunInstances",
    version="2014-05-26",
    query={"ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd", "RegionId": "cn-shanghai"},
)
EXAMPLE_SIGNATURE = "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"

WITH_KEY = "ACS3-HMAC-SHA256 Credential={},SignedHeaders=host,Signature=00"


def received(call: Call, headers: dict[str, str], **changes: str) -> Received:
    lines = [(name.lower(), changes.get(name.lower(), value)) for name, value in headers.items()]
    return Received("POST", "/", changes.get("query", call.address_query), lines, b"")


def signed(call: Call = EXAMPLE, *, nonce: str = NONCE, date: datetime = DATE) -> dict[str, str]:
    return signed_headers(call, access_key_id=KEY_ID, secret=SECRET, date=date, nonce=nonce)


def checker(now: datetime = DATE) -> SignatureCheck:
    return SignatureCheck(KEY_ID, SECRET, lambda: now)


def test_the_vendors_example_gives_the_vendors_signature() -> None:
    assert signed()["Authorization"] == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,"
        "SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,"
        f"Signature={EXAMPLE_SIGNATURE}"
    )


def test_the_carrier_accepts_the_vendors_example() -> None:
    checker().check(received(EXAMPLE, signed()))


def test_query_is_encoded_as_rfc_3986_says() -> None:
    call = Call("host", "action", "version", {"b": "a b*c~d/e+", "A": "【暖哨】", "empty": ""})
    assert call.address_query == "A=%E3%80%90%E6%9A%96%E5%93%A8%E3%80%91&b=a%20b%2Ac~d%2Fe%2B&empty="


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=40), max_size=6))
def test_whatever_we_sign_the_carrier_understands(query: dict[str, str]) -> None:
    query = {
        name.encode("utf-8", "ignore").decode() or "x": value.encode("utf-8", "ignore").decode()
        for name, value in query.items()
    }
    call = Call("127.0.0.1:1", "SendSms", "2017-05-25", query)
    checker().check(received(call, signed(call)))
    assert dict(parse_qsl(Call("h", "a", "v", query).address_query, keep_blank_values=True)) == query


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"query": "ImageId=other&RegionId=cn-shanghai"}, "SignatureDoesNotMatch"),
        ({"x-acs-action": "DeleteInstances"}, "SignatureDoesNotMatch"),
        ({"host": "elsewhere.example"}, "SignatureDoesNotMatch"),
        ({"x-acs-content-sha256": "0" * 64}, "SignatureDoesNotMatch"),
        ({"authorization": "Bearer x"}, "IncompleteSignature"),
        ({"authorization": WITH_KEY.format("Z")}, "InvalidAccessKeyId.NotFound"),
        ({"authorization": WITH_KEY.format(KEY_ID)}, "SignatureDoesNotMatch"),
        ({"x-acs-date": "yesterday"}, "InvalidTimeStamp.Format"),
    ],
)
def test_a_changed_request_is_turned_away(changes: dict[str, str], code: str) -> None:
    with pytest.raises(SignatureRefused) as refused:
        checker().check(received(EXAMPLE, signed(), **changes))
    assert refused.value.code == code
    assert SECRET.get_secret_value() not in refused.value.message


@pytest.mark.parametrize("skew", [timedelta(minutes=15, seconds=1), -timedelta(minutes=15, seconds=1)])
def test_a_clock_more_than_15_minutes_off_is_turned_away(skew: timedelta) -> None:
    with pytest.raises(SignatureRefused, match=r"InvalidTimeStamp\.Expired"):
        checker(DATE + skew).check(received(EXAMPLE, signed()))


def test_a_nonce_is_good_once_and_only_a_valid_signature_uses_it_up() -> None:
    check = checker()
    with pytest.raises(SignatureRefused, match="SignatureDoesNotMatch"):
        check.check(received(EXAMPLE, signed(), query="x=1"))
    check.check(received(EXAMPLE, signed()))
    with pytest.raises(SignatureRefused, match="SignatureNonceUsed"):
        check.check(received(EXAMPLE, signed()))
    check.check(received(EXAMPLE, signed(nonce="another")))


def test_neither_call_nor_headers_hold_the_secret() -> None:
    assert SECRET.get_secret_value() not in repr((EXAMPLE, signed(), SECRET))
