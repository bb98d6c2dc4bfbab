"""What the broker says that it has thrown away, carried into the database: nobody else would tell."""

from __future__ import annotations

from datetime import datetime

import psycopg
import structlog

from alerts.metrics import AlertsMetrics
from broker.address import Broker
from broker.statistics import DROPPED, follow_statistics
from foundation.clock import Clock
from store.health import DROPS_SHOWN
from store.named_sql import sql

log = structlog.get_logger()


class BrokerWatch:
    """The broker's counters, heard and not yet saved. `problem` says why nothing is heard; empty when all is well."""

    def __init__(self, broker: Broker, metrics: AlertsMetrics, clock: Clock) -> None:
        self.problem = ""
        self._broker = broker
        self._metrics = metrics
        self._clock = clock
        self._dropped: float | None = None
        self._unsaved: dict[str, tuple[float, datetime]] = {}

    async def follow(self) -> None:
        """Listens until cancelled."""
        await follow_statistics(self._broker, self.hear, self._tell)

    def hear(self, name: str, value: float) -> None:
        """A counter as the broker has just said it."""
        if name == DROPPED:
            # what it had dropped before we listened is in the database
            if self._dropped is not None and value > self._dropped:
                log.error("broker_drops_messages", messages=int(value - self._dropped), do="raise max_queued_messages")
            self._dropped = value
        self._metrics.broker(name, value)
        self._unsaved[name] = value, self._clock()

    async def keep_broker_state(self, connection: psycopg.AsyncConnection) -> None:
        """Writes what has been heard since the last time; what another process has heard later stays."""
        saving = dict(self._unsaved)
        async with connection.transaction():
            for name, (value, at) in saving.items():
                await connection.execute(
                    sql("keep_broker_state"), {"name": name, "value": value, "at": at, "together": DROPS_SHOWN}
                )
        for name, saved in saving.items():
            if self._unsaved[name] == saved:
                del self._unsaved[name]

    def _tell(self, why: str) -> None:
        self.problem = f"the broker's counters are not heard: {why}" if why else ""
