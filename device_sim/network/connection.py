"""One TCP connection of one client, from CONNECT to its end; the client decides what is said on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

from device_sim.network import mqtt311
from device_sim.network.mqtt311 import CONNACK, PUBACK, Answers, NotMqtt

KEEPALIVE_S: Final = 60
_PUBACK_S: Final = 30.0
"""Longer than a broker that is short of breath takes; after it the connection is given up and built anew."""


class Connection(asyncio.Protocol):
    """Publishes with QoS 1. `welcome` is the CONNACK's return code; `lost` says why the connection has ended.

    `acknowledged` is called with the packet id of each PUBACK. `look` is to be called every few seconds.
    """

    __slots__ = (
        "_acknowledged",
        "_answers",
        "_asked_at",
        "_next_id",
        "_said_at",
        "_time",
        "_transport",
        "_waits",
        "lost",
        "welcome",
    )

    def __init__(self, acknowledged: Callable[[int], None]) -> None:
        loop = asyncio.get_running_loop()
        self.welcome: asyncio.Future[int] = loop.create_future()
        self.lost: asyncio.Future[str] = loop.create_future()
        self._time = loop.time
        self._acknowledged = acknowledged
        self._answers = Answers()
        self._transport: asyncio.Transport | None = None
        self._next_id = 0
        self._said_at = self._asked_at = self._time()
        # packets and pings that have no answer yet
        self._waits = 0

    # -- asyncio.Protocol ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by behaviour only

    def data_received(self, data: bytes) -> None:
        """Called by asyncio with whatever has arrived."""
        self._asked_at = self._time()
        try:
            for kind, number in self._answers.feed(data):
                if kind == CONNACK:
                    if not self.welcome.done():
                        self.welcome.set_result(number)
                    continue
                self._waits = max(self._waits - 1, 0)
                if kind == PUBACK:
                    self._acknowledged(number)
        except NotMqtt as strange:
            self.hang_up(f"no MQTT 3.1.1: {strange}")

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self._end(str(exc) if exc else "the broker closed the connection")

    # -- the client ---------------------------------------------------------------------------------------------

    def say(self, packet: bytes) -> None:
        """Send a whole packet; harmless when the connection has ended."""
        if self._transport is not None and not self.lost.done():
            self._said_at = self._time()
            self._transport.write(packet)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, again: bool = False) -> int:
        """Send with QoS 1; returns the packet id that its PUBACK will carry.

        `again`: it was on its way when an earlier connection broke, and is marked as a repetition.
        """
        self._next_id = self._next_id % mqtt311.LAST_PACKET_ID + 1
        self._expect()
        self.say(mqtt311.publish(topic, payload, self._next_id, retain=retain, again=again))
        return self._next_id

    def repeat(self, topic: str, payload: bytes, packet_id: int) -> None:
        """Send it once more under the same packet id, as a client whose PUBACK was lost does."""
        self._expect()
        self.say(mqtt311.publish(topic, payload, packet_id, again=True))

    def look(self) -> None:
        """Ping when nothing was said for long, hang up when something has waited too long for its answer."""
        now = self._time()
        if self._waits and now - self._asked_at > _PUBACK_S:
            self.hang_up("the broker does not answer")
        elif now - self._said_at > KEEPALIVE_S / 2:
            self._expect()
            self.say(mqtt311.PINGREQ)

    def goodbye(self) -> None:
        """End in good order: no will is published."""
        self.say(mqtt311.DISCONNECT)
        if self._transport is not None:
            self._transport.close()

    def hang_up(self, why: str) -> None:
        """The socket just dies, without a DISCONNECT; the broker publishes the will."""
        self._end(why)
        if self._transport is not None:
            self._transport.abort()

    def _expect(self) -> None:
        if not self._waits:
            self._asked_at = self._time()
        self._waits += 1

    def _end(self, why: str) -> None:
        if not self.lost.done():
            self.lost.set_result(why)
        if not self.welcome.done():
            self.welcome.cancel()
