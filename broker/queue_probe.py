"""Ask a broker whether it would drop what ingest has not taken yet, by being an absent ingest for a moment.

Most brokers keep 1000 messages for an absent session and drop the rest without a word to anybody (Mosquitto's
`max_queued_messages`, EMQX's `mqueue.max_len`), and the device that sent them is told that they have arrived.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Literal

from broker.address import Broker
from broker.delivery import Delivery
from broker.session import Connection, Login, connect
from foundation.errors import BrokerRefused, BrokerUnavailable
from foundation.waiting import until

MESSAGES = 1200
"""More than the 1000 that Mosquitto and EMQX keep by themselves; 40 bytes each."""
TOPIC = "nuanshao/v1/probe"
LEFT_BEHIND_S = 60
"""How long the broker keeps session and messages of a probe that was killed."""
COUNTING_S = 10.0
_END_EVERY_S = 0.1
_LEAVING_S = 5.0
_END = b"end"


@dataclass(frozen=True, slots=True)
class QueueVerdict:
    """How the trial ended. `kept` of MESSAGES came."""

    reason: Literal["kept_all", "dropped", "refused"]
    kept: int


def judge(kept: int) -> QueueVerdict:
    """By how many of MESSAGES have come."""
    return QueueVerdict("kept_all" if kept == MESSAGES else "dropped", kept)


async def probe_queue(broker: Broker) -> QueueVerdict:
    """Leaves a session, publishes behind its back, comes back and counts; takes about half a second.

    Nothing of it stays with the broker, and nobody else hears it. Raises BrokerUnavailable.
    """
    mark = secrets.token_hex(8)
    topic = f"{TOPIC}/{mark}"
    # at most one message is in flight and not in the queue, should the broker be slow to see us leave
    login = Login(f"nuanshao-probe-{mark}", filters=(topic,), receive_max=1, keep_s=LEFT_BEHIND_S)
    try:
        try:
            async with _connected(broker, login):
                pass
            async with _connected(broker, Login(f"nuanshao-probe-from-{mark}", keep=False)) as publisher:
                await _publish(publisher, topic)
                return judge(await _count(broker, replace(login, receive_max=MESSAGES), publisher, topic))
        finally:
            with contextlib.suppress(BrokerUnavailable, BrokerRefused):
                async with _connected(broker, Login(login.client_id, keep=False)):
                    pass
    except BrokerRefused:
        return QueueVerdict("refused", 0)


async def _publish(publisher: Connection, topic: str) -> None:
    # a broker ends a connection that has more under way than it allows
    allowed = min(MESSAGES, publisher.allowed_in_flight)
    for first in range(0, MESSAGES, allowed):
        numbers = range(first, min(first + allowed, MESSAGES))
        await asyncio.gather(*(publisher.publish(topic, str(number).encode()) for number in numbers))


async def _count(broker: Broker, login: Login, publisher: Connection, topic: str) -> int:
    """How many of the messages come until one that was published behind them does."""
    kept: set[bytes] = set()
    arrived = asyncio.Event()

    def hear(deliveries: list[Delivery]) -> None:
        kept.update(delivery.payload for delivery in deliveries)
        session.acknowledge(deliveries)
        if _END in kept:
            arrived.set()

    session = Connection(0, hear)
    async with _connected(broker, login, session):
        try:
            async with asyncio.timeout(COUNTING_S):
                # a queue that is full drops this one too, until some of it has been taken
                while not arrived.is_set():
                    await publisher.publish(topic, _END)
                    await until(arrived, at_most_s=_END_EVERY_S)
        except TimeoutError:
            raise BrokerUnavailable(
                f"the broker at {broker.host}:{broker.port} does not deliver what it has taken", do="look into its log"
            ) from None
    return len(kept - {_END})


@asynccontextmanager
async def _connected(broker: Broker, login: Login, connection: Connection | None = None) -> AsyncIterator[Connection]:
    """A connection from enter to exit; the broker has closed it then."""
    connection = connection or Connection(0, lambda _: None)
    await connect(connection, broker, login)
    try:
        yield connection
    finally:
        connection.disconnect()
        await asyncio.wait({connection.lost}, timeout=_LEAVING_S)
