"""A database that is there, or refuses, or does not answer any more: for tests of what goes on without it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import psycopg
from psycopg import sql


@asynccontextmanager
async def refusing(admin_url: str, database_url: str) -> AsyncIterator[None]:
    """While this lasts, everybody is thrown out and nobody is let in: as if the server had been stopped."""
    name = urlsplit(database_url).path.removeprefix("/")
    async with await psycopg.AsyncConnection.connect(admin_url, autocommit=True) as admin:

        async def let_in(allowed: str) -> None:
            query = sql.SQL("alter database {} with allow_connections {}")
            await admin.execute(query.format(sql.Identifier(name), sql.Literal(allowed == "true")))

        await let_in("false")
        await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))
        try:
            yield
        finally:
            await let_in("true")


@asynccontextmanager
async def read_only(admin_url: str, database_url: str) -> AsyncIterator[None]:
    """While this lasts, it answers and stores nothing: as after a failover to a server that is none yet."""
    name = urlsplit(database_url).path.removeprefix("/")
    async with await psycopg.AsyncConnection.connect(admin_url, autocommit=True) as admin:

        async def set_read_only(value: str) -> None:
            query = sql.SQL("alter database {} set default_transaction_read_only = {}")
            await admin.execute(query.format(sql.Identifier(name), sql.Literal(value)))
            await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))

        await set_read_only("on")
        try:
            yield
        finally:
            await set_read_only("off")


class Relay:
    """Stands before the server. Frozen, it takes everything and passes nothing on: a server that hangs."""

    def __init__(self) -> None:
        self.flows = asyncio.Event()
        self.flows.set()
        self._ends: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def before(self, database_url: str) -> AsyncIterator[str]:
        """The same database, through here."""
        parts = urlsplit(database_url)
        assert parts.hostname is not None
        assert parts.port is not None
        target = parts.hostname, parts.port

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            from_server, to_server = await asyncio.open_connection(*target)
            self._ends += [writer, to_server]
            for source, sink in ((reader, to_server), (from_server, writer)):
                task = asyncio.create_task(self._pass_on(source, sink))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            yield database_url.replace(f":{parts.port}/", f":{port}/")
        finally:
            self.flows.set()
            server.close()
            for end in self._ends:
                end.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                await self.flows.wait()
                sink.write(data)
                await sink.drain()
        sink.close()
