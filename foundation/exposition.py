"""What one of our processes says of itself over HTTP: `/metrics` for Prometheus, `/health` for whoever watches it.

Served in the process's own loop, so that a process that hangs does not answer either.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from foundation.errors import ServiceMissing

MOST_AT_ONCE: Final = 16
"""Requests at one time; a scraper needs one."""
_PATIENCE_S: Final = 5

Problems = Callable[[], list[str]]
"""What is wrong now, one line each; empty when all is well."""


def create_app(registry: CollectorRegistry, problems: Problems) -> Starlette:
    """The two pages."""

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    async def health(_: Request) -> Response:
        found = problems()
        said = {"status": "degraded" if found else "ok", "problems": found}
        return JSONResponse(said, status_code=503 if found else 200)

    return Starlette(routes=[Route("/metrics", metrics), Route("/health", health)])


@asynccontextmanager
async def exposed(registry: CollectorRegistry, problems: Problems, host: str, port: int) -> AsyncIterator[int]:
    """Serves until the block ends; gives the port. Port 0 serves nothing. Raises ServiceMissing for a taken port."""
    if port == 0:
        yield 0
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as failed:
        raise ServiceMissing(
            f"metrics cannot be served on {host}:{port}: {failed.strerror}",
            do="set NUANSHAO_METRICS_PORT to a free port, or to 0",
        ) from None
    server = _Server(
        uvicorn.Config(
            create_app(registry, problems),
            http="h11",
            access_log=False,
            log_config=None,
            lifespan="off",
            ws="none",
            limit_concurrency=MOST_AT_ONCE,
            timeout_keep_alive=_PATIENCE_S,
            timeout_graceful_shutdown=1,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="exposition")
    try:
        yield port
    finally:
        server.should_exit = True
        await asyncio.wait({serving}, timeout=_PATIENCE_S)
        serving.cancel()
        listener.close()


class _Server(uvicorn.Server):
    """uvicorn that leaves the process's signals alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
