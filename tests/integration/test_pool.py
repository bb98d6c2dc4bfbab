"""A pool of connections whose database was away."""

from __future__ import annotations

import asyncio

import pytest
from psycopg_pool import PoolTimeout
from psycopg_pool.base import AttemptWithBackoff

from chaos.links import host_and_port, with_port
from chaos.proxy import Proxy
from store.connect import pool

PATIENCE_S = 20.0
"""A third of the pause that the pool would make by itself in this test."""


async def test_a_database_that_is_back_is_found_at_once_however_long_it_was_away(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as after a minute of failures, each of which doubles the pause
    monkeypatch.setattr(AttemptWithBackoff, "INITIAL_DELAY", 3 * PATIENCE_S)
    proxy = Proxy(("127.0.0.1", 1))
    await proxy.start()
    connections = pool(with_port(database_url, proxy.port))
    await connections.open()
    with pytest.raises(PoolTimeout):
        async with connections.connection():
            pass
    proxy.target = host_and_port(database_url)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                async with connections.connection() as connection:
                    await connection.execute("select 1")
                break
            except PoolTimeout:
                continue
    await connections.close()
    await proxy.close()
