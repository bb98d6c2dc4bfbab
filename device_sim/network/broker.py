"""The one broker that all clients share: its address, how many may knock at once, and one line when it goes away."""

from __future__ import annotations

import asyncio
import random
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import structlog

from device_sim.network import mqtt311
from device_sim.network.connection import KEEPALIVE_S, Connection
from device_sim.network.mqtt311 import Login, Will
from device_sim.network.outbox import Memory
from foundation.errors import SettingsError

_HANDSHAKES: Final = 100
"""Clients that may be between TCP connect and birth at the same time."""
_LOOK_EVERY_S: Final = 5.0
"""How often each connection is asked whether it must ping or has waited too long."""
_ANSWER_S: Final = 10.0
_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Address:
    """Where the broker listens; `tls` is None on a plain connection."""

    host: str
    port: int
    tls: ssl.SSLContext | None


def parse_address(url: str) -> Address:
    """The address in `mqtt://host[:port]` or `mqtts://…`; an account in it is not used. Raises SettingsError."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        # not the URL itself: it may carry a password
        raise SettingsError("the broker's address cannot be read", do="write mqtt://host:port or mqtts://host:port")
    tls = ssl.create_default_context() if parts.scheme == "mqtts" else None
    return Address(parts.hostname, parts.port or _PORTS[parts.scheme], tls)


class Broker:
    """Shared by all clients of a run. Keeps 700 that lose one broker from writing 700 lines."""

    def __init__(self, address: Address, clients: int) -> None:
        self.address = address
        self.gate = asyncio.Semaphore(_HANDSHAKES)
        self.memory = Memory()
        # spreads retries, no secret; one for all, because a generator each would be the largest part of a client
        self.jitter = random.Random(clients)  # noqa: S311 - see above
        self._clients = clients
        self._open: set[Connection] = set()
        self._away = False
        self._told: set[str] = set()

    @property
    def connected(self) -> int:
        """Clients that have a session."""
        return len(self._open)

    def joined(self, connection: Connection) -> None:
        """A client has a session."""
        self._open.add(connection)
        if self._away and self.connected * 2 > self._clients:
            self._away = False
            _log.info("the broker is back", connected=self.connected, clients=self._clients)

    def left(self, connection: Connection) -> None:
        """A client's session is over."""
        self._open.discard(connection)

    def lost(self, reason: str) -> None:
        """A client could not reach the broker or lost it. When half of them have, it is the broker."""
        if not self._away and self.connected * 2 <= self._clients:
            self._away = True
            _log.warning("the broker is away, clients keep trying", reason=reason, clients=self._clients)

    def refused(self, uid: str, reason: str) -> None:
        """The broker answered a client and said no; told once a reason."""
        if reason not in self._told:
            self._told.add(reason)
            _log.error("the broker refuses a client, it keeps trying", uid=uid, reason=reason)

    async def shake_hands(self, connection: Connection, login: Login, will: Will | None) -> str | None:
        """Open the connection; None when the broker lets us in, else its reason. Raises OSError or TimeoutError."""
        address, loop = self.address, asyncio.get_running_loop()
        async with asyncio.timeout(_ANSWER_S):
            await loop.create_connection(lambda: connection, address.host, address.port, ssl=address.tls)
            connection.say(mqtt311.connect(login, will, keepalive_s=KEEPALIVE_S))
            await asyncio.wait((connection.welcome, connection.lost), return_when=asyncio.FIRST_COMPLETED)
        if not connection.welcome.done() or connection.welcome.cancelled():
            raise ConnectionError(connection.lost.result())
        code = connection.welcome.result()
        return mqtt311.REFUSALS.get(code, f"return code {code}") if code else None

    async def keep_alive(self) -> None:
        """Look after all connections until cancelled: one task instead of one a client."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            for connection in tuple(self._open):
                connection.look()
