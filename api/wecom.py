"""Where WeCom calls back: once when the address is saved in its console, then for each button that is pressed."""

from __future__ import annotations

from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import PlainTextResponse

from alerts.answer import AnswerResult, Verb, answer
from alerts.channels import wecom_callback
from alerts.channels.wecom_callback import (
    MOST_BYTES,
    Callback,
    CallbackRefused,
    Pressed,
    button_says,
    fields_of,
    pressed,
)
from api.admission import CarrierRoute
from api.database import Database
from foundation.clock import utc_now
from foundation.errors import NotFound
from foundation.settings import settings

router = APIRouter(prefix="/carriers/{secret}", include_in_schema=False, route_class=CarrierRoute)
log = structlog.get_logger()

_TAKEN: Final[dict[Verb, tuple[str, str]]] = {
    "have_it": ("已收到", "Noted"),
    "false_alarm": ("已报误报", "Noted as false"),
    "need_help": ("已求助", "Help is called"),
}
_OVER: Final = ("警报已结束", "It is over")
_NOTHING: Final = ("无需确认", "Nothing to answer")
"""What the button says afterwards, in Chinese and in English."""


def _callback() -> Callback:
    callback = wecom_callback.from_settings(settings())
    if callback is None:
        raise HTTPException(404)
    return callback


def _query(
    msg_signature: Annotated[str, Query(max_length=64)],
    timestamp: Annotated[str, Query(max_length=16)],
    nonce: Annotated[str, Query(max_length=128)],
) -> wecom_callback.Query:
    return wecom_callback.Query(msg_signature, timestamp, nonce)


Signed = Annotated[wecom_callback.Query, Depends(_query)]


@router.get("/wecom")
async def verify(query: Signed, echostr: Annotated[str, Query(max_length=4096)]) -> Response:
    """Proves to WeCom that the address is ours: its text, decrypted."""
    callback = _callback()
    try:
        return PlainTextResponse(callback.opened(query, echostr, utc_now()))
    except CallbackRefused as refused:
        raise _refusal(refused) from None


@router.post("/wecom")
async def event(query: Signed, request: Request, database: Database) -> Response:
    """Takes the answer of who pressed a button. WeCom repeats itself: the same answer again changes nothing."""
    callback, now = _callback(), utc_now()
    try:
        text = callback.opened(query, fields_of(await _body(request)).get("Encrypt", ""), now)
        press = pressed(text)
    except CallbackRefused as refused:
        raise _refusal(refused) from None
    if press is None:
        return Response()
    try:
        result = await answer(database, key=press.key, verb=press.verb, how="wecom", now=now)
    except NotFound:
        result = "nothing_to_acknowledge"
    log.info("answer", how="wecom", key=press.key, verb=press.verb, result=result)
    return Response(callback.sealed(button_says(said(press, result), text, now), now), media_type="text/xml")


def said(press: Pressed, result: AnswerResult) -> str:
    """What the card says now. A call for help is one whatever has become of the alarm."""
    words = _TAKEN[press.verb]
    if press.verb != "need_help" and result == "closed_before":
        words = _OVER
    if press.verb != "need_help" and result == "nothing_to_acknowledge":
        words = _NOTHING
    return words[0] if press.language.startswith("zh") else words[1]


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise CallbackRefused("too_long")
    return body


def _refusal(refused: CallbackRefused) -> HTTPException:
    log.warning("wecom_callback_refused", reason=refused.reason)
    return HTTPException(413 if refused.reason == "too_long" else 403, refused.reason)
