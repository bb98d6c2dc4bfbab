from __future__ import annotations

import re
from functools import partial

import pytest

from alerts.channels.aliyun_outcomes import LIMITS, OUTCOMES, judge
from alerts.channels.channel import Accepted, Outcome, Refused, Unknown

elsewhere = partial(Refused, retryable=True, elsewhere=True)


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, {"Code": "OK", "Message": "OK", "BizId": "9^0"}, Accepted("9^0")),
        (200, {"Code": "isv.BUSINESS_LIMIT_CONTROL", "Message": "触发分钟级流控Permits:1"},
         elsewhere("carrier_limit_minute", after_s=60)),
        (200, {"Code": "isv.BUSINESS_LIMIT_CONTROL", "Message": "触发小时级流控Permits:5"},
         elsewhere("carrier_limit_hour", after_s=3600)),
        (200, {"Code": "isv.BUSINESS_LIMIT_CONTROL", "Message": "触发天级流控Permits:50"},
         elsewhere("carrier_limit_day", after_s=3600)),
        (200, {"Code": "isv.BUSINESS_LIMIT_CONTROL"}, elsewhere("carrier_limit_other", after_s=3600)),
        (200, {"Code": "isv.MOBILE_NUMBER_ILLEGAL"}, Refused("number_invalid", retryable=False)),
        (400, {"Code": "SignatureDoesNotMatch"}, elsewhere("credentials_refused", after_s=600)),
        (400, {"Code": "Throttling.User"}, elsewhere("carrier_busy", after_s=2)),
        (200, {"Code": "isv.INVENTED_TOMORROW"}, elsewhere("carrier_refused_other", after_s=600)),
        (500, {"Code": "isv.INVENTED_TOMORROW"}, Unknown("carrier_error")),
        (503, {"Code": "ServiceUnavailable"}, Unknown("carrier_error")),
        (502, None, Unknown("carrier_error")),
        (200, None, Unknown("answer_unreadable")),
        (200, ["OK"], Unknown("answer_unreadable")),
        (200, {"Code": 0}, Unknown("answer_unreadable")),
    ],
)  # fmt: skip
def test_the_body_decides_what_an_answer_means(status: int, body: object, outcome: Outcome) -> None:
    assert judge(status, body) == outcome


def test_every_reason_is_a_metric_label_and_every_retry_has_a_wait() -> None:
    for outcome in [*OUTCOMES.values(), *(outcome for _, outcome in LIMITS)]:
        assert re.fullmatch(r"[a-z_]+", outcome.reason)
        if isinstance(outcome, Refused):
            assert outcome.retryable == (outcome.after_s > 0)


@pytest.mark.parametrize(
    "code",
    [
        "isv.DAY_LIMIT_CONTROL",
        "isv.MOBILE_NUMBER_ILLEGAL",
        "isv.TEMPLATE_MISSING_PARAMETERS",
        "isv.PARAM_LENGTH_LIMIT",
        "isv.AMOUNT_NOT_ENOUGH",
        "isv.OUT_OF_SERVICE",
        "isv.SMS_CONTENT_ILLEGAL",
        "isv.SMS_SIGN_ILLEGAL",
        "isp.RAM_PERMISSION_DENY",
    ],
)
def test_every_code_we_know_of_has_a_row(code: str) -> None:
    assert code in OUTCOMES
