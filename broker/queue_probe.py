"""Would this broker drop what ingest has not taken yet? Tried out, because no broker tells its limits.

A session of our own goes away, more messages come than brokers keep by default, the session comes back and counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import dataclass
from typing import Final, Literal

from broker.address import Broker
from broker.delivery import Delivery
from broker.session import Connection, Login, connect
from foundation.errors import BrokerRefused

MESSAGES: Final = 1_200
"""Mosquitto and EMQX keep 1 000 for an absent session unless they are told otherwise."""
TOPIC: Final = "nuanshao/v1/probe"
_AT_ONCE: Final = 16
"""Mosquitto takes 20 unacknowledged ones from a client unless it is told otherwise; MESSAGES is a multiple of this."""
_WITHIN_S: Final = 10.0
_QUIET_S: Final = 0.5
"""After so long without a message no more will come."""


@dataclass(frozen=True, slots=True)
class QueueVerdict:
    """How the trial ended. `kept` of MESSAGES came."""

    reason: Literal["kept_all", "dropped", "refused"]
    kept: int


async def probe_queue(broker: Broker) -> QueueVerdict:
    """Tries it out within some seconds; nothing of it stays. Raises BrokerUnavailable."""
    mark = secrets.token_hex(6)
    topic, login = f"{TOPIC}/{mark}", Login(f"nuanshao-probe-{mark}", filters=(f"{TOPIC}/{mark}",))
    arrived: list[Delivery] = []
    try:
        await _once(broker, login)
        await _publish(broker, topic)
        await _take(broker, login, arrived)
    except BrokerRefused:
        return QueueVerdict("refused", len(arrived))
    finally:
        await _forget(broker, login)
    return QueueVerdict("kept_all" if len(arrived) >= MESSAGES else "dropped", len(arrived))


async def _once(broker: Broker, login: Login) -> None:
    connection = Connection(1, lambda _: None)
    await connect(connection, broker, login)
    connection.disconnect()


async def _publish(broker: Broker, topic: str) -> None:
    connection = Connection(2, lambda _: None)
    await connect(connection, broker, Login(f"nuanshao-probe-{secrets.token_hex(6)}", keep=False))
    try:
        async with asyncio.timeout(_WITHIN_S):
            for first in range(0, MESSAGES, _AT_ONCE):
                await asyncio.gather(
                    *(connection.publish(topic, b"%d" % number) for number in range(first, first + _AT_ONCE))
                )
    finally:
        connection.disconnect()


async def _take(broker: Broker, login: Login, arrived: list[Delivery]) -> None:
    def take(some: list[Delivery]) -> None:
        arrived.extend(some)
        connection.acknowledge(some)

    connection = Connection(3, take)
    await connect(connection, broker, login)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_WITHIN_S):
            before = -1
            while len(arrived) < MESSAGES and before != len(arrived):
                before = len(arrived)
                await asyncio.sleep(_QUIET_S)
    connection.disconnect(for_good=True)


async def _forget(broker: Broker, login: Login) -> None:
    """Also when something failed in between: a session that nobody uses would fill up."""
    connection = Connection(4, lambda _: None)
    await connect(connection, broker, Login(login.client_id, keep=False))
    connection.disconnect()
