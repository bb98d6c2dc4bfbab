"""Aliyun SMS on the wire: `POST /` with x-acs-action SendSms or QuerySendDetails, as the official SDK speaks it."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from carriers.aliyun_rules import Refusal, normal
from carriers.aliyun_signature import Received, SignatureRefused
from carriers.behaviour import HEALTHY_CODES, Behaviour
from carriers.carrier import Carrier
from carriers.connection import hang_up, stay_silent
from carriers.phones import CHINA, Delivery, Sms, china_time

VERSION = "2017-05-25"
_LARGEST_PAGE = 50
_QUERY_DAYS = 30
_STATUS = {Delivery.waiting: 1, Delivery.failed: 2, Delivery.delivered: 3}
_MANDATORY = {
    "SendSms": ("PhoneNumbers", "SignName", "TemplateCode"),
    "QuerySendDetails": ("PhoneNumber", "SendDate", "PageSize", "CurrentPage"),
}

router = APIRouter()


@router.post("/", include_in_schema=False)
async def call(request: Request) -> Response:
    """One call of Aliyun's RPC gateway."""
    carrier: Carrier = request.app.state.carrier
    body = await request.body()
    try:
        carrier.signature.check(_received(request, body))
    except SignatureRefused as refused:
        return _gateway_error(request, refused.status, refused.code, refused.message)
    action = request.headers.get("x-acs-action", "")
    if action not in _MANDATORY or request.headers.get("x-acs-version") != VERSION:
        return _gateway_error(request, 404, "InvalidAction.NotFound", "Specified api is not found.")
    params = _params(request, body)
    for name in _MANDATORY[action]:
        if not params.get(name):
            return _gateway_error(request, 400, f"Missing{name}", f"{name} is mandatory for this action.")
    phones = [normal(number) for number in params.get("PhoneNumbers", params.get("PhoneNumber", "")).split(",")]
    behaviour = carrier.behaviours.take(action, phones)
    if behaviour is not None and behaviour.kind in ("time_out", "drop", "server_error", "refuse"):
        return await _misbehave(request, carrier, params, behaviour)
    return send_sms(carrier, params, behaviour) if action == "SendSms" else query_send_details(carrier, params)


def send_sms(carrier: Carrier, params: dict[str, str], behaviour: Behaviour | None) -> JSONResponse:
    """Take the message or refuse it; both are HTTP 200."""
    outcome = carrier.submit(params, behaviour)
    if isinstance(outcome, Refusal):
        return _business(outcome.code, outcome.message)
    return _business("OK", "OK", BizId=outcome.biz_id)


def query_send_details(carrier: Carrier, params: dict[str, str]) -> JSONResponse:
    """What one number was sent on one China day of the last 30, newest first, in pages of at most 50."""
    try:
        day = datetime.strptime(params["SendDate"], "%Y%m%d").replace(tzinfo=CHINA).date()
        size, page = int(params["PageSize"]), int(params["CurrentPage"])
    except ValueError:
        return _business("isv.INVALID_PARAMETERS", "参数格式不正确")
    if not (1 <= size <= _LARGEST_PAGE and page >= 1 and _recent(carrier, day)):
        return _business("isv.INVALID_PARAMETERS", "参数格式不正确")
    phone = normal(params["PhoneNumber"])
    if not phone:
        return _business("isv.MOBILE_NUMBER_ILLEGAL", "手机号码格式错误")
    biz_id = params.get("BizId", "")
    found = [sms for sms in carrier.phones.on_day(phone, day) if not biz_id or sms.biz_id == biz_id]
    rows = [_detail(sms) for sms in found[(page - 1) * size : page * size]]
    return _business("OK", "OK", TotalCount=str(len(found)), SmsSendDetailDTOs={"SmsSendDetailDTO": rows})


async def _misbehave(request: Request, carrier: Carrier, params: dict[str, str], behaviour: Behaviour) -> Response:
    if behaviour.kind == "refuse":
        return _business(behaviour.code or HEALTHY_CODES["refuse"], behaviour.message or "触发天级流控Permits:50")
    if behaviour.accept and behaviour.action == "SendSms":
        carrier.submit(params, behaviour)
    if behaviour.kind == "time_out":
        return await stay_silent(request)
    if behaviour.kind == "drop":
        return await hang_up(request)
    return _gateway_error(request, 500, "InternalError", "The request processing has failed due to some unknown error.")


def _detail(sms: Sms) -> dict[str, object]:
    row: dict[str, object] = {
        "PhoneNum": sms.phone,
        "SendStatus": _STATUS[sms.delivery],
        "SendDate": china_time(sms.accepted_at),
        "TemplateCode": sms.template,
        "Content": sms.text,
        "OutId": sms.out_id,
    }
    if sms.reported_at is not None:
        row |= {"ReceiveDate": china_time(sms.reported_at), "ErrCode": sms.err_code}
    return row


def _recent(carrier: Carrier, day: date) -> bool:
    today = carrier.clock().astimezone(CHINA).date()
    return today - timedelta(days=_QUERY_DAYS) <= day <= today + timedelta(days=1)


def _received(request: Request, body: bytes) -> Received:
    return Received(
        method=request.method,
        path=request.scope["path"],
        raw_query=request.scope["query_string"].decode("ascii", "replace"),
        headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.scope["headers"]],
        body=body,
    )


def _params(request: Request, body: bytes) -> dict[str, str]:
    params = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        params |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return params


def _business(code: str, message: str, **fields: object) -> JSONResponse:
    return JSONResponse({"Code": code, "Message": message, "RequestId": _request_id(), **fields})


def _gateway_error(request: Request, status: int, code: str, message: str) -> JSONResponse:
    body = {
        "Code": code,
        "Message": message,
        "RequestId": _request_id(),
        "HostId": request.headers.get("host", ""),
        "Recommend": "",
    }
    return JSONResponse(body, status_code=status)


def _request_id() -> str:
    return str(uuid.uuid4()).upper()
