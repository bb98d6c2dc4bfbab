"""The address of all carriers: `POST /`, told apart by the header in which each names its action."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from carriers import aliyun_gateway, tencent_gateway

router = APIRouter()


@router.post("/", include_in_schema=False)
async def call(request: Request) -> Response:
    """One call of the carrier whose words it uses."""
    if "x-acs-action" in request.headers:
        return await aliyun_gateway.call(request)
    if "x-tc-action" in request.headers:
        return await tencent_gateway.call(request)
    return JSONResponse({"detail": "neither x-acs-action nor X-TC-Action: no carrier speaks like this"}, 400)
