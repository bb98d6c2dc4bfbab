"""The courier: takes what is due from the outbox, hands it to its carrier and writes down how that ended.

What was told while the database was away (alerts/standby) is not sent again.

Any number of couriers may run; each claims its messages (SKIP LOCKED) for a while. One that is killed in the middle
leaves its messages marked `sending`: the next courier asks the carrier before it sends them again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from alerts.channels.channel import Channel, LookupFailed, Message, Receipt, TemplateName
from alerts.delivery import (
    CANARY_ASKED,
    DRILL_QUOTA_OVER,
    FIRST_RETRY_S,
    MOST_ATTEMPTS,
    UNDELIVERED_RETRY,
    Ask,
    Cause,
    Covered,
    End,
    Go,
    Retry,
    Sent,
    Wait,
    after_failed_lookup,
    after_lookup,
    after_sending,
    worth_sending,
)
from alerts.metrics import AlertsMetrics
from alerts.standby.reconcile import Reconciliation, Untold
from catalogue.rules import pack_in_force
from foundation.clock import Clock
from foundation.sealing import masked, unseal
from store.connect import Pool
from store.named_sql import sql

log = structlog.get_logger()

AT_ONCE = 50
"""Messages that one courier hands over at the same time."""
LEASE_S = 60
"""How long a claim holds; longer than any carrier may take to answer."""


@dataclass(frozen=True, slots=True)
class _Parcel:
    """A claimed notification."""

    id: int
    found: str
    attempts: int
    template: str
    params: dict[str, str]
    key: str
    created_at: datetime
    accepted_at: datetime | None
    phone: str

    @property
    def message(self) -> Message:
        template: TemplateName = "critical" if self.template == "critical" else "routine"
        return Message(unseal(self.phone), template, self.params, self.key)


class Courier:
    """Carries the outbox of one deployment to `channel`."""

    def __init__(
        self,
        pool: Pool,
        channel: Channel,
        clock: Clock,
        told: Reconciliation | None = None,
        metrics: AlertsMetrics | None = None,
    ) -> None:
        self._metrics = metrics
        self._pool = pool
        self._channel = channel
        self._clock = clock
        self._told = told or Reconciliation(pack_in_force(), channel)

    async def round(self) -> int:
        """Carries everything that is due now. Returns how many messages that were."""
        carried = 0
        while parcels := await self._claim():
            ends = await asyncio.gather(*map(self._carry, parcels), return_exceptions=True)
            for parcel, failed in zip(parcels, ends, strict=True):
                if isinstance(failed, psycopg.Error | PoolTimeout):
                    raise failed
                if failed is not None:  # its claim runs out and it is tried again; the others are not to blame
                    log.error("notification_failed", id=parcel.id, exc_info=failed)
            carried += len(parcels)
        return carried

    async def _claim(self) -> list[_Parcel]:
        places: Mapping[str, object] = {"now": self._clock(), "most": AT_ONCE, "lease_s": LEASE_S}
        async with self._pool.connection() as connection:
            await self._told.hand_over(connection, self._clock())
            cursor = await connection.execute(sql("claim_notifications"), places)
            return [_Parcel(*row) for row in await cursor.fetchall()]

    async def _carry(self, parcel: _Parcel) -> None:
        if parcel.found == "pending":
            step = await self._send(parcel)
        else:
            step = await self._look_up(parcel)
            if isinstance(step, Retry) and not step.look_up and step.reason == "carrier_never_had_it":
                step = await self._send(parcel)
        await self._write(parcel, step)

    async def _send(self, parcel: _Parcel) -> Sent | Retry | End | Wait | Covered:
        async with self._pool.connection() as connection:
            now = self._clock()
            told = await self._told.covered(connection, parcel.id, now)
            if not isinstance(told, Untold):
                return told
            places = {"id": parcel.id, "a_day_ago": now - DRILL_QUOTA_OVER}
            row = await (await connection.execute(sql("cause_of"), places)).fetchone()
            if row is None:
                return End("superseded", "no_longer_there")
            verdict = worth_sending(Cause(*row), now)
            if not isinstance(verdict, Go | Ask):
                return verdict
            await connection.execute(sql("begin_attempt"), (parcel.id,))
        if isinstance(verdict, Ask):
            return await self._ask(parcel)
        if meanwhile := self._told.begin(told, self._clock()):
            return meanwhile
        outcome = await self._channel.send(parcel.message)
        self._told.ended(told, outcome)
        return after_sending(outcome, parcel.template, parcel.attempts + 1, parcel.created_at, self._clock())

    async def _ask(self, parcel: _Parcel) -> Retry | End:
        """A question signed with our account instead of an SMS (store/migrations/0016): it costs no quota."""
        try:
            await self._channel.lookup(parcel.message, parcel.created_at)
        except LookupFailed as failed:
            again = self._clock() + timedelta(seconds=FIRST_RETRY_S)
            return Retry(again, f"lookup_failed: {failed}"[:200], look_up=False)
        return End("superseded", CANARY_ASKED)

    async def _look_up(self, parcel: _Parcel) -> Sent | Retry | End:
        try:
            found = await self._channel.lookup(parcel.message, parcel.accepted_at or parcel.created_at)
        except LookupFailed as failed:
            return after_failed_lookup(str(failed), parcel.accepted_at, parcel.created_at, self._clock())
        return after_lookup(found, parcel.accepted_at, parcel.created_at, self._clock())

    async def _write(self, parcel: _Parcel, step: Sent | Retry | End | Wait | Covered) -> None:
        now = self._clock()
        async with self._pool.connection() as connection:
            match step:
                case Sent(carrier_id, check_at):
                    await connection.execute(
                        sql("note_accepted"), (carrier_id or None, self._channel.name, now, check_at, parcel.id)
                    )
                case Retry(at, reason, look_up):
                    # what waits for its receipt stays accepted; only a hand-over without a believable answer is open
                    state = "accepted" if parcel.accepted_at else "sending" if look_up else "pending"
                    await connection.execute(sql("note_retry"), (state, reason, at, parcel.id))
                case Wait(until, reason):
                    await connection.execute(sql("note_retry"), ("pending", reason, until, parcel.id))
                case Covered():
                    pass  # written down already, with the row that covers it
                case End(state, reason):
                    await connection.execute(sql("note_end"), (state, reason, now, parcel.id))
        if self._metrics is not None:
            self._metrics.step(type(step).__name__.lower(), getattr(step, "reason", ""))
        log.info(
            "notification", id=parcel.id, to=masked(parcel.phone), template=parcel.template,
            became=type(step).__name__.lower(), reason=getattr(step, "reason", ""),
        )  # fmt: skip


async def record_receipt(connection: psycopg.AsyncConnection, receipt: Receipt, now: datetime) -> bool:
    """Writes a carrier's receipt down; the same one again changes nothing. Returns whether it was news."""
    if receipt.delivered:
        cursor = await connection.execute(
            sql("receipt_delivered"), (receipt.reason, now, now, receipt.key, receipt.carrier_id)
        )
    else:
        cursor = await connection.execute(
            sql("receipt_failed"),
            {
                "most": MOST_ATTEMPTS,
                "now": now,
                "retry_at": now + UNDELIVERED_RETRY,
                "reason": receipt.reason,
                "key": receipt.key,
                "carrier_id": receipt.carrier_id,
            },
        )
    return cursor.rowcount > 0
