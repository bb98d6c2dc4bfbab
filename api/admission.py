"""Who may call back: whoever knows the secret part of the address and calls from where carriers do.

Carriers sign little or nothing (CHANNELS.md), so this stands before every route of theirs, whatever it reads: a router
with `route_class=CarrierRoute` has no way around it. Behind a reverse proxy the caller is whom the proxy names.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import structlog
from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message, Receive

from foundation.networks import Address, Network, address, networks, within
from foundation.settings import settings

log = structlog.get_logger(__name__)

MOST_BYTES: Final = 1024 * 1024
"""Of a body; a carrier's largest batch of receipts is some 100 KB (our choice)."""


class CarrierRoute(APIRoute):
    """A route with `{secret}` in its path: 404 for another secret, 403 for another caller, 413 for too long a body."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler, behind the door."""
        handle = super().get_route_handler()

        async def admitted(request: Request) -> Response:
            self._admit(request)
            return await handle(Request(request.scope, bounded(request.receive, MOST_BYTES)))

        return admitted

    def _admit(self, request: Request) -> None:
        given, wanted = str(request.path_params.get("secret", "")), settings().carrier_secret_path.get_secret_value()
        if not wanted or not secrets.compare_digest(given.encode(), wanted.encode()):
            raise HTTPException(404)
        allowed = networks(settings().carrier_allow)
        if not allowed:
            return
        peer = address(request.client.host) if request.client else None
        forwarded = request.headers.getlist("x-forwarded-for")
        caller = caller_of(peer, forwarded, networks(settings().trusted_proxies))
        if not within(caller, allowed):
            # the route's pattern, never its address: that holds the secret
            log.warning("carrier_refused", caller=str(caller), route=self.path, do="is it in NUANSHAO_CARRIER_ALLOW?")
            raise HTTPException(403)


def caller_of(peer: Address | None, forwarded: Sequence[str], trusted: tuple[Network, ...]) -> Address | None:
    """Who calls: the peer, or where that is a trusted proxy, the last in X-Forwarded-For that is none.

    Whoever calls can write what he likes to the left of what our proxies add; None where that cannot be read.
    """
    hops = [hop for line in forwarded for hop in line.split(",")]
    caller = peer
    while hops and within(caller, trusted):
        caller = address(hops.pop())
    return caller


def bounded(receive: Receive, most: int) -> Receive:
    """The same messages, until their bodies have more than `most` bytes together, whatever was announced."""
    came = 0

    async def counting() -> Message:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        if came > most:
            raise HTTPException(413)
        return message

    return counting
