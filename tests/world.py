"""A small county in the registry, and ways to write readings and to look at alarms, for integration tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from alerts.engine import Engine
from broker.delivery import Delivery
from catalogue.metrics import METRIC_INDEX, METRIC_NAMES
from catalogue.rules import default_pack
from foundation.settings import settings
from ingest.batch import Batch, sort_out
from ingest.clocks import DeviceClocks
from ingest.commit import Committer, Counts
from ingest.judge import Judged
from store import registry
from store.registry import KnownDevice, every_known_device

NIGHT = datetime(2026, 1, 15, 19, 0, tzinfo=UTC)
"""3 a.m. in Tongliao."""
VILLAGE = "150521101201"
COMMITTEE_PHONE = "13800000201"


def settle(connection: psycopg.Connection, *, homes: int = 3, interval_s: int = 10) -> None:
    """A village with a committee and some homes, each with a detector `co-<n>` and a gas boiler `gb-<n>`."""
    registry.add_region(connection, code="150500", name="通辽市", level="city", parent=None)
    registry.add_region(connection, code=VILLAGE, name="巴彦塔拉嘎查村", level="village", parent="150500")
    registry.add_contact(connection, region=VILLAGE, name="王某某", role="村委会值班", phone=COMMITTEE_PHONE)
    for number in range(homes):
        home = f"home-{number:03}"
        registry.add_home(connection, code=home, village=VILLAGE, address=f"1组{number}号")
        for kind, device_type in (("co", "co_detector"), ("gb", "gas_wall_boiler")):
            registry.add_device(
                connection, uid=f"{kind}-{number:03}", device_type=device_type, home=home, interval_s=interval_s
            )
    connection.commit()
    settings.cache_clear()  # the contact's number asked for its key, and the test may have more to set


@dataclass
class World:
    """A worker without a broker: readings go straight into the committer, at times that the test says."""

    database: psycopg.AsyncConnection
    start: datetime = NIGHT
    now: datetime = NIGHT
    engine: Engine = field(default_factory=lambda: Engine(default_pack()))
    devices: dict[str, KnownDevice] = field(default_factory=dict)
    line: DeviceClocks = field(default_factory=DeviceClocks)
    name: str = "ingest-test"

    async def load(self) -> World:
        self.devices = await registered_devices(self.database)
        return self

    def at(self, seconds: float) -> datetime:
        """Moves the clock to so many seconds after the start."""
        self.now = self.start + timedelta(seconds=seconds)
        return self.now

    def restarted(self) -> World:
        """The same world after a restart of the process: nothing is remembered."""
        return World(self.database, self.start, self.now, Engine(default_pack()), self.devices)

    async def read(self, uid: str, at: float, *, received: float | None = None, **metrics: float) -> Counts:
        """A reading measured `at` seconds and received then, or at `received` seconds."""
        return await self.commit(
            Batch(readings=[self.judged(uid, at, at if received is None else received, **metrics)])
        )

    def judged(self, uid: str, at: float, received: float, **metrics: float) -> Judged:
        """Such a reading; moves the clock to when it was received."""
        ts, received_at = self.start + timedelta(seconds=at), self.at(received)
        values: list[float | None] = [None] * len(METRIC_NAMES)
        for name, value in metrics.items():
            values[METRIC_INDEX[name]] = value
        late = (received_at - ts).total_seconds() > 300
        return Judged(self.devices[uid], ms(ts), ms(received_at), None, None, None, 256 if late else 0, None, values)

    async def deliver(self, *deliveries: Delivery) -> Counts:
        """Raw messages, through decode and judge."""
        return await self.commit(sort_out(list(deliveries), self.devices, self.line))

    async def commit(self, batch: Batch) -> Counts:
        committer = Committer(self.engine, self.name, NIGHT, lambda: self.now)
        return await committer.commit(self.database, batch)

    async def deadlines(self, at: float) -> int:
        """What the alerts process does every half second, at this moment."""
        async with self.database.transaction():
            return await self.engine.fire_deadlines(self.database, self.at(at))

    async def alarms(self, *, closed: bool = False) -> list[dict[str, Any]]:
        """Open alarms (or all), oldest first, with their device's uid."""
        return await rows(
            self.database,
            "select a.*, d.uid from alarm a join device d on d.id = a.device_id"
            " where %s or a.closed_at is null order by a.id",
            (closed,),
        )

    async def messages(self) -> list[dict[str, Any]]:
        """Everything in the outbox, oldest first."""
        return await rows(self.database, "select * from notification order by id")


async def registered_devices(database: psycopg.AsyncConnection) -> dict[str, KnownDevice]:
    """The registry as ingest reads it."""
    return {device.uid: device async for some in every_known_device(database) for device in some}


async def rows(database: psycopg.AsyncConnection, query: str, parameters: Any = None) -> list[dict[str, Any]]:
    async with database.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query.encode(), parameters)
        return await cursor.fetchall()


async def one(database: psycopg.AsyncConnection, query: str, parameters: Any = None) -> Any:
    """The first value of the first row."""
    row = await (await database.execute(query.encode(), parameters)).fetchone()
    return row[0] if row else None


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
