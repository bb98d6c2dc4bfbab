"""Signed webhooks: the signature, the receivers' lines, what a status means."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from alerts.channels.channel import Accepted, Message, Refused
from alerts.channels.webhook import LONGEST_WAIT_S, as_body, judge
from alerts.channels.webhook_signing import id_of, key_of, signed_headers
from alerts.channels.webhook_targets import name_of, targets
from foundation.errors import SettingsError

NOW = datetime(2026, 1, 15, 19, 0, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="


def test_the_specifications_own_example() -> None:
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = signed_headers([key_of(SECRET)], "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_second_secret_signs_too() -> None:
    both = signed_headers([key_of(SECRET), key_of(OTHER)], "m", NOW, b"{}")["webhook-signature"]
    single = [signed_headers([key_of(one)], "m", NOW, b"{}")["webhook-signature"] for one in (SECRET, OTHER)]
    assert both.split(" ") == single


def test_an_id_holds_no_full_stop_and_nothing_that_a_header_may_not() -> None:
    assert id_of("alarm-1-raised-7-5-webhook") == "alarm-1-raised-7-5-webhook"
    assert id_of("a.b\r\nx: y暖") == "a_b__x__y_"


@pytest.mark.parametrize("secret", ["", "plain", "whsec_", "whsec_kurz", "whsec_c2hvcnQ=", "whsec_" + "QUJD" * 22])
def test_a_weak_or_malformed_secret_is_refused_without_repeating_it(secret: str) -> None:
    with pytest.raises(ValueError, match=r"secret|base64|bytes") as refused:
        key_of(secret)
    assert secret == "" or secret not in str(refused.value)


def test_lines_name_receivers() -> None:
    found = targets(
        f"# desks\n\ncounty=https://desk.example.cn/in?t=token {SECRET}\nlab=http://127.0.0.1:9/x {SECRET} {OTHER}\n"
    )
    assert list(found) == ["county", "lab"]
    assert found["county"].url == "https://desk.example.cn/in?t=token"
    assert (found["county"].where.local, found["lab"].where.local, len(found["lab"].keys)) == (False, True, 2)
    assert "token" not in repr(found)
    assert str(found["county"].keys[0]) not in repr(found)
    assert name_of("webhook:county") == name_of("county") == "county"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f"county=http://desk.example.cn/x {SECRET}", "in clear"),
        (f"county=ftp://desk.example.cn/x {SECRET}", "no web address"),
        (f"county=https://u:hush@desk.example.cn/x {SECRET}", "a user"),
        (f"county=https://desk.example.cn/x#hush {SECRET}", "a fragment"),
        ("county=https://desk.example.cn/hush", "no name, address and secret"),
        (f"https://desk.example.cn/hush?a=b {SECRET}", "no name, address and secret"),
        (f"=https://desk.example.cn/hush {SECRET}", "no name, address and secret"),
        ("county=https://desk.example.cn/x whsec_hush!", "base64"),
        (f"a=https://x.cn {SECRET}\na=https://y.cn/hush {SECRET}", "stands twice"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_used_is_refused_without_repeating_what_is_secret(line: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as refused:
        targets(line)
    text = str(refused.value)
    assert text.startswith("NUANSHAO_WEBHOOKS, line ")
    for hidden in (SECRET, "hush"):
        assert hidden not in text


@pytest.mark.parametrize(
    ("status", "after", "outcome"),
    [
        (200, "", Accepted("")),
        (204, "", Accepted("")),
        (301, "", Refused("receiver_redirects", retryable=False)),
        (400, "", Refused("receiver_refused", retryable=False)),
        (401, "", Refused("credentials_refused", retryable=False)),
        (404, "", Refused("receiver_not_there", retryable=False)),
        (408, "", Refused("receiver_timeout", retryable=True, after_s=5)),
        (410, "", Refused("receiver_gone", retryable=False)),
        (413, "", Refused("message_too_large", retryable=False)),
        (422, "9", Refused("receiver_refused", retryable=False)),
        (425, "", Refused("receiver_too_early", retryable=True, after_s=5)),
        (429, "", Refused("receiver_limit", retryable=True, after_s=30)),
        (429, "7", Refused("receiver_limit", retryable=True, after_s=7)),
        (429, "999999999999", Refused("receiver_limit", retryable=True, after_s=LONGEST_WAIT_S)),
        (429, "Thu, 15 Jan 2026 19:01:30 GMT", Refused("receiver_limit", retryable=True, after_s=90)),
        (429, "Thu, 15 Jan 2026 18:00:00 GMT", Refused("receiver_limit", retryable=True, after_s=0)),
        (429, "soon", Refused("receiver_limit", retryable=True, after_s=30)),
        (429, "-5", Refused("receiver_limit", retryable=True, after_s=30)),
        (500, "", Refused("receiver_error", retryable=True, after_s=5)),
        (503, "60", Refused("receiver_error", retryable=True, after_s=60)),
        (599, "", Refused("receiver_error", retryable=True, after_s=5)),
    ],
)
def test_what_a_status_means(status: int, after: str, outcome: Accepted | Refused) -> None:
    assert judge(status, after, NOW) == outcome


def test_the_body_is_the_whole_message() -> None:
    message = Message(
        "webhook:county", "critical", {"place": "向阳村"}, "k-1", "一氧化碳超标", "zh-CN", "https://n.cn/a/x"
    )
    assert json.loads(as_body(message, NOW)) == {
        "key": "k-1", "template": "critical", "language": "zh-CN", "text": "一氧化碳超标",
        "params": {"place": "向阳村"}, "link": "https://n.cn/a/x", "sent_at": "2026-01-15T19:00:00+00:00",
    }  # fmt: skip
