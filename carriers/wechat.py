"""The WeChat Official Account on the wire: tokens and template messages."""

from __future__ import annotations

import json
import re
import secrets
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from carriers.chat_behaviour import ChatBehaviour
from carriers.chats import Chats, meet
from carriers.inbox import Chat

RECOGNISED = timedelta(minutes=10)
"""For so long one client_msg_id of one openid is taken only once."""
LONGEST = {"thing": 20, "phrase": 5}
_FIELD = re.compile(r"\{\{(([a-z_]+)\d*)\.DATA\}\}")

WORDS = {
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest",
    40003: "invalid openid",
    40013: "invalid appid",
    40014: "invalid access_token",
    40037: "invalid template_id",
    40125: "invalid appsecret",
    42001: "access_token expired",
    43004: "require subscribe",
    43101: "user refuse to accept the msg",
    43117: "send too frequently",
    45009: "reach max api daily quota limit",
    47001: "data format error",
}

router = APIRouter()


@router.get("/cgi-bin/token", include_in_schema=False)
async def token(request: Request, appid: str = "", secret: str = "", grant_type: str = "") -> Response:
    """A new token each time; the older ones end in five minutes."""
    return await _grant(request, appid, secret, grant_type, stable=False)


@router.post("/cgi-bin/stable_token", include_in_schema=False)
async def stable_token(request: Request) -> Response:
    """The same token for all who ask, until it ends."""
    body = _parsed(await request.body())
    fields = [str(body.get(name, "")) for name in ("appid", "secret", "grant_type")]
    return await _grant(request, fields[0], fields[1], fields[2], stable=True)


@router.post("/cgi-bin/message/template/send", include_in_schema=False)
async def template(request: Request, access_token: str = "") -> Response:
    """A template message to one follower."""
    chats: Chats = request.app.state.chats
    body = _parsed(await request.body())

    async def take(behaviour: ChatBehaviour | None) -> JSONResponse:
        if behaviour is not None:
            return refusal(behaviour.code)
        state = chats.wechat_tokens.state(access_token)
        if state != "good":
            return refusal(42001 if state == "expired" else 40001)
        return _template(chats, body)

    return await meet(request, "template", take)


def refusal(code: int, words: str = "") -> JSONResponse:
    """An errcode with WeChat's words, as they stand in an HTTP 200."""
    return JSONResponse({"errcode": code, "errmsg": f"{words or WORDS.get(code, 'error')} rid: {secrets.token_hex(8)}"})


async def _grant(request: Request, app_id: str, secret: str, grant_type: str, *, stable: bool) -> Response:
    chats: Chats = request.app.state.chats

    async def take(behaviour: ChatBehaviour | None) -> JSONResponse:
        if behaviour is not None:
            return refusal(behaviour.code)
        if grant_type != "client_credential":
            return refusal(40002, "invalid grant_type")
        if app_id != chats.wechat.app_id:
            return refusal(40013)
        if not secrets.compare_digest(secret, chats.wechat.secret.get_secret_value()):
            return refusal(40125)
        granted, lives = chats.wechat_tokens.same() if stable else chats.wechat_tokens.new()
        return JSONResponse({"access_token": granted, "expires_in": lives})

    return await meet(request, "token", take)


def _template(chats: Chats, body: dict[str, Any]) -> JSONResponse:
    openid = str(body.get("touser", ""))
    if not openid:
        return refusal(40003)
    if chats.wechat.followers is not None and openid not in chats.wechat.followers:
        return refusal(43004)
    text = chats.wechat.templates.get(str(body.get("template_id", "")))
    if text is None:
        return refusal(40037)
    data = body.get("data")
    if not isinstance(data, dict):
        return refusal(47001)
    for name, kind in _FIELD.findall(text):
        value = data.get(name, {}).get("value", "")
        if not isinstance(value, str) or not value.strip() or len(value) > LONGEST.get(kind, 1000):
            return refusal(47003, f"argument invalid! data.{name}.value invalid")
    if not chats.account.take("account"):
        return refusal(45009)
    number = chats.inbox.number()
    name = body.get("client_msg_id")
    if not name or not chats.had_before(f"{openid} {name}", RECOGNISED):
        shown = _FIELD.sub(lambda match: data[match[1]]["value"], text)
        chats.inbox.show(Chat(number, "wechat", openid, shown, chats.clock(), url=str(body.get("url", ""))))
    return JSONResponse({"errcode": 0, "errmsg": "ok", "msgid": number})


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
