"""What a mail server's codes mean for a message: as rows, by the step at which they came.

4yz is a refusal for now, 5yz one for good (RFC 5321, 4.2.1), with one difference: a refusal of us and not of the reader
(greeting, login, sender) is something that the desk can repair, and is tried again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from alerts.channels.channel import Refused

Step = Literal["connect", "tls", "login", "sender", "recipient", "data"]
OF_US: Final[tuple[Step, ...]] = ("connect", "tls", "login", "sender")
"""Steps at which a refusal is of us, not of the reader."""

_DESK_S = 600.0
"""How soon a person may have repaired an account: ask again every ten minutes."""
_BUSY_S = 60.0
_GREYLIST_S = 300.0
"""Servers that make strangers wait (450, 451) usually let them in after five minutes (our choice)."""
_FIRST_PERMANENT = 500

CREDENTIALS: Final = Refused("credentials_refused", retryable=True, after_s=_DESK_S, elsewhere=True)
TLS: Final = Refused("tls_refused", retryable=True, after_s=_DESK_S, elsewhere=True)
ACCOUNT: Final = Refused("account_refused", retryable=True, after_s=_DESK_S, elsewhere=True)
BUSY: Final = Refused("carrier_busy", retryable=True, after_s=_BUSY_S, elsewhere=True)
_TOO_LARGE = Refused("message_too_large", retryable=False)
_OTHER = Refused("carrier_refused_other", retryable=False)
_UNKNOWN_MAILBOX = Refused("mailbox_unknown", retryable=False)

CODES: Final[Mapping[int, Refused]] = {
    421: BUSY,
    432: CREDENTIALS,  # a password transition is needed (RFC 4954)
    450: Refused("mailbox_busy", retryable=True, after_s=_GREYLIST_S),
    451: Refused("carrier_error", retryable=True, after_s=_GREYLIST_S, elsewhere=True),
    452: Refused("carrier_full", retryable=True, after_s=_GREYLIST_S, elsewhere=True),
    454: Refused("tls_or_login_refused_for_now", retryable=True, after_s=_BUSY_S, elsewhere=True),
    530: CREDENTIALS,
    534: CREDENTIALS,
    535: CREDENTIALS,
    538: TLS,
    550: _UNKNOWN_MAILBOX,
    551: _UNKNOWN_MAILBOX,
    552: _TOO_LARGE,
    553: Refused("address_invalid", retryable=False),
    554: Refused("content_refused", retryable=False),
}
"""Codes: RFC 5321, 4.2.3; of logins RFC 4954, 6."""

OF_A_STEP: Final[Mapping[tuple[Step, int], Refused]] = {
    ("recipient", 552): Refused("mailbox_full", retryable=False),
    ("recipient", 554): Refused("carrier_refused_recipient", retryable=False),
    ("data", 550): Refused("content_refused", retryable=False),
    ("sender", 552): _TOO_LARGE,  # its size is said there
}
"""Codes that mean something else at this step."""


def judge(step: Step, code: int) -> Refused:
    """The outcome of a reply that is no success."""
    if (found := OF_A_STEP.get((step, code))) is not None:
        return found
    known = CODES.get(code)
    if known is not None and (known.retryable or step not in OF_US):
        return known
    if code < _FIRST_PERMANENT:
        return Refused("carrier_refused_for_now", retryable=True, after_s=_BUSY_S, elsewhere=True)
    return {"tls": TLS, "login": CREDENTIALS}.get(step, ACCOUNT) if step in OF_US else _OTHER
