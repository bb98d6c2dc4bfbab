"""What tests and people use beside the wire format: behaviours, replies, and what the phones received."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from carriers.aliyun_rules import normal
from carriers.behaviour import Behaviour
from carriers.calls import Call
from carriers.carrier import Carrier
from carriers.chat_page import CHATS
from carriers.page import PAGE
from carriers.phones import Delivery, reply_as_json, sms_as_json

router = APIRouter()

_MOST_ROWS = 10_000


class ReplyFrom(BaseModel):
    """A person's answer, typed on `phone`."""

    model_config = ConfigDict(extra="forbid")

    phone: str
    content: str = Field(min_length=1, max_length=500)


class PressOn(BaseModel):
    """A key that is pressed during a call to `phone`."""

    model_config = ConfigDict(extra="forbid")

    phone: str
    key: str = Field(pattern="^[0-9*#]$")


@router.post("/_carrier/behaviour", status_code=201)
async def misbehave(request: Request, behaviour: Behaviour | list[Behaviour]) -> list[Behaviour]:
    """Queue one instruction or several; answers with all that are waiting."""
    behaviours = _carrier(request).behaviours
    behaviours.add(*(behaviour if isinstance(behaviour, list) else [behaviour]))
    return behaviours.waiting()


@router.get("/_carrier/behaviour")
async def waiting(request: Request) -> list[Behaviour]:
    """What future requests will meet."""
    return _carrier(request).behaviours.waiting()


@router.delete("/_carrier/behaviour", status_code=204)
async def recover(request: Request) -> None:
    """Be healthy again."""
    _carrier(request).behaviours.clear()


@router.post("/_carrier/reply", status_code=202)
async def reply(request: Request, answer: ReplyFrom) -> dict[str, object]:
    """A phone replies; SmsUp is called back at once."""
    carrier = _carrier(request)
    phone = normal(answer.phone)
    if not phone:
        raise HTTPException(422, "not a mainland mobile number")
    texted_by = carrier.phones.last_texted_by(phone)
    if not carrier.callbacks.can_reply(texted_by):
        raise HTTPException(409, "no reply_url is set: nobody listens to replies")
    typed = carrier.phones.answer(phone, answer.content, carrier.clock())
    carrier.callbacks.reply(typed, texted_by)
    return reply_as_json(typed)


@router.post("/_carrier/press", status_code=202)
async def press(request: Request, pressed: PressOn) -> dict[str, object]:
    """Whoever was called last on `phone` presses a key. After the call its report is sent once more, with the key."""
    carrier = _carrier(request)
    calls = (call for call in carrier.phones.sent_to(normal(pressed.phone), "aliyun_voice") if isinstance(call, Call))
    call = next(calls, None)
    if call is None or pressed.key not in call.keys:
        raise HTTPException(409, "no call to this number waits for that key")
    ended = call.delivery
    if ended is Delivery.failed:
        raise HTTPException(409, "nobody took that call")
    call.press(pressed.key)
    if ended is Delivery.delivered:
        carrier.callbacks.report(call)
    return sms_as_json(call) | {"spoken": call.keys[pressed.key]}


@router.get("/messages.json")
async def messages(
    request: Request, limit: Annotated[int, Query(ge=1, le=_MOST_ROWS)] = 1000, phone: str = ""
) -> JSONResponse:
    """Messages, newest first; `phone` narrows them to one number."""
    rows = _carrier(request).phones.newest(_MOST_ROWS if phone else limit)
    wanted = [sms_as_json(sms) for sms in rows if not phone or sms.phone == phone]
    return JSONResponse(wanted[:limit], headers={"Cache-Control": "no-store"})


@router.get("/replies.json")
async def replies(request: Request, limit: Annotated[int, Query(ge=1, le=_MOST_ROWS)] = 1000) -> JSONResponse:
    """Replies, newest first."""
    rows = [reply_as_json(typed) for typed in _carrier(request).phones.replies(limit)]
    return JSONResponse(rows, headers={"Cache-Control": "no-store"})


@router.get("/phones.json", include_in_schema=False)
async def phones(request: Request) -> JSONResponse:
    """All that the page needs, in one request."""
    carrier = _carrier(request)
    shown = 300
    return JSONResponse(
        {
            "accepted": carrier.phones.accepted,
            "can_reply": carrier.callbacks.can_reply("aliyun_sms"),
            "messages": [sms_as_json(sms) for sms in carrier.phones.newest(shown)],
            "replies": [reply_as_json(typed) for typed in carrier.phones.replies(shown)],
        },
        headers={"Cache-Control": "no-store"},
    )


@router.get("/", response_class=HTMLResponse, include_in_schema=False)
async def page() -> HTMLResponse:
    """What the phones received, for people."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
    return HTMLResponse(
        PAGE.replace("</body>", f"{CHATS}</body>"),
        headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"},
    )


def _carrier(request: Request) -> Carrier:
    carrier: Carrier = request.app.state.carrier
    return carrier
