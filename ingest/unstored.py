"""While nothing can be stored: what is dangerous is published at the broker, for alerts to tell without the database.

The broker hands over no more than we may hold unacknowledged, so in a long outage the sessions fall silent. Therefore a
watch is opened: a connection that keeps nothing, hears all readings and events that devices publish from then on, and
acknowledges at once. It takes nothing from the sessions, which still have every message when the database is back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from alerts.standby.bulletin import AT_ONCE, TOPIC, Bulletin, Danger, encode
from broker.address import Broker
from broker.delivery import Delivery
from broker.session import Connection, Login, connect
from catalogue.rules import RulePack
from catalogue.wire import TOPIC_ROOT
from foundation.errors import BrokerRefused, BrokerUnavailable
from ingest.batch import sort_out
from ingest.clocks import DeviceClocks
from ingest.commit import Counts
from ingest.danger import Dangers, by_owner, unchecked
from ingest.lane import LARGEST_BATCH
from ingest.storing import Storing
from store.registry import KnownDevice

log = structlog.get_logger()

STALLED_AFTER_S: Final = 3.0
"""So long nothing has been committed although something waits: of the 10 s within which people are told, the rest."""
LOOK_EVERY_S: Final = 0.25
GATHER_S: Final = 0.1
QUIET_FOR_S: Final = 5.0
"""Storing must have worked for so long, without a backlog, before the watch is closed."""
ONCE_MORE_AFTER_S: Final = 2.0
"""What the broker was already sending to a session when the watch began is looked for once more after this."""
RETRY_S: Final = 1.0
BACKLOG: Final = LARGEST_BATCH
"""So many messages in hand mean that more wait at the broker: what a device says now would be stored minutes later."""
LOOK_THROUGH: Final = 1_000
"""Messages that are looked through at once; storing and pings go on between."""
GROUP: Final = "nuanshao-watch"
WATCHED: Final = (f"{TOPIC_ROOT}/+/telemetry", f"{TOPIC_ROOT}/+/event")


@dataclass(slots=True)
class _Progress:
    """How far one lane had got when it was last seen to move."""

    counts: Counts
    since_s: float


class Unstored:
    """Looks after the lanes of one worker. `workers` share the watch, each message of a device goes to one of them."""

    def __init__(
        self,
        *,
        broker: Broker,
        client_id: str,
        name: str,
        workers: int,
        pack: RulePack,
        storing: Sequence[Storing],
        registry: Callable[[], dict[str, KnownDevice]],
        clocks: DeviceClocks,
    ) -> None:
        self._broker = broker
        self._login = Login(f"{client_id}-watch", divisible=WATCHED, group=GROUP, share=workers > 1, keep=False)
        self._name = name
        self._pack = pack
        self._storing = storing
        self._registry = registry
        self._clocks = clocks
        self._seen: list[Delivery] = []
        self._progress = [_Progress(one.counts, time.monotonic()) for one in storing]
        self._number = 0

    async def run(self) -> None:
        """Looks until cancelled."""
        said = False
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            why = self.why_not_storing(time.monotonic())
            if why:
                log.warning("not_storing", why=why, messages=self._waiting())
                await self._watch()
                log.warning("storing_again")
                said = True
            elif not said and any(one.counts != Counts() for one in self._storing):
                # what a worker before this one has said of dangers is in the database's hands now
                said = await self._say_storing()

    def why_not_storing(self, now_s: float) -> str:
        """Why what has come is not being stored, or an empty text."""
        for one, progress in zip(self._storing, self._progress, strict=True):
            if one.problem:
                return one.problem
            if one.counts != progress.counts or not one.waiting:
                progress.counts, progress.since_s = one.counts, now_s
            elif now_s - progress.since_s > STALLED_AFTER_S:
                return f"nothing has been stored for {now_s - progress.since_s:.0f} s"
        return ""

    async def _watch(self) -> None:
        """Publishes dangers until storing has worked for a while, over as many connections as that takes."""
        dangers, clocks = Dangers(self._pack), self._clocks.copy()
        while True:
            self._seen = []
            self._number += 1
            connection = Connection(self._number, self._see)
            pings: asyncio.Task[None] | None = None
            try:
                await connect(connection, self._broker, self._login)
                pings = asyncio.create_task(connection.keep_alive(), name="keep-alive")
                await self._publish_until_quiet(connection, dangers, clocks)
            except (BrokerUnavailable, BrokerRefused) as failed:
                log.warning("dangers_not_published", why=str(failed), retry_in_s=RETRY_S)
                await asyncio.sleep(RETRY_S)
            else:
                return
            finally:
                if pings is not None:
                    pings.cancel()
                connection.disconnect()

    async def _publish_until_quiet(self, connection: Connection, dangers: Dangers, clocks: DeviceClocks) -> None:
        began = quiet_since = time.monotonic()
        once_more = True
        await self._publish(connection, dangers, clocks, self._unstored())
        while time.monotonic() - quiet_since < QUIET_FOR_S:
            await asyncio.sleep(GATHER_S)
            if connection.lost.done():
                raise BrokerUnavailable(connection.lost.result(), do="is it running?")
            seen, self._seen = self._seen, []
            await self._publish(connection, dangers, clocks, seen)
            connection.acknowledge(seen)
            if once_more and time.monotonic() - began > ONCE_MORE_AFTER_S:
                once_more = False
                await self._publish(connection, dangers, clocks, self._unstored())
            if self.why_not_storing(time.monotonic()) or self._waiting() >= BACKLOG:
                quiet_since = time.monotonic()
        await connection.publish(TOPIC, encode(Bulletin(self._name, storing=True)))

    async def _publish(
        self, connection: Connection, dangers: Dangers, clocks: DeviceClocks, deliveries: Sequence[Delivery]
    ) -> None:
        """Publishes what is dangerous in these messages."""
        for first in range(0, len(deliveries), LOOK_THROUGH):
            found = self._pick_all(dangers, clocks, list(deliveries[first : first + LOOK_THROUGH]))
            for place in range(0, len(found), AT_ONCE):
                bulletin = Bulletin(self._name, tuple(found[place : place + AT_ONCE]))
                await connection.publish(TOPIC, encode(bulletin))
                log.warning("dangers_published", dangers=len(bulletin.dangers))
            await asyncio.sleep(0)

    def _pick_all(self, dangers: Dangers, clocks: DeviceClocks, deliveries: list[Delivery]) -> list[Danger]:
        """`_pick`, and one message that nothing can be made of costs its neighbours nothing."""
        try:
            return self._pick(dangers, clocks, deliveries)
        except Exception:
            if len(deliveries) <= 1:
                log.exception("not_sorted", topic=deliveries[0].topic if deliveries else "")
                return []
            half = len(deliveries) // 2
            first, second = deliveries[:half], deliveries[half:]
            return self._pick_all(dangers, clocks, first) + self._pick_all(dangers, clocks, second)

    def _pick(self, dangers: Dangers, clocks: DeviceClocks, deliveries: list[Delivery]) -> list[Danger]:
        registry = self._registry()
        if registry:
            return dangers.pick(sort_out(deliveries, registry, clocks))
        return [
            danger
            for owner, his in by_owner(deliveries).items()
            for danger in dangers.pick(sort_out(his, unchecked(owner, his), clocks))
        ]

    def _waiting(self) -> int:
        return sum(one.waiting for one in self._storing)

    def _unstored(self) -> list[Delivery]:
        return [delivery for one in self._storing for delivery in one.unstored()]

    def _see(self, arrived: list[Delivery]) -> None:
        self._seen += arrived

    async def _say_storing(self) -> bool:
        """Says once that this worker stores; whether the broker has heard it."""
        self._number += 1
        connection = Connection(self._number, self._see)
        try:
            await connect(connection, self._broker, Login(self._login.client_id, keep=False))
            await connection.publish(TOPIC, encode(Bulletin(self._name, storing=True)))
        except (BrokerUnavailable, BrokerRefused):
            await asyncio.sleep(RETRY_S)
            return False
        finally:
            connection.disconnect()
        return True
