"""The stand-in carrier as a web application, and the ways to run it: for good, or inside a test."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI

from carriers import chat_control, control, routes, wechat, wecom
from carriers.carrier import Carrier
from carriers.chats import Chats
from carriers.connection import DroppableConnection
from carriers.settings import CarrierSettings
from foundation.clock import Clock, utc_now
from foundation.errors import ServiceFailed, SettingsError
from foundation.loopback import is_loopback

Ready = Callable[[str], None]
"""Is told the address, `http://127.0.0.1:port`, once requests are answered."""

_START_WITHIN_S = 20.0
_STOP_WITHIN_S = 2


@dataclass(frozen=True)
class Running:
    """A carrier that answers at `url`; `carrier` is its state, to be read only from outside."""

    url: str
    carrier: Carrier


def create_app(settings: CarrierSettings, clock: Clock = utc_now) -> FastAPI:
    """The application; `app.state.carrier` is set while it runs."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.carrier = Carrier(settings, clock)
        app.state.chats = Chats(settings.chats, clock)
        yield
        await app.state.chats.events.close()
        await app.state.carrier.callbacks.close()

    # no docs page: FastAPI's would load its scripts from a CDN
    app = FastAPI(title="Nuanshao carriers", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.router.routes.append(routes.ROUTE)
    app.include_router(control.router)
    for router in (wecom.router, wechat.router, chat_control.router):
        app.include_router(router)
    return app


async def serve(settings: CarrierSettings, host: str, port: int, ready: Ready, *, clock: Clock = utc_now) -> None:
    """Serve until SIGINT or SIGTERM. Port 0 takes a free one; raises SettingsError for an address beyond loopback."""
    await _server(create_app(settings, clock), ready).serve(sockets=[_listen(host, port)])


def run(settings: CarrierSettings, host: str, port: int, ready: Ready) -> None:
    """`serve`, for a command line: returns when the process was asked to stop."""
    asyncio.run(serve(settings, host, port, ready))


@contextmanager
def started(
    settings: CarrierSettings, *, host: str = "127.0.0.1", port: int = 0, clock: Clock = utc_now
) -> Iterator[Running]:
    """A carrier in a thread of its own, for tests and demos; stopped on leaving."""
    app = create_app(settings, clock)
    address: list[str] = []
    up = threading.Event()

    def ready(url: str) -> None:
        address.append(url)
        up.set()

    listener = _listen(host, port)
    server = _server(app, ready)
    thread = threading.Thread(
        target=lambda: asyncio.run(server.serve(sockets=[listener])), name="carriers", daemon=True
    )
    thread.start()
    try:
        if not up.wait(_START_WITHIN_S):
            raise ServiceFailed("the carrier emulator did not start", do="see the log above")
        yield Running(address[0], app.state.carrier)
    finally:
        server.should_exit = True
        thread.join(_START_WITHIN_S)
        listener.close()


class _Server(uvicorn.Server):
    """uvicorn that says when it listens, and that returns when it was told to stop."""

    def __init__(self, config: uvicorn.Config, ready: Ready) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if sockets and self.started:
            host, port = sockets[0].getsockname()[:2]
            self._ready(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own raises the signal again at the end, which kills the process before its owner can tidy up
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._stop)
        try:
            yield
        finally:
            for name in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(name)

    def _stop(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


def _server(app: FastAPI, ready: Ready) -> _Server:
    config = uvicorn.Config(
        app,
        http=DroppableConnection,  # writes no access log either: the query holds whole phone numbers
        ws="none",
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_STOP_WITHIN_S,
    )
    return _Server(config, ready)


def _listen(host: str, port: int) -> socket.socket:
    if not is_loopback(host):
        raise SettingsError(f"the carrier emulator listens on loopback only, not on {host}", do="use 127.0.0.1")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as failed:
        raise ServiceFailed(f"port {port} cannot be opened ({failed.strerror})", do="choose another port") from None
