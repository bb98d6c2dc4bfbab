"""The API as a program meets it, and our side of the carriers' callbacks."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.callee import Callee
from tests.served import served


@pytest.fixture
async def http(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API over real HTTP, on the test's own database."""
    async with (
        served(database_url) as address,
        httpx.AsyncClient(base_url=address, trust_env=False, timeout=20) as client,
    ):
        yield client


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
