"""A TCP proxy that can be told to break what goes through it: cut off, or half open.

Half open: nothing passes in either direction and neither side is told, not even when the other one hangs up. A proxy's
kernel still answers for it, so only a program that expects an answer can notice; TCP's own keep-alive cannot.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import Final, cast

from runtime.ports import LOOPBACK

_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, 0 s: the kernel ends the connection with RST and throws away what was not sent."""
_ANSWER_S: Final = 5.0


class Proxy:
    """Listens on `port` of loopback and leads to `target`; lives on the event loop that started it."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.port = 0
        self.carried = 0
        """Connections that came, since the start."""
        self._pairs: set[_Pair] = set()
        self._server: asyncio.Server | None = None

    @property
    def open(self) -> int:
        """Connections that are led through now, the half-open ones too."""
        return len(self._pairs)

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.get_running_loop().create_server(self._accept, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> int:
        """Reset every connection, on both sides; returns how many. New ones are led through."""
        pairs = tuple(self._pairs)
        for pair in pairs:
            pair.reset()
        return len(pairs)

    def freeze(self) -> int:
        """Make every connection half open; returns how many. New ones are led through."""
        pairs = tuple(self._pairs)
        for pair in pairs:
            pair.freeze()
        return len(pairs)

    def forget_frozen(self) -> int:
        """Reset those half-open connections that are still there, as a router does that has forgotten them."""
        frozen = [pair for pair in self._pairs if pair.frozen]
        for pair in frozen:
            pair.reset()
        return len(frozen)

    async def close(self) -> None:
        """Listen no more, and reset what is open."""
        if self._server is not None:
            self._server.close()
        self.cut()

    def _accept(self) -> asyncio.Protocol:
        self.carried += 1
        pair = _Pair(self)
        self._pairs.add(pair)
        return pair.near

    def ended(self, pair: _Pair) -> None:
        """Called by a pair when it leads nowhere any more."""
        self._pairs.discard(pair)


class _Pair:
    """One connection: the end near to who came, and the far one to the target."""

    def __init__(self, proxy: Proxy) -> None:
        self.frozen = False
        self.near = _End(self)
        self.far = _End(self)
        self._proxy = proxy
        self._dialling: asyncio.Task[None] | None = None

    def came(self) -> None:
        """The near end is there: nothing is read from it until the far one is."""
        self.near.pause_reading()
        self._dialling = asyncio.get_running_loop().create_task(self._dial(), name="proxy-dial")

    async def _dial(self) -> None:
        host, port = self._proxy.target
        try:
            async with asyncio.timeout(_ANSWER_S):
                await asyncio.get_running_loop().create_connection(lambda: self.far, host, port)
        except (OSError, TimeoutError):
            self.reset()
            return
        if self.near.gone:
            self.reset()
        elif not self.frozen:
            self.near.resume_reading()

    def passed(self, end: _End, data: bytes) -> None:
        """Lead on what has arrived at one end."""
        self._other(end).write(data)

    def lost(self, end: _End, *, reset: bool) -> None:
        """One end is gone; the other one is told in the same way, unless nobody is to be told."""
        if self.frozen:
            return
        other = self._other(end)
        if reset:
            other.reset()
        else:
            other.close()
        if other.gone:
            self._proxy.ended(self)

    def throttle(self, end: _End, *, full: bool) -> None:
        """An end cannot take more, or can again: so its other end reads no more, or again."""
        other = self._other(end)
        if full or self.frozen:
            other.pause_reading()
        else:
            other.resume_reading()

    def freeze(self) -> None:
        """Neither read nor lead on any more."""
        self.frozen = True
        self.near.pause_reading()
        self.far.pause_reading()

    def reset(self) -> None:
        """End both ends with RST."""
        if self._dialling is not None and self._dialling is not asyncio.current_task():
            self._dialling.cancel()
        self.near.reset()
        self.far.reset()
        self._proxy.ended(self)

    def _other(self, end: _End) -> _End:
        return self.far if end is self.near else self.near


class _End(asyncio.Protocol):
    """One of the two TCP connections of a pair."""

    def __init__(self, pair: _Pair) -> None:
        self.gone = True
        self._pair = pair
        self._transport: asyncio.Transport | None = None
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by behaviour only
        self.gone = False
        if self is self._pair.near:
            self._pair.came()
        elif self._pair.frozen:
            self.pause_reading()
        else:
            self._transport.write(self._early)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio with whatever has arrived."""
        self._pair.passed(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self.gone = True
        self._pair.lost(self, reset=exc is not None)

    def pause_writing(self) -> None:
        """Called by asyncio when the other side does not take what is sent."""
        self._pair.throttle(self, full=True)

    def resume_writing(self) -> None:
        """Called by asyncio when it does again."""
        self._pair.throttle(self, full=False)

    def write(self, data: bytes) -> None:
        """Send, unless it is gone; what comes before it is there is sent first."""
        if self._transport is None:
            # a loop may hand over what had arrived before reading was paused
            self._early += data
        elif not self.gone:
            self._transport.write(data)

    def pause_reading(self) -> None:
        """Leave what arrives in the kernel."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take it again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        """Send what is still to be sent, then FIN."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """RST, at once."""
        transport, self.gone = self._transport, True
        if transport is None or transport.is_closing():
            return
        connection = transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
