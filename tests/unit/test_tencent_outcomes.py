from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest

from alerts.channels.channel import Accepted, Outcome, Refused, Unknown
from alerts.channels.tencent_outcomes import FAMILIES, OUTCOMES, code_of, judge

elsewhere = partial(Refused, retryable=True, elsewhere=True)


def of_number(code: str, serial: str = "") -> dict[str, Any]:
    status = {"SerialNo": serial, "PhoneNumber": "+8613800000001", "Fee": 1, "Code": code, "Message": "…"}
    return {"Response": {"SendStatusSet": [status], "RequestId": "r"}}


def of_request(code: str) -> dict[str, Any]:
    return {"Response": {"Error": {"Code": code, "Message": "…"}, "RequestId": "r"}}


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, of_number("Ok", "5000:1"), Accepted("5000:1")),
        (200, of_number("LimitExceeded.PhoneNumberDailyLimit"), elsewhere("carrier_limit_day", after_s=3600)),
        (200, of_request("LimitExceeded.PhoneNumberDailyLimit"), elsewhere("carrier_limit_day", after_s=3600)),
        (200, of_number("LimitExceeded.InventedTomorrow"), elsewhere("account_limit", after_s=3600)),
        (200, of_number("InvalidParameterValue.IncorrectPhoneNumber"), Refused("number_invalid", retryable=False)),
        (200, of_request("AuthFailure.SignatureFailure"), elsewhere("credentials_refused", after_s=600)),
        (200, of_request("AuthFailure.SignatureExpire"), elsewhere("clock_wrong", after_s=60)),
        (200, of_request("RequestLimitExceeded.IPLimitExceeded"), elsewhere("carrier_busy", after_s=2)),
        (200, of_request("UnauthorizedOperation.InventedTomorrow"), elsewhere("account_refused", after_s=600)),
        (200, of_request("InventedTomorrow"), elsewhere("carrier_refused_other", after_s=600)),
        (500, of_request("InventedTomorrow"), Unknown("carrier_error")),
        (200, of_number("InternalError.Timeout"), Unknown("carrier_error")),
        (502, None, Unknown("carrier_error")),
        (200, None, Unknown("answer_unreadable")),
        (200, {"Response": {"SendStatusSet": []}}, Unknown("answer_unreadable")),
        (200, {"Response": {"SendStatusSet": [{"Code": 0}]}}, Unknown("answer_unreadable")),
        (200, ["Ok"], Unknown("answer_unreadable")),
    ],
)
def test_the_code_of_the_request_or_of_the_number_decides(status: int, body: object, outcome: Outcome) -> None:
    assert judge(status, body) == outcome


def test_every_reason_is_a_metric_label_and_every_retry_has_a_wait() -> None:
    for outcome in [*OUTCOMES.values(), *(outcome for _, outcome in FAMILIES)]:
        assert re.fullmatch(r"[a-z_]+", outcome.reason)
        if isinstance(outcome, Refused):
            assert outcome.retryable == (outcome.after_s > 0)


def test_the_code_for_a_log_holds_no_words() -> None:
    assert code_of(of_request("AuthFailure.SignatureFailure")) == "AuthFailure.SignatureFailure"
    assert code_of(of_number("x" * 500)) == "x" * 80
