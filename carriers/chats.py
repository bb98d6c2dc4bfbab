"""WeCom and the Official Account as they stand now: accounts, tokens, counts, mood, and what people have seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from html import escape

import httpx
from fastapi import HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from carriers.chat_behaviour import Action, ChatBehaviour, ChatBehaviours
from carriers.chat_settings import ChatSettings, WechatSettings, WecomSettings
from carriers.chat_tokens import Tokens, Window
from carriers.connection import hang_up, stay_silent
from carriers.inbox import Inbox
from carriers.wecom_events import WecomEvents
from foundation.clock import Clock

_SWEEP_ABOVE = 20_000
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Chats:
    """State of the emulated accounts; everything runs on the server's event loop."""

    def __init__(self, settings: ChatSettings, clock: Clock) -> None:
        wecom, wechat = settings.wecom or WecomSettings(), settings.wechat
        self.settings = settings
        self.clock = clock
        self.behaviours = ChatBehaviours()
        self.inbox = Inbox(settings.keep)
        self.wecom_tokens = Tokens(clock)
        self.wechat_tokens = Tokens(clock)
        self.events = WecomEvents(wecom, clock)
        self.robots = Window(clock, (_MINUTE, wecom.robot_per_minute))
        self.members = Window(clock, (_MINUTE, wecom.member_per_minute), (_HOUR, wecom.member_per_hour))
        self.account = Window(clock, (_DAY, wechat.per_day if wechat else 1))
        self.had: dict[str, datetime] = {}
        """What was taken, by what makes it recognisable → until when it is recognised."""
        self.tasks: set[str] = set()

    @property
    def wecom(self) -> WecomSettings:
        """The organisation, or 404 where none is played."""
        if self.settings.wecom is None:
            raise HTTPException(404)
        return self.settings.wecom

    @property
    def wechat(self) -> WechatSettings:
        """The account, or 404 where none is played."""
        if self.settings.wechat is None:
            raise HTTPException(404)
        return self.settings.wechat

    def had_before(self, name: str, lasts: timedelta) -> bool:
        """Whether the same came within the time for which it is recognised; notes it if not."""
        now = self.clock()
        if len(self.had) > _SWEEP_ABOVE:
            self.had = {name: until for name, until in self.had.items() if until > now}
        if self.had.get(name, now) > now:
            return True
        self.had[name] = now + lasts
        return False


async def meet(
    request: Request, action: Action, take: Callable[[ChatBehaviour | None], Awaitable[JSONResponse]]
) -> Response:
    """What a request meets: the next instruction for it, or a healthy carrier."""
    chats: Chats = request.app.state.chats
    behaviour = chats.behaviours.take(action)
    if behaviour is None or behaviour.kind in ("refuse", "invalid_user"):
        return await take(behaviour)
    if behaviour.accept:
        await take(None)
    if behaviour.kind == "time_out":
        return await stay_silent(request)
    if behaviour.kind == "drop":
        return await hang_up(request)
    if behaviour.kind == "no_json":
        return HTMLResponse(f"<p>{escape('请先登录网络')}</p>")
    return HTMLResponse("<h1>502 Bad Gateway</h1>", status_code=httpx.codes.BAD_GATEWAY)
