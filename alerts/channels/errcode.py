"""Answers with an `errcode`, as WeCom and the WeChat Official Account give them: HTTP is 200 also for a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from alerts.channels.channel import Accepted, Refused, Unknown

DESK_S: Final = 600.0
"""How soon a person may have repaired an account: what the desk can repair is tried again every ten minutes."""
TOKEN_CODES: Final = frozenset({40001, 40014, 42001})
"""The token is not known or has expired: fetched again once, and the message sent again in the same call."""

MINUTE: Final = Refused("carrier_limit_minute", retryable=True, after_s=60.0, elsewhere=True)
BUSY: Final = Refused("carrier_busy", retryable=True, after_s=5.0, elsewhere=True)
CREDENTIALS: Final = Refused("credentials_refused", retryable=True, after_s=DESK_S, elsewhere=True)
ACCOUNT: Final = Refused("account_refused", retryable=True, after_s=DESK_S, elsewhere=True)
ADDRESS: Final = Refused("address_not_allowed", retryable=True, after_s=DESK_S, elsewhere=True)
NOBODY: Final = Refused("nobody_reached", retryable=False)
OTHER: Final = Refused("carrier_refused_other", retryable=True, after_s=DESK_S, elsewhere=True)

_SERVER_ERROR = 500


def errcode(body: object) -> int | None:
    """The carrier's code, or None where the answer has none."""
    code = body.get("errcode") if isinstance(body, dict) else None
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def outcome_of(outcomes: Mapping[int, Refused], status: int, body: object) -> Accepted | Refused | Unknown:
    """The outcome by the carrier's table: the body decides, the status only where the body is silent."""
    code = errcode(body)
    if code is None or not isinstance(body, dict):
        return Unknown("carrier_error" if status >= _SERVER_ERROR else "answer_unreadable")
    if code == 0:
        return Accepted(str(body.get("msgid") or ""))
    known = outcomes.get(code)
    if known is None:
        return Unknown("carrier_error") if status >= _SERVER_ERROR else OTHER
    return known
