"""What Aliyun's answers to a call mean, as rows: those of SMS, and what only voice says.

Codes: help.aliyun.com/document_detail/178344.html, read 2026.
"""

from __future__ import annotations

from typing import Final

from alerts.channels.aliyun_outcomes import OUTCOMES
from alerts.channels.channel import Refused, Unknown

_DESK_S = 600.0
_TEMPLATE = Refused("template_refused", retryable=True, after_s=_DESK_S, elsewhere=True)
_SHOWN = Refused("show_number_refused", retryable=True, after_s=_DESK_S, elsewhere=True)
_HOURS = Refused("call_hours", retryable=True, after_s=1800.0, elsewhere=True)
"""Some numbers may not be used at night: ask again every half hour (our choice)."""

VOICE_OUTCOMES: Final[dict[str, Refused | Unknown]] = OUTCOMES | {
    "isv.TTS_TEMPLATE_ILLEGAL": _TEMPLATE,
    "isv.TEMPLATE_ILLEGAL": _TEMPLATE,
    "isv.DISPLAY_NUMBER_ILLEGAL": _SHOWN,
    "isv.BILLID_NOT_EXIST": _SHOWN,
    "BillidNotExist": _SHOWN,
    "isv.COMPLAINT_REJECT": Refused("phone_rejected", retryable=False),
    "ComplaintReject": Refused("phone_rejected", retryable=False),
    "isv.VOICE_ROBOT_NOT_PERIOD": _HOURS,
    "isv.VOICE_CALL_PERIOD_ERROR": _HOURS,
    "isv.VOICE_CALL_FAIL": Refused("carrier_busy", retryable=True, after_s=60.0, elsewhere=True),
}
