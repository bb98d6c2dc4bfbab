"""What the broker counts of itself below `$SYS`: the few numbers that decide whether messages are lost."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from broker.address import Broker
from broker.delivery import Delivery
from broker.session import Connection, Login, connect
from foundation.errors import BrokerRefused, BrokerUnavailable, SettingsError

RETRY_S: Final = 10.0
AGAIN_S: Final = 1.0
"""After a loss: a broker that takes us and ends us at once is not to be stormed."""


@dataclass(frozen=True, slots=True)
class Counter:
    """One number: its topic, its name with us, and what it counts."""

    topic: str
    name: str
    help: str


DROPPED: Final = "dropped_messages"
COUNTERS: Final = (
    # Mosquitto counts here what it has thrown away because a session's queue is full; QoS 0 for somebody who is away
    # and what nobody has subscribed to are not counted (measured with 2.0.21 and 2.1.2)
    Counter("$SYS/broker/publish/messages/dropped", DROPPED, "Messages that the broker has thrown away"),
    Counter("$SYS/broker/store/messages/count", "stored_messages", "Messages that the broker holds"),
    Counter("$SYS/broker/store/messages/bytes", "stored_bytes", "Payload that the broker holds"),
    Counter("$SYS/broker/clients/connected", "connected_clients", "Clients that are connected"),
    Counter("$SYS/broker/clients/expired", "expired_sessions", "Sessions that were away too long, with their queues"),
)
_NAMES: Final = {counter.topic: counter.name for counter in COUNTERS}


def read(delivery: Delivery) -> tuple[str, float] | None:
    """(name, value) of a message below `$SYS`; None for any other, and for what is no number."""
    name = _NAMES.get(delivery.topic)
    if name is None:
        return None
    try:
        return name, float(delivery.payload)
    except ValueError:
        return None


async def follow_statistics(broker: Broker, told: Callable[[str, float], None], problem: Callable[[str], None]) -> None:
    """Tells every number that the broker publishes (Mosquitto: each 10 s what has changed), until cancelled.

    Raises nothing: whoever listens has more important things to do. `problem` is told why nothing is heard, and ""
    once it is.
    """

    def take(some: list[Delivery]) -> None:
        connection.acknowledge(some)
        for delivery in some:
            found = read(delivery)
            if found is not None:
                told(*found)

    while True:
        connection = Connection(1, take)
        login = Login(f"nuanshao-statistics-{secrets.token_hex(6)}", filters=tuple(_NAMES), keep=False)
        try:
            await connect(connection, broker, login)
        except (BrokerUnavailable, BrokerRefused, SettingsError) as failed:
            # also what is refused now may be granted later, and a certificate's file be back
            problem(str(failed))
            await asyncio.sleep(RETRY_S)
            continue
        problem("")
        pings = asyncio.create_task(connection.keep_alive(), name="keep-alive")
        try:
            await asyncio.shield(connection.lost)
        finally:
            pings.cancel()
            connection.disconnect()
        await asyncio.sleep(AGAIN_S)
