"""What WeCom's answers mean for a message: errcode → outcome, as rows. Group robot and application share the codes.

Codes: developer.work.weixin.qq.com/document/path/90313, and CHANNELS.md for those seen on the wire.
"""

from __future__ import annotations

from alerts.channels.channel import Accepted, Outcome, Refused
from alerts.channels.errcode import ACCOUNT, ADDRESS, BUSY, CREDENTIALS, DESK_S, MINUTE, NOBODY, errcode, outcome_of

_TEXT = Refused("text_refused", retryable=False)
_ROBOT = Refused("robot_refused", retryable=True, after_s=DESK_S, elsewhere=True)

SENT_BEFORE = 42014
"""taskid has existed: the card with our key is with the carrier already."""

OUTCOMES: dict[int, Refused] = {
    -1: BUSY,
    6000: BUSY,
    45033: BUSY,
    45009: MINUTE,
    40058: _TEXT,  # too long, or not what the carrier can read
    40008: _TEXT,
    40033: _TEXT,
    44004: _TEXT,
    45002: _TEXT,
    93000: _ROBOT,  # no such key, or put out of its group
    93004: _ROBOT,
    93008: _ROBOT,
    40001: CREDENTIALS,
    40013: CREDENTIALS,
    40014: CREDENTIALS,
    42001: CREDENTIALS,
    40056: ACCOUNT,
    48002: ACCOUNT,
    50003: ACCOUNT,
    60011: ACCOUNT,
    301002: ACCOUNT,
    60020: ADDRESS,
    40003: NOBODY,
    60111: NOBODY,
    81013: NOBODY,
    82001: NOBODY,
}


def judge(status: int, body: object) -> Outcome:
    """The outcome of a call that was answered."""
    if errcode(body) == SENT_BEFORE:
        return Accepted("")
    outcome = outcome_of(OUTCOMES, status, body)
    # every message has one recipient: where that one is named as invalid, "ok" has reached nobody
    if isinstance(outcome, Accepted) and isinstance(body, dict):
        return NOBODY if body.get("invaliduser") or body.get("unlicenseduser") else outcome
    return outcome
