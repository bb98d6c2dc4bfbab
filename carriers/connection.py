"""Lets a route hang up on its caller, which no web framework offers and every network does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

_ABORT = "carriers.abort"
_LONGEST_SILENCE_S = 120.0


class DroppableConnection(HttpToolsProtocol):
    """uvicorn's quicker HTTP protocol, which hands the route its transport's `abort`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # uvicorn's own switch turns off a logger of the whole process, and others may turn it on again
        self.access_log = False
        inner = self.app

        async def with_abort(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
            if scope["type"] == "http":
                scope.setdefault("state", {})[_ABORT] = self.transport.abort
            await inner(scope, receive, send)

        self.app = with_abort


async def hang_up(request: Request) -> Response:
    """Close the connection without an answer; the caller sees a reset."""
    request.scope["state"][_ABORT]()
    return await stay_silent(request)


async def stay_silent(request: Request) -> Response:
    """Never answer: wait until the caller has gone (at most two minutes, so that a server can stop)."""
    try:
        async with asyncio.timeout(_LONGEST_SILENCE_S):
            while (await request.receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        request.scope["state"][_ABORT]()
    return Response(status_code=204)
