"""What the Official Account's answers mean for a template message: errcode → outcome, as rows.

Codes: developers.weixin.qq.com, "template message" and "global return codes", and CHANNELS.md.
"""

from __future__ import annotations

from alerts.channels.channel import Outcome, Refused
from alerts.channels.errcode import ACCOUNT, ADDRESS, BUSY, CREDENTIALS, DESK_S, MINUTE, NOBODY, outcome_of

_NOT_SUBSCRIBED = Refused("not_subscribed", retryable=False)
_PARAMS = Refused("template_params_refused", retryable=False)

OUTCOMES: dict[int, Refused] = {
    -1: BUSY,
    45009: Refused("carrier_limit_day", retryable=True, after_s=3600.0, elsewhere=True),  # 100 000 a day
    45011: MINUTE,
    43117: MINUTE,  # too frequent
    43101: _NOT_SUBSCRIBED,
    43004: _NOT_SUBSCRIBED,
    43019: _NOT_SUBSCRIBED,  # on the account's block list
    40003: NOBODY,
    40037: Refused("template_refused", retryable=True, after_s=DESK_S, elsewhere=True),
    47001: _PARAMS,
    47003: _PARAMS,
    48001: ACCOUNT,
    50002: ACCOUNT,
    40164: ADDRESS,
    61004: ADDRESS,
    40001: CREDENTIALS,
    40013: CREDENTIALS,
    40014: CREDENTIALS,
    40125: CREDENTIALS,
    41004: CREDENTIALS,
    42001: CREDENTIALS,
}


def judge(status: int, body: object) -> Outcome:
    """The outcome of a call that was answered."""
    return outcome_of(OUTCOMES, status, body)
