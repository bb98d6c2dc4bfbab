"""A second connection with our session's client id: it takes what the broker sends, acknowledges nothing, leaves."""

from __future__ import annotations

import asyncio
from typing import Final

from broker.address import Broker
from broker.delivery import Delivery
from broker.session import Connection, Login, connect
from foundation.errors import BrokerUnavailable

AGAIN_S: Final = 0.3
"""Who owns the session takes it back at once; the thief comes again."""
AT_ONCE: Final = 2_000
"""Messages that the thief lets the broker send, each time."""


async def take_over(broker: Broker, client_id: str, seconds: float) -> int:
    """Connects again and again with `client_id`, keeping the session; returns how many messages it has taken."""
    loop = asyncio.get_running_loop()
    taken = 0

    def take(arrived: list[Delivery]) -> None:
        nonlocal taken
        taken += len(arrived)

    until = loop.time() + seconds
    while loop.time() < until:
        connection = Connection(0, take)
        try:
            await connect(connection, broker, Login(client_id, receive_max=AT_ONCE))
            await asyncio.wait((connection.lost,), timeout=max(until - loop.time(), 0.0))
        except BrokerUnavailable:
            pass
        finally:
            connection.disconnect()
        await asyncio.sleep(AGAIN_S)
    return taken
