from __future__ import annotations

import re
from functools import partial

import pytest

from alerts.channels import wechat_outcomes, wecom_outcomes
from alerts.channels.channel import Accepted, Outcome, Refused, Unknown

again = partial(Refused, retryable=True, elsewhere=True)
never = partial(Refused, retryable=False)


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, {"errcode": 0, "errmsg": "ok"}, Accepted("")),
        (200, {"errcode": 0, "msgid": "m1"}, Accepted("m1")),
        (200, {"errcode": 0, "msgid": "m1", "invaliduser": ""}, Accepted("m1")),
        (200, {"errcode": 0, "msgid": "m1", "invaliduser": "wang"}, never("nobody_reached")),
        (200, {"errcode": 0, "msgid": "m1", "unlicenseduser": "wang"}, never("nobody_reached")),
        (200, {"errcode": 40058, "errmsg": "exceed max length 2048"}, never("text_refused")),
        (200, {"errcode": 45009}, again("carrier_limit_minute", after_s=60)),
        (200, {"errcode": 93000}, again("robot_refused", after_s=600)),
        (200, {"errcode": 40001}, again("credentials_refused", after_s=600)),
        (200, {"errcode": 40014}, again("credentials_refused", after_s=600)),
        (200, {"errcode": 42001}, again("credentials_refused", after_s=600)),
        (200, {"errcode": 60020}, again("address_not_allowed", after_s=600)),
        (200, {"errcode": 81013}, never("nobody_reached")),
        (200, {"errcode": 42014}, Accepted("")),
        (200, {"errcode": -1}, again("carrier_busy", after_s=5)),
        (200, {"errcode": 999999}, again("carrier_refused_other", after_s=600)),
        (500, {"errcode": 999999}, Unknown("carrier_error")),
        (502, None, Unknown("carrier_error")),
        (200, None, Unknown("answer_unreadable")),
        (200, {"errcode": True}, Unknown("answer_unreadable")),
        (200, {"errcode": "0"}, Unknown("answer_unreadable")),
        (200, ["ok"], Unknown("answer_unreadable")),
    ],
)
def test_what_wecoms_answers_mean(status: int, body: object, outcome: Outcome) -> None:
    assert wecom_outcomes.judge(status, body) == outcome


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({"errcode": 0, "msgid": 200163836}, Accepted("200163836")),
        ({"errcode": 45009}, again("carrier_limit_day", after_s=3600)),
        ({"errcode": 43117}, again("carrier_limit_minute", after_s=60)),
        ({"errcode": 43101}, never("not_subscribed")),
        ({"errcode": 43004}, never("not_subscribed")),
        ({"errcode": 40003}, never("nobody_reached")),
        ({"errcode": 47003}, never("template_params_refused")),
        ({"errcode": 40037}, again("template_refused", after_s=600)),
        ({"errcode": 40001}, again("credentials_refused", after_s=600)),
        ({"errcode": 40014}, again("credentials_refused", after_s=600)),
        ({"errcode": 42001}, again("credentials_refused", after_s=600)),
        ({"errcode": 40164}, again("address_not_allowed", after_s=600)),
        ({"errmsg": "?"}, Unknown("answer_unreadable")),
    ],
)
def test_what_wechats_answers_mean(body: object, outcome: Outcome) -> None:
    assert wechat_outcomes.judge(200, body) == outcome


def test_every_reason_is_a_metric_label_and_every_retry_has_a_wait() -> None:
    for outcome in [*wecom_outcomes.OUTCOMES.values(), *wechat_outcomes.OUTCOMES.values()]:
        assert re.fullmatch(r"[a-z_]+", outcome.reason)
        assert outcome.retryable == (outcome.after_s > 0)
