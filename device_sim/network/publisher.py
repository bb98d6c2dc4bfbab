"""One client that publishes for many devices: our own account, which may write below every device's topic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from device_sim.network.broker import Broker
from device_sim.network.connection import Connection
from device_sim.network.mqtt311 import Login

_WINDOW: Final = 2000
"""Messages under way at most; what a reader of the file must wait for."""
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 10.0


class Publisher:
    """Publishes in order with QoS 1, and again after a reconnect what was not acknowledged. `run` it beside."""

    def __init__(self, login: Login, broker: Broker, acknowledged: Callable[[], None]) -> None:
        self._login = login
        self._broker = broker
        self._acknowledged = acknowledged
        # what has no acknowledgement, in the order of publishing; the number is the packet id on this connection
        self._flying: dict[int, tuple[str, bytes]] = {}
        self._unsent: list[tuple[str, bytes]] = []
        self._connection: Connection | None = None
        self._room = asyncio.Event()
        self._leaving = asyncio.Event()

    @property
    def outstanding(self) -> int:
        """Messages without an acknowledgement."""
        return len(self._flying) + len(self._unsent)

    @property
    def has_room(self) -> bool:
        """Whether there is a connection, and fewer messages under way than the window holds."""
        return self._connection is not None and self.outstanding < _WINDOW

    async def room(self) -> None:
        """Wait until there is room."""
        while not self.has_room:
            self._room.clear()
            await self._room.wait()

    def publish(self, topic: str, payload: bytes) -> None:
        """Send now, or when the connection is back."""
        if self._connection is None:
            self._unsent.append((topic, payload))
        else:
            self._flying[self._connection.publish(topic, payload)] = (topic, payload)

    def leave(self) -> None:
        """Disconnect and end `run`."""
        self._leaving.set()
        if self._connection is not None:
            self._connection.goodbye()

    async def run(self) -> None:
        """Stay connected until `leave`."""
        pause_s = _FIRST_PAUSE_S
        while not self._leaving.is_set():
            if await self._session():
                pause_s = _FIRST_PAUSE_S
            if not self._leaving.is_set():
                left = asyncio.ensure_future(self._leaving.wait())
                await asyncio.wait((left,), timeout=pause_s)
                left.cancel()
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _session(self) -> bool:
        connection = Connection(self._answered)
        try:
            refusal = await self._broker.shake_hands(connection, self._login, None)
        except (OSError, TimeoutError) as failed:
            connection.hang_up("no answer")
            self._broker.lost(str(failed) or "no answer")
            return False
        if refusal is not None:
            connection.hang_up("refused")
            self._broker.refused(self._login.user, refusal)
            return False
        again, self._flying, self._unsent = [*self._flying.values(), *self._unsent], {}, []
        self._connection = connection
        self._broker.joined(connection)
        for topic, payload in again:
            self.publish(topic, payload)
        self._room.set()
        reason = await connection.lost
        self._broker.left(connection)
        self._connection = None
        if not self._leaving.is_set():
            self._broker.lost(reason)
        return True

    def _answered(self, packet_id: int) -> None:
        if self._flying.pop(packet_id, None) is not None:
            self._acknowledged()
            if self.outstanding < _WINDOW:
                self._room.set()
