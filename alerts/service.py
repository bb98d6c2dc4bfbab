"""The alerts process: deadlines, silence, looks over hours, suppression, ends of drills, courier and standby.

Side by side; each is retried when the database fails, and the standby goes on without it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from alerts.broker_watch import BrokerWatch
from alerts.channels.channel import WAYS, Channel, Way
from alerts.courier import Courier
from alerts.digests import Digests
from alerts.engine import Engine
from alerts.escalation.late import EscalationLate
from alerts.escalation.watch import Escalator
from alerts.looks.watch import Looks
from alerts.metrics import AlertsMetrics
from alerts.policy.settings import policy
from alerts.silence import SilenceWatch
from alerts.standby.standby import Standby
from alerts.suppression_watch import SuppressionWatch
from alerts.trouble_watch import TroubleWatch
from broker.address import Broker
from foundation.clock import Clock, utc_now
from foundation.errors import DatabaseUnavailable
from foundation.settings import settings
from foundation.waiting import until
from store import drill, rollup, upkeep
from store.connect import Pool, committed_one_by_one, connect_async, pool
from store.named_sql import sql
from store.registry import NOTIFY_CHANNEL, PEOPLE_CHANNEL

log = structlog.get_logger()

OUTBOX_CHANNEL = "nuanshao_outbox"
ESCALATION_CHANNEL = "nuanshao_escalation"
ESCALATION_EVERY_S = 1.0
ESCALATION_WATCHED_EVERY_S = 10.0
DIGESTS_EVERY_S = 5.0
WAYS_EVERY_S = 60.0
DEADLINES_EVERY_S = 0.5
SILENCE_EVERY_S = 2.0
SUPPRESSION_EVERY_S = 2.0
TROUBLES_EVERY_S = 30.0
DRILLS_EVERY_S = 2.0
OUTBOX_AT_LEAST_EVERY_S = 1.0
HEARTBEAT_EVERY_S = 2.0
ROLLUPS_EVERY_S = 30.0
LOOKS_EVERY_S = 120.0
BROKER_STATE_EVERY_S = 10.0
OPEN_ALARMS_EVERY_S = 5.0
REGISTRY_COPY_EVERY_S = 600.0
REGISTRY_COPY_AT_MOST_EVERY_S = 5.0
"""After a change; a city of 330 000 devices takes 7 s, and we rest after it as after everything else."""
REST = 4
"""Each task rests at least four times as long as it took: in a whole city it must not take the machine from ingest."""
RETRY_S = 1.0
POOL_SIZE = 10


class AlertsService:
    """Everything that must happen without a new message. Any number may run beside each other, one with a standby.

    `why_no_standby` is shown as a problem where there is none. With `broker` its counters are watched.
    """

    def __init__(
        self,
        *,
        database_url: str,
        engine: Engine,
        channels: Mapping[Way, Channel],
        name: str,
        clock: Clock = utc_now,
        standby: Standby | None = None,
        why_no_standby: str = "",
        broker: Broker | None = None,
    ) -> None:
        self._database_url = database_url
        self._engine = engine
        self._channels = channels
        self._name = name
        self._clock = clock
        self._started_at: datetime = clock()
        self._silence = SilenceWatch(engine.pack)
        self._trouble_watch = TroubleWatch()
        self._over_hours = Looks(engine.pack, settings().timezone)
        self._escalator = Escalator(engine.pack)
        self._escalation_late = EscalationLate()
        self._digests = Digests(engine.pack)
        self._outbox_stirred = asyncio.Event()
        self._escalation_stirred = asyncio.Event()
        self._registry_stirred = asyncio.Event()
        self._standby = standby
        self._problems: dict[str, str] = {"standby": why_no_standby} if why_no_standby else {}
        self.metrics = AlertsMetrics(lambda: len(self.problems()))
        if standby is not None:
            self.metrics.stand_by(lambda: standby.acting, lambda: standby.unrecorded)
        self._suppression = SuppressionWatch(engine.pack, self.metrics.withheld_ended)
        self._broker_watch = BrokerWatch(broker, self.metrics, clock) if broker is not None else None

    def problems(self) -> list[str]:
        """What is wrong now, one line each."""
        standby = self._standby.problem if self._standby is not None else ""
        deaf = self._broker_watch.problem if self._broker_watch is not None else ""
        return [*self._problems.values(), *(one for one in (standby, deaf) if one)]

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; the messages under way are finished first."""
        if self._standby is None:
            log.warning("no_standby", why=self._problems.get("standby", ""))
        connections = pool(self._database_url, largest=POOL_SIZE)
        await connections.open()
        told = self._standby.reconciliation if self._standby is not None else None
        courier = Courier(connections, self._channels, self._clock, told, self.metrics, policy())
        try:
            async with asyncio.TaskGroup() as tasks:
                climbing = self._whenever_stirred(
                    self._escalation_stirred, "escalation", self._escalation, connections,
                    rest_s=0.0, at_most_s=ESCALATION_EVERY_S,
                )  # fmt: skip
                carrying = tasks.create_task(self._carry_forever(courier, stop), name="courier")
                others = [
                    tasks.create_task(self._every(DEADLINES_EVERY_S, self._deadlines, connections), name="deadlines"),
                    tasks.create_task(self._every(SILENCE_EVERY_S, self._look, connections), name="silence"),
                    tasks.create_task(
                        self._every(SUPPRESSION_EVERY_S, self._suppress, connections), name="suppression"
                    ),
                    tasks.create_task(climbing, name="escalation"),
                    tasks.create_task(self._hear(ESCALATION_CHANNEL, self._escalation_stirred), name="answers"),
                    tasks.create_task(
                        self._every(ESCALATION_WATCHED_EVERY_S, self._watch_escalation, connections), name="watchdog"
                    ),
                    tasks.create_task(self._every(DIGESTS_EVERY_S, self._digest, connections), name="digests"),
                    tasks.create_task(self._every(WAYS_EVERY_S, self._ways, connections), name="ways"),
                    tasks.create_task(self._every(TROUBLES_EVERY_S, self._troubles, connections), name="troubles"),
                    tasks.create_task(self._every(DRILLS_EVERY_S, self._drills, connections), name="drills"),
                    tasks.create_task(self._every(HEARTBEAT_EVERY_S, self._heartbeat, connections), name="heartbeat"),
                    tasks.create_task(self._every(ROLLUPS_EVERY_S, self._rollups, connections), name="rollups"),
                    tasks.create_task(self._every(LOOKS_EVERY_S, self._looks, connections), name="looks"),
                    tasks.create_task(self._hear(OUTBOX_CHANNEL, self._outbox_stirred), name="outbox"),
                    *self._stand_by(self._standby, tasks, connections),
                    *self._watch_broker(self._broker_watch, tasks, connections),
                ]
                standing_by = tasks.create_task(self._standby.run(), name="standby") if self._standby else None
                await stop.wait()
                for task in others:
                    task.cancel()
                self._outbox_stirred.set()
                await asyncio.wait({carrying}, timeout=10)
                carrying.cancel()
                if standing_by is not None:  # the courier writes into its journal until the end
                    standing_by.cancel()
        finally:
            for channel in self._channels.values():
                await channel.close()
            await connections.close()

    def _watch_broker(
        self, watch: BrokerWatch | None, tasks: asyncio.TaskGroup, connections: Pool
    ) -> list[asyncio.Task[None]]:
        if watch is None:
            log.warning("broker_not_watched", why="NUANSHAO_MQTT_URL is not set")
            return []
        return [
            tasks.create_task(watch.follow(), name="broker-statistics"),
            tasks.create_task(
                self._every(BROKER_STATE_EVERY_S, watch.keep_broker_state, connections), name="broker-state"
            ),
        ]

    def _stand_by(
        self, standby: Standby | None, tasks: asyncio.TaskGroup, connections: Pool
    ) -> list[asyncio.Task[None]]:
        if standby is None:
            return []
        alarms = self._every(OPEN_ALARMS_EVERY_S, standby.keep_alarms, connections)
        copies = self._whenever_stirred(
            self._registry_stirred, "registry_copy", standby.keep_registry, connections,
            rest_s=REGISTRY_COPY_AT_MOST_EVERY_S, at_most_s=REGISTRY_COPY_EVERY_S,
        )  # fmt: skip
        return [
            tasks.create_task(alarms, name="open-alarms"),
            tasks.create_task(copies, name="registry-copy"),
            *(
                tasks.create_task(self._hear(channel, self._registry_stirred), name=channel)
                for channel in (NOTIFY_CHANNEL, PEOPLE_CHANNEL)
            ),
        ]

    async def _every(
        self, seconds: float, work: Callable[[psycopg.AsyncConnection], Awaitable[None]], connections: Pool
    ) -> None:
        while True:
            began = time.monotonic()
            await self._patiently(work.__name__.strip("_"), self._with_connection(work, connections))
            await asyncio.sleep(rest(seconds, time.monotonic() - began))

    async def _whenever_stirred(
        self, stirred: asyncio.Event, what: str, work: Callable[[psycopg.AsyncConnection], Awaitable[None]],
        connections: Pool, *, rest_s: float, at_most_s: float,
    ) -> None:  # fmt: skip
        """After a rest works as soon as something has stirred, and `at_most_s` later all the same."""
        while True:
            began = time.monotonic()
            stirred.clear()
            await self._patiently(what, self._with_connection(work, connections))
            await asyncio.sleep(rest(rest_s, time.monotonic() - began))
            await until(stirred, at_most_s=at_most_s)

    @staticmethod
    async def _with_connection(work: Callable[[psycopg.AsyncConnection], Awaitable[None]], connections: Pool) -> None:
        async with connections.connection() as connection:
            await work(connection)

    async def _patiently(self, what: str, work: Awaitable[object]) -> None:
        """Awaits the work; a database that fails is logged and shown by `nuanshao doctor`, and tried again."""
        began = time.monotonic()
        try:
            await work
            self._problems.pop(what, None)
            self.metrics.ran(what, time.monotonic() - began)
        except (DatabaseUnavailable, psycopg.Error, PoolTimeout) as failed:
            # whatever one task meets in the database, the others go on, the courier above all
            why = " ".join(str(failed).split())
            self._problems[what] = f"{what}: {why}"
            self.metrics.failed(what)
            log.warning("database_failed", task=what, why=why, retry_in_s=RETRY_S)
            await asyncio.sleep(RETRY_S)

    async def _deadlines(self, connection: psycopg.AsyncConnection) -> None:
        async with connection.transaction():
            await self._engine.fire_deadlines(connection, self._clock())

    async def _look(self, connection: psycopg.AsyncConnection) -> None:
        heard = await self._silence.look(connection, self._clock())
        if heard:
            self._problems.pop("deaf", None)
        else:
            self._problems["deaf"] = "no ingest worker is connected: silence is not judged"

    async def _suppress(self, connection: psycopg.AsyncConnection) -> None:
        """Shelves, maintenance, vacant homes, devices out of service, flapping: begun, ended, told afterwards."""
        looked = await self._suppression.look(connection, self._clock())
        self.metrics.withheld(looked.withheld)

    async def _escalation(self, connection: psycopg.AsyncConnection) -> None:
        """The escalator's turn: each second, and as soon as somebody has answered or called for help."""
        async with committed_one_by_one(connection):
            await self._escalator.look(connection, self._clock())

    async def _watch_escalation(self, connection: psycopg.AsyncConnection) -> None:
        late = await self._escalation_late.look(connection, self._clock())
        self.metrics.escalations_late(late)
        if late:
            self._problems["escalation_late"] = f"{late} alarms that nobody has answered are late to be told further"
        else:
            self._problems.pop("escalation_late", None)

    async def _digest(self, connection: psycopg.AsyncConnection) -> None:
        async with committed_one_by_one(connection):
            await self._digests.look(connection, self._clock())

    async def _ways(self, connection: psycopg.AsyncConnection) -> None:
        """Says for which ways there is an account: whoever writes a message chooses among these."""
        await connection.execute(sql("set_open_ways"), {"open": list(self._channels), "all": list(WAYS)})

    async def _troubles(self, connection: psycopg.AsyncConnection) -> None:
        await self._trouble_watch.look(connection, self._clock())

    async def _drills(self, connection: psycopg.AsyncConnection) -> None:
        """Ends the drills whose time is over: who started one may have died."""
        for drill_id in await drill.end_overdue(connection, self._clock()):
            log.warning("drill_ended", drill=drill_id)

    async def _rollups(self, connection: psycopg.AsyncConnection) -> None:
        """Brings the rollups up to date and removes what is old."""
        done = await rollup.refresh(connection, self._clock())
        if done.buckets:
            log.debug("rollups_refreshed", buckets=done.buckets, rows=done.rows, took_s=round(done.took_s, 3))
        if await upkeep.daily(connection, self._clock(), settings().retention_days):
            log.info("old_data_removed", retention_days=settings().retention_days)

    async def _looks(self, connection: psycopg.AsyncConnection) -> None:
        """What is judged over hours: stuck sensors, cold homes, homes that will freeze, coal again."""
        done = await self._over_hours.round(connection, self._clock())
        if done.looked:
            self.metrics.blind(done.blind)
        if done.blind:
            self._problems["forecast"] = (
                f"{done.blind} homes whose heaters are silent are not warned of frost: nobody near measures the weather"
            )
        elif done.looked:
            self._problems.pop("forecast", None)
        if done.raised:
            log.info("looks_raised", alarms=done.raised)

    async def _heartbeat(self, connection: psycopg.AsyncConnection) -> None:
        problem = "; ".join(self.problems())
        await connection.execute(
            sql("heartbeat"), ("alerts", self._name, self._started_at, None, self._clock(), 0, problem[:500])
        )
        if self._standby is not None:
            self._standby.database_wrote()

    async def _carry_forever(self, courier: Courier, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await until(self._outbox_stirred, at_most_s=OUTBOX_AT_LEAST_EVERY_S)
            self._outbox_stirred.clear()
            await self._patiently("courier", courier.round())

    async def _hear(self, channel: str, stirred: asyncio.Event) -> None:
        """Wakes who waits for `stirred` as soon as something is committed that says so on `channel`."""
        while True:
            try:
                async with await connect_async(self._database_url, autocommit=True) as listener:
                    await listener.execute(f"listen {channel}")
                    async for _ in listener.notifies():
                        stirred.set()
            except (DatabaseUnavailable, psycopg.Error):
                await asyncio.sleep(RETRY_S)


def rest(every_s: float, took_s: float) -> float:
    """Seconds until a task's next turn."""
    return max(every_s, REST * took_s)
