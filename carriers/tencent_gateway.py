"""Tencent's API 3.0 on the wire: `POST /` with X-TC-Action SendSms or PullSmsSendStatusByPhoneNumber.

All answers, errors too, are HTTP 200 with `{"Response": …}`, as the official SDK expects them.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from carriers.behaviour import Behaviour
from carriers.carrier import Carrier
from carriers.connection import hang_up, stay_silent
from carriers.settings import TencentSettings
from carriers.tencent_rules import TencentRefusal, national, numbers_of
from carriers.tencent_signature import TencentRefused
from carriers.tencent_sms import not_sent, pull_send_status, send_sms

VERSION = "2021-01-11"
_LARGEST_BODY = 10 * 1024 * 1024
_ACTIONS = {"SendSms": send_sms, "PullSmsSendStatusByPhoneNumber": pull_send_status}
_PRODUCT_OFF = TencentRefused("AuthFailure.SecretIdNotFound", "The SecretId is not found.")


async def call(request: Request) -> Response:
    """One call of the API."""
    carrier: Carrier = request.app.state.carrier
    body = await request.body()
    try:
        account, asked = _admitted(carrier, request, body)
    except TencentRefused as refused:
        return _error(refused.code, refused.message)
    action = request.headers["x-tc-action"]
    behaviour = carrier.behaviours.take(action, _phones(asked), "tencent")
    if behaviour is not None and behaviour.kind in ("time_out", "drop", "server_error", "refuse"):
        return await _misbehave(request, carrier, account, asked, behaviour)
    return _answer(_ACTIONS[action](carrier, account, asked, behaviour))


def _admitted(carrier: Carrier, request: Request, body: bytes) -> tuple[TencentSettings, Mapping[str, object]]:
    if len(body) > _LARGEST_BODY:
        raise TencentRefused("RequestSizeLimitExceeded", "The request is larger than 10 MB.")
    carrier.tencent_check.check({name.lower(): value for name, value in request.headers.items()}, body)
    account, action = carrier.settings.tencent, request.headers["x-tc-action"]
    if account is None:
        raise _PRODUCT_OFF
    if request.headers.get("x-tc-version") != VERSION:
        raise TencentRefused("NoSuchVersion", "The version of the API does not exist.")
    if action not in _ACTIONS:
        raise TencentRefused("InvalidAction", f"The request action=`{action}` is invalid or not found.")
    try:
        asked = json.loads(body)
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise TencentRefused("InvalidParameter", "The body is no JSON object.")
    return account, asked


async def _misbehave(
    request: Request, carrier: Carrier, account: TencentSettings, asked: Mapping[str, object], behaviour: Behaviour
) -> Response:
    if behaviour.kind == "refuse":
        refusal = TencentRefusal(
            behaviour.code or "LimitExceeded.PhoneNumberDailyLimit", behaviour.message or "refused on demand"
        )
        return _answer(_refused(asked, refusal, behaviour))
    if behaviour.accept and behaviour.action == "SendSms":
        send_sms(carrier, account, asked, behaviour)
    if behaviour.kind == "time_out":
        return await stay_silent(request)
    if behaviour.kind == "drop":
        return await hang_up(request)
    return JSONResponse({"Response": {"Error": {"Code": "InternalError", "Message": "内部错误"}}}, status_code=500)


def _refused(
    asked: Mapping[str, object], refusal: TencentRefusal, behaviour: Behaviour
) -> dict[str, object] | TencentRefusal:
    numbers = numbers_of(asked)
    of_each_number = refusal.code.startswith(("FailedOperation", "LimitExceeded", "InvalidParameterValue"))
    if behaviour.action != "SendSms" or isinstance(numbers, TencentRefusal) or not of_each_number:
        return TencentRefusal(refusal.code, refusal.message, whole=True)
    return {"SendStatusSet": [not_sent(number, refusal) for number in numbers]}


def _phones(asked: Mapping[str, object]) -> list[str]:
    numbers = asked.get("PhoneNumberSet") or [asked.get("PhoneNumber")]
    return [national(str(number)) for number in numbers] if isinstance(numbers, list) else []


def _answer(said: dict[str, object] | TencentRefusal) -> JSONResponse:
    if isinstance(said, TencentRefusal):
        return _error(said.code, said.message)
    return JSONResponse({"Response": {**said, "RequestId": str(uuid.uuid4())}})


def _error(code: str, message: str) -> JSONResponse:
    return _answer({"Error": {"Code": code, "Message": message}})
