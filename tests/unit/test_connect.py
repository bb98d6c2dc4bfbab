"""A login at the database that nobody waits for any more."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from store.connect import connect_async


async def test_a_login_that_is_cancelled_is_let_through_and_hung_up(monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, closed = asyncio.Event(), []

    class Opened:
        async def close(self) -> None:
            closed.append(True)

    async def connect(*_: object, **__: object) -> Opened:
        await goes_on.wait()
        return Opened()

    monkeypatch.setattr(psycopg.AsyncConnection, "connect", connect)
    login = asyncio.create_task(connect_async("postgresql://nowhere"))
    await asyncio.sleep(0)
    login.cancel()
    await asyncio.sleep(0)
    assert not login.done(), "half a login would hold the server for a minute"
    goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await login
    assert closed == [True]
