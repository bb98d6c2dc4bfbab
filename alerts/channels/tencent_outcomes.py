"""What Tencent's answers mean for a message: code → outcome, as rows; a family of codes where the code has no row.

The code stands with the number, in SendStatusSet, or, where the whole request was refused, in Error; both are HTTP 200.
What the desk can repair is tried again, what is wrong with this one message is not. SendSms is not idempotent: an
answer that leaves open whether the message was taken is Unknown.

Codes: cloud.tencent.com/document/api/382/59177 and 382/52075, read 2026.
"""

from __future__ import annotations

from typing import Final

from alerts.channels.channel import Accepted, Outcome, Refused, Unknown

_DESK_S = 600.0
"""How soon a person may have repaired an account: ask again every ten minutes."""
_HOUR = 3600.0

_NUMBER = Refused("number_invalid", retryable=False)
_PARAMS = Refused("template_params_refused", retryable=False)
_TOO_LONG = Refused("template_params_too_long", retryable=False, elsewhere=True)
"""Its own limit: 12 characters a value for an account of a person."""
_CONTENT = Refused("content_refused", retryable=False)
_BLOCKED = Refused("phone_on_block_list", retryable=False, elsewhere=True)
_SIGN = Refused("sign_name_refused", retryable=True, after_s=_DESK_S, elsewhere=True)
_TEMPLATE = Refused("template_refused", retryable=True, after_s=_DESK_S, elsewhere=True)
_ACCOUNT = Refused("account_refused", retryable=True, after_s=_DESK_S, elsewhere=True)
_UNPAID = Refused("account_unpaid", retryable=True, after_s=_DESK_S, elsewhere=True)
_CREDENTIALS = Refused("credentials_refused", retryable=True, after_s=_DESK_S, elsewhere=True)
_BUDGET = Refused("account_limit", retryable=True, after_s=_HOUR, elsewhere=True)
_BUSY = Refused("carrier_busy", retryable=True, after_s=2.0, elsewhere=True)
_OTHER = Refused("carrier_refused_other", retryable=True, after_s=_DESK_S, elsewhere=True)
_CLOCK = Refused("clock_wrong", retryable=True, after_s=60.0, elsewhere=True)
_OPEN = Unknown("carrier_error")

OUTCOMES: Final[dict[str, Refused | Unknown]] = {
    "InvalidParameterValue.IncorrectPhoneNumber": _NUMBER,
    "UnsupportedOperation.UnsuportedRegion": _NUMBER,
    "UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber": _NUMBER,
    "MissingParameter.EmptyPhoneNumberSet": _NUMBER,
    "LimitExceeded.PhoneNumberCountLimit": _NUMBER,
    "FailedOperation.TemplateParamSetNotMatchApprovedTemplate": _PARAMS,
    "InvalidParameterValue.TemplateParameterFormatError": _PARAMS,
    "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter": _PARAMS,
    "InvalidParameterValue.TemplateParameterLengthLimit": _TOO_LONG,
    "InvalidParameterValue.ContentLengthLimit": _TOO_LONG,
    "FailedOperation.ContainSensitiveWord": _CONTENT,
    "InvalidParameter.DirtyWordFound": _CONTENT,
    "FailedOperation.PhoneNumberInBlacklist": _BLOCKED,
    "FailedOperation.PhoneNumberOnBlacklist": _BLOCKED,
    "FailedOperation.SignatureIncorrectOrUnapproved": _SIGN,
    "FailedOperation.MissingSignature": _SIGN,
    "FailedOperation.TemplateIncorrectOrUnapproved": _TEMPLATE,
    "FailedOperation.TemplateUnapprovedOrNotExist": _TEMPLATE,
    "FailedOperation.InsufficientBalanceInSmsPackage": _UNPAID,
    "UnauthorizedOperation.SerivceSuspendDueToArrears": _UNPAID,
    "UnauthorizedOperation.ServiceSuspendDueToArrears": _UNPAID,
    "InvalidParameterValue.SdkAppIdNotExist": _ACCOUNT,
    "InvalidParameter.AppidAndBizId": _ACCOUNT,
    "LimitExceeded.PhoneNumberThirtySecondLimit": Refused(
        "carrier_limit_minute", retryable=True, after_s=30.0, elsewhere=True
    ),
    "LimitExceeded.DeliveryFrequencyLimit": Refused(
        "carrier_limit_other", retryable=True, after_s=60.0, elsewhere=True
    ),
    "LimitExceeded.PhoneNumberOneHourLimit": Refused(
        "carrier_limit_hour", retryable=True, after_s=_HOUR, elsewhere=True
    ),
    "LimitExceeded.PhoneNumberDailyLimit": Refused("carrier_limit_day", retryable=True, after_s=_HOUR, elsewhere=True),
    "LimitExceeded.PhoneNumberSameContentDailyLimit": Refused(
        "carrier_limit_day", retryable=True, after_s=_HOUR, elsewhere=True
    ),
    "LimitExceeded.AppDailyLimit": _BUDGET,
    "LimitExceeded.DailyLimit": _BUDGET,
    "AuthFailure.SignatureExpire": _CLOCK,
    "InternalError.RequestTimeException": _CLOCK,
    "InternalError.SigVerificationFail": _CREDENTIALS,
    "InternalError.SigFieldMissing": _CREDENTIALS,
    "IpInBlacklist": _ACCOUNT,
    "IpNotInWhitelist": _ACCOUNT,
}

FAMILIES: Final[tuple[tuple[str, Refused | Unknown], ...]] = (
    ("AuthFailure", _CREDENTIALS),
    ("UnauthorizedOperation", _ACCOUNT),
    ("RequestLimitExceeded", _BUSY),
    ("ResourcesSoldOut", _BUSY),
    ("LimitExceeded", _BUDGET),
    ("MissingParameter", _PARAMS),
    ("InvalidParameterValue", _PARAMS),
    ("InternalError", _OPEN),
    ("ServiceUnavailable", _OPEN),
)
"""By how the code begins, the first that fits."""

_SERVER_ERROR = 500


def judge(status: int, body: object) -> Outcome:
    """The outcome of a SendSms call to one number: the body decides, the status only where the body is silent."""
    code, serial = code_of(body), ""
    if not code:
        return Unknown("carrier_error" if status >= _SERVER_ERROR else "answer_unreadable")
    if code == "Ok":
        serial = str(_first(body).get("SerialNo") or "")
        return Accepted(serial)
    known = OUTCOMES.get(code) or next((outcome for start, outcome in FAMILIES if code.startswith(start)), None)
    if known is None:
        return _OPEN if status >= _SERVER_ERROR else _OTHER
    return known


def code_of(body: object) -> str:
    """The code of the whole request where it was refused, else that of its first number; empty where there is none."""
    error = _response(body).get("Error")
    code = error.get("Code") if isinstance(error, dict) else _first(body).get("Code")
    return code[:80] if isinstance(code, str) else ""


def _response(body: object) -> dict[str, object]:
    response = body.get("Response") if isinstance(body, dict) else None
    return response if isinstance(response, dict) else {}


def _first(body: object) -> dict[str, object]:
    statuses = _response(body).get("SendStatusSet")
    first = statuses[0] if isinstance(statuses, list) and statuses else None
    return first if isinstance(first, dict) else {}
