"""WeCom on the wire: group robots, `gettoken` and application messages. A refusal is an errcode in an HTTP 200."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from carriers.chat_behaviour import ChatBehaviour
from carriers.chats import Chats, meet
from carriers.inbox import Chat

TEXT_BYTES = 2048
MARKDOWN_BYTES = 4096
_TASK_ID = re.compile(r"[0-9a-zA-Z_\-@]{1,128}")
_MOST_BUTTONS = 6
_DUPLICATE_S, _LONGEST_DUPLICATE_S = 1800, 4 * 3600

WORDS = {
    -1: "system busy",
    40001: "invalid credential",
    40008: "invalid message type",
    40013: "invalid corpid",
    40014: "invalid access_token",
    40056: "invalid agentid",
    40058: "Text.Content exceed max length 2048. invalid Request Parameter",
    41004: "corpsecret missing",
    42001: "access_token expired",
    42014: "taskid has existed or empty or exceed max len",
    44004: "empty content",
    45009: "api freq out of limit",
    60020: "not allow to access from your ip",
    81013: "user & party & tag all invalid",
    93000: "invalid webhook url",
}

router = APIRouter()


@dataclass(frozen=True)
class _Shown:
    """What a member would see."""

    text: str
    url: str = ""
    task_id: str = ""
    buttons: dict[str, str] = field(default_factory=dict)


@router.post("/cgi-bin/webhook/send", include_in_schema=False)
async def robot(request: Request, key: str = "") -> Response:
    """A text or markdown into the group whose robot has this key."""
    chats: Chats = request.app.state.chats
    body = _parsed(await request.body())

    async def take(behaviour: ChatBehaviour | None) -> JSONResponse:
        if behaviour is not None:
            return refusal(behaviour.code)
        return _robot(chats, key, body)

    return await meet(request, "robot", take)


@router.get("/cgi-bin/gettoken", include_in_schema=False)
async def gettoken(request: Request, corpid: str = "", corpsecret: str = "") -> Response:
    """The application's token; asked again, the same until it ends."""
    chats: Chats = request.app.state.chats

    async def take(behaviour: ChatBehaviour | None) -> JSONResponse:
        if behaviour is not None:
            return refusal(behaviour.code)
        if corpid != chats.wecom.corp_id or not corpid:
            return refusal(40013)
        if not secrets.compare_digest(corpsecret, chats.wecom.secret.get_secret_value()):
            return refusal(40001)
        token, lives = chats.wecom_tokens.same()
        return JSONResponse({"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": lives})

    return await meet(request, "gettoken", take)


@router.post("/cgi-bin/message/send", include_in_schema=False)
async def message(request: Request, access_token: str = "") -> Response:
    """A text or a card with buttons to members."""
    chats: Chats = request.app.state.chats
    body = _parsed(await request.body())

    async def take(behaviour: ChatBehaviour | None) -> JSONResponse:
        if behaviour is not None and behaviour.kind == "invalid_user":
            return taken(chats, invaliduser=str(body.get("touser", "")).lower())
        if behaviour is not None:
            return refusal(behaviour.code)
        state = chats.wecom_tokens.state(access_token)
        if state != "good":
            return refusal(42001 if state == "expired" else 40014)
        return _message(chats, body)

    return await meet(request, "message", take)


def refusal(code: int) -> JSONResponse:
    """An errcode with WeCom's words, as they stand in an HTTP 200."""
    hint = secrets.randbelow(10**18)
    words = WORDS.get(code, "error")
    said = f"{words}, hint: [{hint}], from ip: 127.0.0.1, more info at open.work.weixin.qq.com/devtool/query?e={code}"
    return JSONResponse({"errcode": code, "errmsg": said})


def taken(chats: Chats, **fields: str) -> JSONResponse:
    """The application's message was taken."""
    return JSONResponse({"errcode": 0, "errmsg": "ok", "msgid": f"m{chats.inbox.number()}", **fields})


def _robot(chats: Chats, key: str, body: dict[str, Any]) -> JSONResponse:
    names = [name for name, known in chats.wecom.robots.items() if known.get_secret_value() == key]
    if not names:
        return refusal(93000)
    kind = body.get("msgtype")
    if kind not in ("text", "markdown"):
        return refusal(40008)
    part = body.get(kind)
    content = part.get("content") if isinstance(part, dict) else None
    if not isinstance(content, str) or not content:
        return refusal(44004)
    if len(content.encode()) > (TEXT_BYTES if kind == "text" else MARKDOWN_BYTES):
        return refusal(40058)
    if not chats.robots.take(names[0]):
        return refusal(45009)
    everybody = isinstance(part, dict) and "@all" in part.get("mentioned_list", [])
    chats.inbox.show(Chat(chats.inbox.number(), "wecom_robot", names[0], content, chats.clock(), everybody=everybody))
    return JSONResponse({"errcode": 0, "errmsg": "ok"})


def _message(chats: Chats, body: dict[str, Any]) -> JSONResponse:
    if body.get("agentid") != chats.wecom.agent_id:
        return refusal(40056)
    members = [member for member in str(body.get("touser", "")).split("|") if member]
    known = [member for member in members if chats.wecom.members is None or member in chats.wecom.members]
    if not known:
        return refusal(81013)
    shown = _text(body) or _card(body)
    if isinstance(shown, int):
        return refusal(shown)
    if body.get("enable_duplicate_check") == 1:
        lasts = min(int(body.get("duplicate_check_interval", _DUPLICATE_S)), _LONGEST_DUPLICATE_S)
        if chats.had_before(json.dumps(body, sort_keys=True), timedelta(seconds=lasts)):
            return taken(chats)
    task = shown.task_id
    if task and task in chats.tasks:
        return refusal(42014)
    chats.tasks.update({task} - {""})
    for member in known:
        # above the limit nobody sees it, and nobody is told
        if not chats.members.take(member):
            chats.inbox.dropped += 1
            continue
        chats.inbox.show(
            Chat(
                chats.inbox.number(), "wecom", member, shown.text, chats.clock(),
                url=shown.url, task_id=task, buttons=dict(shown.buttons),
            )
        )  # fmt: skip
    return taken(chats, invaliduser="|".join(member.lower() for member in members if member not in known))


def _text(body: dict[str, Any]) -> _Shown | int | None:
    """The text as it is shown: WeCom cuts it without a word. None: it is none."""
    if body.get("msgtype") != "text":
        return None
    part = body.get("text")
    content = part.get("content") if isinstance(part, dict) else None
    if not isinstance(content, str) or not content:
        return 44004
    return _Shown(content.encode()[:TEXT_BYTES].decode(errors="ignore"))


def _card(body: dict[str, Any]) -> _Shown | int:
    card = body.get("template_card")
    if body.get("msgtype") != "template_card" or not isinstance(card, dict):
        return 40008
    buttons = {button.get("key", ""): button.get("text", "") for button in card.get("button_list", [])}
    if card.get("card_type") != "button_interaction" or not 1 <= len(buttons) <= _MOST_BUTTONS or "" in buttons:
        return 40058
    if not _TASK_ID.fullmatch(str(card.get("task_id", ""))):
        return 42014
    title = card.get("main_title", {})
    lines = [title.get("title", ""), title.get("desc", ""), card.get("sub_title_text", "")]
    url = card.get("card_action", {}).get("url", "")
    return _Shown("\n".join(line for line in lines if line), url, card["task_id"], buttons)


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
