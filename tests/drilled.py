"""A village of ten homes in which a drill is played beside what is real, for integration tests."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg

from alerts.channels.channel import Accepted, Message, Way
from alerts.courier import Courier
from alerts.silence import SilenceWatch
from broker.delivery import Delivery
from catalogue.rules import default_pack
from ingest.commit import Counts
from store.connect import connect, pool
from store.drill import Drill, Ended, end_drill, start_drill
from store.named_sql import sql
from tests.world import NIGHT, World, ms, rows, settle

HOUR = timedelta(hours=1)
REAL = [f"{kind}-{number:03}" for number in range(10) for kind in ("co", "gb")]


class Phones:
    """A channel that takes everything and remembers who was told what."""

    name = "phones"
    way: Way = "sms"
    receipts = True
    remembers = True

    def __init__(self) -> None:
        self.told: list[Message] = []

    async def send(self, message: Message) -> Accepted:
        self.told.append(message)
        return Accepted(f"phones-{len(self.told)}")

    async def lookup(self, _message: Message, _sent_at: datetime) -> None:
        return None

    async def close(self) -> None:
        return None

    def texts(self) -> list[str]:
        """What was told since the last look, the drills marked."""
        told, self.told = self.told, []
        return [one.params["what"] for one in told]


class Village(World):
    """Ten homes with a detector and a boiler each, a drill, people with phones. Seconds after the start."""

    phones: Phones
    courier: Courier
    url: str

    def drill(self, *homes: int, at: float = 0, lasts: timedelta = HOUR, interval_s: int | None = None) -> Drill:
        """Starts one on these homes."""
        with connect(self.url) as connection:
            return start_drill(
                connection,
                name="冬季演练",
                scenario="co-night",
                homes=[f"home-{number:03}" for number in homes],
                by="王某某",
                now=self.at(at),
                ends_at=self.now + lasts,
                interval_s=interval_s,
            )

    def end(self, drill_id: int, at: float) -> Ended:
        with connect(self.url) as connection:
            return end_drill(connection, drill_id, self.at(at))

    async def play(self, drill: Drill, at: float, **readings: dict[str, float]) -> Counts:
        """Readings of twins, named by the device that each is the twin of, over the drill's gateway."""
        twin = {twin.of.replace("-", "_"): twin.uid for twin in drill.twins}
        ts = ms(self.at(at))
        payload = [{"id": twin[of], "ts": ts, "seq": int(at * 10), "boot": 1, "m": m} for of, m in readings.items()]
        return await self.publish(drill.gateway, payload)

    async def publish(self, uid: str, payload: object, channel: str = "telemetry") -> Counts:
        return await self.deliver(
            Delivery(1, 1, f"heat/v1/{uid}/{channel}", json.dumps(payload).encode(), False, ms(self.now))
        )

    async def report(self, at: float, *uids: str) -> None:
        for uid in uids:
            await self.read(uid, at, rssi_dbm=-70)

    async def play_all(self, drill: Drill, at: float) -> None:
        await self.play(drill, at, **{twin.of.replace("-", "_"): {"rssi_dbm": -70.0} for twin in drill.twins})

    async def look(self, at: float) -> None:
        """What the alerts process does every two seconds."""
        now = self.at(at)
        await self.database.execute(sql("heartbeat"), ("ingest", "i", self.start, self.start, now, 0, ""))
        await SilenceWatch(default_pack()).look(self.database, now)

    async def incidents(self) -> list[dict[str, Any]]:
        return await rows(self.database, "select * from incident order by id")

    async def told(self) -> list[str]:
        """What the phones receive now."""
        await self.courier.round()
        return self.phones.texts()


@asynccontextmanager
async def drilled(
    database_url: str, database: psycopg.AsyncConnection, start: datetime = NIGHT
) -> AsyncIterator[Village]:
    """The village, registered, before any drill."""
    with connect(database_url) as connection:
        settle(connection, homes=10)
    village = Village(database, start, start)
    village.url, village.phones = database_url, Phones()
    connections = pool(database_url)
    await connections.open()
    village.courier = Courier(connections, {"sms": village.phones}, lambda: village.now)
    await village.load()
    yield village
    await connections.close()
