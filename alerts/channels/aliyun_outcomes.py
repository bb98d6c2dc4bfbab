"""What Aliyun's answers mean for a message: code → outcome, as rows; of voice: aliyun_voice_outcomes.py.

What the desk can repair (unpaid account, wrong key, revoked template) is tried again, so that an alarm goes out as
soon as it is repaired. What is wrong with this one message is not. SendSms is not idempotent: an answer that leaves
open whether the message was taken is Unknown, and is looked up before anything is sent again.

Codes: help.aliyun.com/document_detail/101346.html, read 2026.
"""

from __future__ import annotations

from collections.abc import Mapping

from alerts.channels.channel import Accepted, Outcome, Refused, Unknown

_MINUTE = 60.0
_HOUR = 3600.0
_DESK_S = 600.0
"""How soon a person may have repaired an account: ask again every ten minutes."""

LIMITS = (
    ("分钟", Refused("carrier_limit_minute", retryable=True, after_s=_MINUTE, elsewhere=True)),
    ("小时", Refused("carrier_limit_hour", retryable=True, after_s=_HOUR, elsewhere=True)),
    # the day is a rolling one: a place becomes free at a time that only the carrier knows, and asking costs nothing
    ("天", Refused("carrier_limit_day", retryable=True, after_s=_HOUR, elsewhere=True)),
)
"""isv.BUSINESS_LIMIT_CONTROL names its window only in its words: `触发天级流控Permits:50`."""

_LIMIT_OTHER = Refused("carrier_limit_other", retryable=True, after_s=_HOUR, elsewhere=True)

_NUMBER = Refused("number_invalid", retryable=False)
_PARAMS = Refused("template_params_refused", retryable=False)
_CONTENT = Refused("content_refused", retryable=False)
_SIGN = Refused("sign_name_refused", retryable=True, after_s=_DESK_S, elsewhere=True)
_TEMPLATE = Refused("template_refused", retryable=True, after_s=_DESK_S, elsewhere=True)
_ACCOUNT = Refused("account_refused", retryable=True, after_s=_DESK_S, elsewhere=True)
_UNPAID = Refused("account_unpaid", retryable=True, after_s=_DESK_S, elsewhere=True)
_CREDENTIALS = Refused("credentials_refused", retryable=True, after_s=_DESK_S, elsewhere=True)
_BUDGET = Refused("account_limit", retryable=True, after_s=_HOUR, elsewhere=True)
_BUSY = Refused("carrier_busy", retryable=True, after_s=2.0, elsewhere=True)
_OTHER = Refused("carrier_refused_other", retryable=True, after_s=_DESK_S, elsewhere=True)

OUTCOMES: dict[str, Refused | Unknown] = {
    "isv.MOBILE_NUMBER_ILLEGAL": _NUMBER,
    "isv.MOBILE_COUNT_OVER_LIMIT": _NUMBER,
    "isv.DOMESTIC_NUMBER_NOT_SUPPORTED": _NUMBER,
    "isv.TEMPLATE_MISSING_PARAMETERS": _PARAMS,
    "isv.TEMPLATE_PARAMS_ILLEGAL": _PARAMS,
    "isv.PARAM_LENGTH_LIMIT": Refused("template_params_too_long", retryable=False),
    "isv.PARAM_NOT_SUPPORT_URL": _PARAMS,
    "isv.INVALID_JSON_PARAM": _PARAMS,
    "isv.INVALID_PARAMETERS": _PARAMS,
    "isv.SMS_CONTENT_ILLEGAL": _CONTENT,
    "isv.BLACK_KEY_CONTROL_LIMIT": _CONTENT,
    "isv.SMS_SIGN_ILLEGAL": _SIGN,
    "isv.SMS_SIGNATURE_ILLEGAL": _SIGN,
    "isv.SMS_SIGNATURE_SCENE_ILLEGAL": _SIGN,
    "isv.SIGN_STATE_ILLEGAL": _SIGN,
    "isv.SMS_TEMPLATE_ILLEGAL": _TEMPLATE,
    "isv.AMOUNT_NOT_ENOUGH": _UNPAID,
    "isv.OUT_OF_SERVICE": _UNPAID,
    "isv.DAY_LIMIT_CONTROL": _BUDGET,
    "isv.MONTH_LIMIT_CONTROL": _BUDGET,
    "isp.RAM_PERMISSION_DENY": _ACCOUNT,
    "isv.PRODUCT_UN_SUBSCRIPT": _ACCOUNT,
    "isv.PRODUCT_UNSUBSCRIBE": _ACCOUNT,
    "isv.ACCOUNT_NOT_EXISTS": _ACCOUNT,
    "isv.ACCOUNT_ABNORMAL": _ACCOUNT,
    "isv.DENY_IP_RANGE": _ACCOUNT,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "IncompleteSignature": _CREDENTIALS,
    "InvalidAccessKeyId.NotFound": _CREDENTIALS,
    "InvalidAccessKeyId.Inactive": _CREDENTIALS,
    "InvalidTimeStamp.Expired": Refused("clock_wrong", retryable=True, after_s=_MINUTE, elsewhere=True),
    # our nonces never repeat, so something on the way sent the request twice and the first one may have been taken
    "SignatureNonceUsed": Unknown("request_repeated"),
    "isp.SYSTEM_ERROR": Unknown("carrier_error"),
    "isp.GATEWAY_ERROR": Unknown("carrier_error"),
    "InternalError": Unknown("carrier_error"),
    "ServiceUnavailable": Unknown("carrier_error"),
}

_SERVER_ERROR = 500


def judge(
    status: int, body: object, *, rows: Mapping[str, Refused | Unknown] = OUTCOMES, named: str = "BizId"
) -> Outcome:
    """The outcome of a call that was answered: the body decides, the status only where the body is silent.

    `named`: the field that holds the carrier's own name for what it took.
    """
    code = body.get("Code") if isinstance(body, dict) else None
    if not isinstance(code, str) or not isinstance(body, dict):
        return Unknown("carrier_error" if status >= _SERVER_ERROR else "answer_unreadable")
    if code == "OK":
        return Accepted(str(body.get(named) or ""))
    if code == "isv.BUSINESS_LIMIT_CONTROL":
        return _limit(str(body.get("Message", "")))
    if code.startswith("Throttling"):
        return _BUSY
    known = rows.get(code)
    if known is None:
        return Unknown("carrier_error") if status >= _SERVER_ERROR else _OTHER
    return known


def _limit(words: str) -> Refused:
    return next((outcome for window, outcome in LIMITS if window in words), _LIMIT_OTHER)
