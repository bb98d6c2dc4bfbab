"""The API as a program meets it, and our side of the carriers' callbacks."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import uvicorn

from api.app import create_app
from tests.callee import Callee


@pytest.fixture
async def http(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API over real HTTP, on the test's own database."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(create_app(database_url), http="h11", log_config=None, lifespan="on", ws="none")
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=20) as client:
        yield client
    server.should_exit = True
    await serving
    listener.close()


@pytest.fixture
def callee() -> Iterator[Callee]:
    """Where carriers call back."""
    server = Callee()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
