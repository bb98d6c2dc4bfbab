"""What ingest says at the broker, over a session that the broker keeps: acknowledged when the journal has it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from alerts.standby.bulletin import TOPIC
from broker.address import Broker
from broker.delivery import Delivery
from broker.session import Connection, Login, connect
from foundation.errors import BrokerRefused, BrokerUnavailable, SettingsError

log = structlog.get_logger()

RECEIVE_MAX: Final = 1_000
FIRST_RETRY_S: Final = 0.5
LONGEST_RETRY_S: Final = 10.0


class Listener:
    """Stays connected. Also a broker that refuses us is asked again: the rest of the process has work to do."""

    def __init__(self, broker: Broker, client_id: str) -> None:
        self.problem = "connecting to the broker"
        self._broker = broker
        self._login = Login(client_id, filters=(TOPIC,), receive_max=RECEIVE_MAX)
        self._arrived: list[Delivery] = []
        self._something = asyncio.Event()
        self._connection: Connection | None = None

    async def stay_connected(self) -> None:
        """Connects, and again whenever the connection is lost, until cancelled; then takes leave."""
        number, wait = 0, FIRST_RETRY_S
        while True:
            number += 1
            self._connection = connection = Connection(number, self._take)
            try:
                await connect(connection, self._broker, self._login)
            except (BrokerUnavailable, BrokerRefused, SettingsError) as failed:
                self._forget()
                self.problem = str(failed)
                log.warning("broker_unavailable", session=self._login.client_id, why=failed.what, retry_in_s=wait)
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_RETRY_S)
                continue
            wait, self.problem = FIRST_RETRY_S, ""
            log.info("standby_listens", broker=f"{self._broker.host}:{self._broker.port}")
            pings = asyncio.create_task(connection.keep_alive(), name="keep-alive")
            try:
                self.problem = await asyncio.shield(connection.lost)
            except asyncio.CancelledError:
                connection.disconnect()
                raise
            finally:
                pings.cancel()
            self._forget()
            log.warning("disconnected", session=self._login.client_id, why=self.problem)

    async def arrived(self) -> list[Delivery]:
        """What has come; waits until there is something."""
        await self._something.wait()
        self._something.clear()
        arrived, self._arrived = self._arrived, []
        return arrived

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """The journal has these."""
        if self._connection is not None:
            self._connection.acknowledge(deliveries)

    def _take(self, arrived: list[Delivery]) -> None:
        self._arrived += arrived
        self._something.set()

    def _forget(self) -> None:
        """What is not acknowledged comes again."""
        self._connection = None
        self._arrived = []
