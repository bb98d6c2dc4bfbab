"""What a broker calls itself: Mosquitto says it, retained, below `$SYS`."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import Final

from broker.address import Broker
from broker.delivery import Delivery
from broker.session import Connection, Login, connect
from foundation.errors import BrokerRefused

TOPIC: Final = "$SYS/broker/version"
WAIT_S: Final = 2.0


async def broker_version(broker: Broker) -> str:
    """As the broker says it ("mosquitto version 2.1.2"); "" where it says nothing. Raises BrokerUnavailable."""
    said: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def hear(deliveries: list[Delivery]) -> None:
        connection.acknowledge(deliveries)
        if not said.done():
            said.set_result(deliveries[0].payload.decode("utf-8", "replace"))

    connection = Connection(1, hear)
    try:
        await connect(connection, broker, Login(f"nuanshao-version-{secrets.token_hex(6)}", (TOPIC,), keep=False))
    except BrokerRefused:
        # not every account may read $SYS
        return ""
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAIT_S):
                return await said
        return ""
    finally:
        connection.disconnect()
