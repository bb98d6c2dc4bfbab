"""A lane: one session at the broker, what has come over it and is not in the database yet, and the acknowledgements.

When the connection is lost, what came over it is dropped: it is unacknowledged, so the broker sends it again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import structlog

from broker.address import Broker
from broker.delivery import Delivery
from broker.session import Connection, Login, connect
from foundation.clock import Clock
from foundation.errors import BrokerUnavailable
from foundation.waiting import until

log = structlog.get_logger()

LARGEST_BATCH: Final = 5_000
LARGEST_BATCH_BYTES: Final = 2 * 1024 * 1024
"""A gateway's message may hold 200 readings; what a batch becomes in memory is bounded by its bytes."""
BREATH_S: Final = 0.005
"""Between two readings of the socket, in a lane that waits for company anyway."""
TAKEN_OVER, TAKEN_OVER_S = "session_taken_over", 2.0
FIRST_RETRY_S: Final = 0.5
LONGEST_RETRY_S: Final = 10.0


class Lane:
    """Stays connected, gathers, acknowledges. A first message waits `linger_s` for company; 0 takes what is there."""

    def __init__(self, broker: Broker, login: Login, *, linger_s: float, clock: Clock) -> None:
        self.problem = ""
        self.connected_since: datetime | None = None
        self.has_subscribed = asyncio.Event()
        """Set when the broker has granted us our subscriptions for the first time."""
        self._broker = broker
        self._login = login
        self._linger_s = linger_s
        self._clock = clock
        self._inbox: list[Delivery] = []
        self._arrived = asyncio.Event()
        self._enough = asyncio.Event()
        self._connection: Connection | None = None
        """Set from the first byte on: messages come, and are acknowledged, before the login has ended."""

    @property
    def waiting(self) -> int:
        """Messages that have come and that nobody has taken for a batch."""
        return len(self._inbox)

    @property
    def oldest_ms(self) -> int | None:
        """When the first of them came, in ms since 1970."""
        return self._inbox[0].received_ms if self._inbox else None

    @property
    def unacknowledged_bytes(self) -> int:
        """Payload that the broker still keeps for us."""
        return 0 if self._connection is None else self._connection.unacknowledged_bytes

    def inbox(self) -> list[Delivery]:
        """What has come and nobody has taken for a batch."""
        return list(self._inbox)

    async def stay_connected(self) -> None:
        """Connects, and again whenever the connection is lost, until cancelled. Raises BrokerRefused."""
        number, wait = 0, FIRST_RETRY_S
        while True:
            number += 1
            self._connection = connection = Connection(number, self._take, breath_s=BREATH_S if self._linger_s else 0.0)
            try:
                await connect(connection, self._broker, self._login)
            except BrokerUnavailable as failed:
                self._forget(number)
                log.warning(
                    "broker_unavailable", session=self._login.client_id, why=failed.what, retry_in_s=round(wait, 1)
                )
                self.problem = failed.what
                await asyncio.sleep(wait * random.uniform(0.7, 1.3))  # noqa: S311 (jitter, no secret)
                wait = min(wait * 2, LONGEST_RETRY_S)
                continue
            wait = FIRST_RETRY_S
            self.connected_since, self.problem = self._clock(), ""
            self.has_subscribed.set()
            log.info(
                "connected", broker=f"{self._broker.host}:{self._broker.port}", session=self._login.client_id,
                present=connection.session_present,
            )  # fmt: skip
            pings = asyncio.create_task(connection.keep_alive(), name="keep-alive")
            try:
                why = await asyncio.shield(connection.lost)
            finally:
                pings.cancel()
            self.connected_since, self.problem = None, why
            self._forget(number)
            log.warning("disconnected", session=self._login.client_id, why=why)
            if TAKEN_OVER in why:
                # somebody else has our name: to take it back at once would be a fight without end
                await asyncio.sleep(TAKEN_OVER_S * random.uniform(0.7, 1.3))  # noqa: S311 (jitter, no secret)

    async def next_batch(self) -> list[Delivery]:
        """What is to be stored next; waits until there is something."""
        await self._arrived.wait()
        if self._linger_s and not self._enough.is_set():
            await until(self._enough, at_most_s=self._linger_s)
        many, size = 0, 0
        for delivery in self._inbox[:LARGEST_BATCH]:
            size += len(delivery.payload)
            if many and size > LARGEST_BATCH_BYTES:
                break
            many += 1
        taken, self._inbox = self._inbox[:many], self._inbox[many:]
        if not self._inbox:
            self._arrived.clear()
        if len(self._inbox) < LARGEST_BATCH:
            self._enough.clear()
        return taken

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """These are in the database now."""
        if self._connection is not None:
            self._connection.acknowledge(deliveries)

    def leave(self, *, for_good: bool) -> None:
        """Takes leave of the broker; it keeps the session, unless it is `for_good`."""
        if self._connection is not None and self.connected_since is not None:
            self._connection.disconnect(for_good=for_good)
            self.connected_since = None

    def _take(self, arrived: list[Delivery]) -> None:
        self._inbox += arrived
        self._arrived.set()
        if len(self._inbox) >= LARGEST_BATCH:
            self._enough.set()

    def _forget(self, number: int) -> None:
        self._connection = None
        self._inbox = [delivery for delivery in self._inbox if delivery.connection != number]
        if not self._inbox:
            self._arrived.clear()
            self._enough.clear()
