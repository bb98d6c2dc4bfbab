"""Aliyun's RPC gateway on the wire: `POST /` with x-acs-action, as the official SDKs speak it, for SMS and voice."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from carriers.aliyun_answers import Answer, refusal
from carriers.aliyun_rules import Refusal, normal
from carriers.aliyun_signature import Received, SignatureRefused
from carriers.aliyun_sms import query_send_details, send_sms
from carriers.aliyun_voice import ivr_call, query_call_detail, single_call_by_tts
from carriers.behaviour import HEALTHY_CODES, Behaviour
from carriers.carrier import Carrier
from carriers.connection import hang_up, stay_silent

VERSION = "2017-05-25"
"""Of dysmsapi and of dyvmsapi."""


@dataclass(frozen=True)
class _Action:
    """`phones`: the parameter that names whom it is about; `sends`: whether it may be taken without an answer."""

    mandatory: tuple[str, ...]
    phones: str
    answer: Answer
    sends: bool = False


_ACTIONS = {
    "SendSms": _Action(("PhoneNumbers", "SignName", "TemplateCode"), "PhoneNumbers", send_sms, sends=True),
    "QuerySendDetails": _Action(
        ("PhoneNumber", "SendDate", "PageSize", "CurrentPage"), "PhoneNumber", query_send_details
    ),
    "SingleCallByTts": _Action(("CalledNumber", "TtsCode"), "CalledNumber", single_call_by_tts, sends=True),
    "IvrCall": _Action(
        ("CalledShowNumber", "CalledNumber", "StartCode", "MenuKeyMap.1.Key"), "CalledNumber", ivr_call, sends=True
    ),
    "QueryCallDetailByCallId": _Action(("CallId", "ProdId", "QueryDate"), "", query_call_detail),
}


async def call(request: Request) -> Response:
    """One call of the gateway."""
    carrier: Carrier = request.app.state.carrier
    body = await request.body()
    received = _received(request, body)
    try:
        carrier.signature.check(received)
    except SignatureRefused as refused:
        return _gateway_error(request, refused.status, refused.code, refused.message)
    name = request.headers["x-acs-action"]
    action = _ACTIONS.get(name)
    if action is None or request.headers.get("x-acs-version") != VERSION:
        return _gateway_error(request, 404, "InvalidAction.NotFound", "Specified api is not found.")
    params = _params(received)
    for wanted in action.mandatory:
        if not params.get(wanted):
            return _gateway_error(request, 400, f"Missing{wanted}", f"{wanted} is mandatory for this action.")
    phones = [normal(number) for number in params.get(action.phones, "").split(",")]
    behaviour = carrier.behaviours.take(name, phones)
    if behaviour is not None and behaviour.kind in ("time_out", "drop", "server_error", "refuse"):
        return await _misbehave(request, carrier, action, params, behaviour)
    return JSONResponse(action.answer(carrier, params, behaviour))


async def _misbehave(
    request: Request, carrier: Carrier, action: _Action, params: dict[str, str], behaviour: Behaviour
) -> Response:
    if behaviour.kind == "refuse":
        code = behaviour.code or HEALTHY_CODES["refuse"]
        return JSONResponse(refusal(Refusal(code, behaviour.message or "触发天级流控Permits:50")))
    if behaviour.accept and action.sends:
        action.answer(carrier, params, behaviour)
    if behaviour.kind == "time_out":
        return await stay_silent(request)
    if behaviour.kind == "drop":
        return await hang_up(request)
    return _gateway_error(request, 500, "InternalError", "The request processing has failed due to some unknown error.")


def _received(request: Request, body: bytes) -> Received:
    return Received(
        method=request.method,
        path=request.scope["path"],
        raw_query=request.scope["query_string"].decode("ascii", "replace"),
        headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.scope["headers"]],
        body=body,
    )


def _params(received: Received) -> dict[str, str]:
    params = dict(received.pairs)
    if received.header("content-type").startswith("application/x-www-form-urlencoded"):
        params |= dict(parse_qsl(received.body.decode("utf-8", "replace"), keep_blank_values=True))
    return params


def _gateway_error(request: Request, status: int, code: str, message: str) -> JSONResponse:
    body = {
        "Code": code,
        "Message": message,
        "RequestId": str(uuid.uuid4()).upper(),
        "HostId": request.headers.get("host", ""),
        "Recommend": "",
    }
    return JSONResponse(body, status_code=status)
