"""The address of all carriers: `POST /`, told apart by the header in which each names its action."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from carriers import aliyun_gateway, tencent_gateway


async def call(request: Request) -> Response:
    """One call of the carrier whose words it uses."""
    if "x-acs-action" in request.headers:
        return await aliyun_gateway.call(request)
    if "x-tc-action" in request.headers:
        return await tencent_gateway.call(request)
    return JSONResponse({"detail": "neither x-acs-action nor X-TC-Action: no carrier speaks like this"}, 400)


ROUTE = Route("/", call, methods=["POST"])
"""Starlette's own: what FastAPI would do around it costs as much as the carrier's judgement."""
