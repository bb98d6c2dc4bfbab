"""What tests and people use beside the wire format of WeCom and WeChat: behaviours, pressed buttons, what was seen."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from carriers.chat_behaviour import ChatBehaviour
from carriers.chats import Chats
from carriers.inbox import chat_as_json

router = APIRouter()

_MOST_ROWS = 10_000


class Press(BaseModel):
    """Somebody presses the button `key` of the message `id`."""

    model_config = ConfigDict(extra="forbid")

    id: int
    key: str


@router.post("/_carrier/chat/behaviour", status_code=201)
async def misbehave(request: Request, behaviour: ChatBehaviour) -> None:
    """Queue one instruction."""
    _chats(request).behaviours.add(behaviour)


@router.delete("/_carrier/chat", status_code=204)
async def forget(request: Request) -> None:
    """As if started anew: healthy, nothing seen, nothing counted."""
    chats = _chats(request)
    request.app.state.chats = Chats(chats.settings, chats.clock)
    await chats.events.close()


@router.post("/_carrier/chat/expire_tokens", status_code=204)
async def expire_tokens(request: Request) -> None:
    """All tokens end now."""
    _chats(request).wecom_tokens.expire()
    _chats(request).wechat_tokens.expire()


@router.post("/_carrier/chat/press", status_code=202)
async def press(request: Request, pressed: Press) -> dict[str, object]:
    """A member presses a button; the callback is told at once."""
    chats = _chats(request)
    chat = chats.inbox.find(pressed.id)
    if chat is None or pressed.key not in chat.buttons:
        raise HTTPException(404, "there is no such button")
    if not chats.events.callable:
        raise HTTPException(409, "no callback_url is set: nobody listens to buttons")
    status = await chats.events.press(chat, pressed.key)
    return {**chat_as_json(chat), "status": status}


@router.post("/_carrier/chat/verify")
async def verify(request: Request) -> dict[str, bool]:
    """What WeCom's console does when the callback's address is saved."""
    chats = _chats(request)
    if not chats.events.callable:
        raise HTTPException(409, "no callback_url is set")
    return {"verified": await chats.events.verify()}


@router.get("/chats.json")
async def seen(request: Request, limit: Annotated[int, Query(ge=1, le=_MOST_ROWS)] = 300) -> JSONResponse:
    """What was seen, newest first, and how many messages WeCom dropped without a word."""
    inbox = _chats(request).inbox
    rows = [chat_as_json(chat) for chat in inbox.newest(limit)]
    return JSONResponse({"dropped": inbox.dropped, "chats": rows}, headers={"Cache-Control": "no-store"})


def _chats(request: Request) -> Chats:
    chats: Chats = request.app.state.chats
    return chats
