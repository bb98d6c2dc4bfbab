"""The courier: takes what is due from the outbox, hands it to its carrier and writes down how that ended.

What was told while the database was away (alerts/standby) is not sent again.

Any number of couriers may run; each claims its messages (SKIP LOCKED) for a while. One that is killed in the middle
leaves its messages marked `sending`: the next courier asks the carrier before it sends them again. Claiming, deciding
and writing down go by the batch, handing over goes message by message: a slow carrier holds up nobody else's, and some
places are kept for critical ones.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from alerts import outbox
from alerts.answers.codes import ANSWERABLE
from alerts.channels.channel import Channel, LookupFailed, Message, Receipt, Refused, Way
from alerts.delivery import (
    CANARY_ASKED,
    FIRST_RETRY_S,
    MOST_ATTEMPTS,
    UNDELIVERED_RETRY,
    Retry,
    Sent,
    after_failed_lookup,
    after_lookup,
    after_sending,
)
from alerts.links import link_for
from alerts.metrics import AlertsMetrics
from alerts.parcel import Parcel
from alerts.policy.facts import causes_of
from alerts.policy.stages import Policy, judge
from alerts.policy.verdict import Ask, Covered, End, Go, Hold, Wait
from alerts.standby.reconcile import Reconciliation, Untold
from catalogue.rules import pack_in_force
from foundation.clock import Clock
from foundation.sealing import NumberUnreadable
from store.connect import Pool
from store.named_sql import sql

log = structlog.get_logger()

AT_ONCE: Final = 64
"""Messages that one courier hands over at the same time."""
FOR_CRITICAL: Final = 32
"""Places beside these that only critical messages take: behind time-outs a CO alarm must not wait."""
CLAIM_AT_LEAST: Final = AT_ONCE // 2
"""A claim sorts everything that is due, so few free places wait a moment for more of them."""
LOOK_EVERY_S: Final = 0.1
"""While places are taken, it is looked so often whether something is due for those that are free or kept."""
LEASE_S: Final = 60
"""How long a claim holds; longer than any carrier may take to answer."""
LINGER_S: Final = 0.01
"""What has just ended waits so long for company: one transaction writes all of it."""
NO_ACCOUNT_RETRY: Final = timedelta(minutes=1)
_UNREADABLE: Final = Refused("number_unreadable", retryable=True, after_s=600)

_ENDS: Final = {
    "accepted": sql("note_accepted"),
    "handed_over": sql("note_handed_over"),
    "retry": sql("note_retry"),
    "held": sql("note_held"),
    "end": sql("note_end"),
}

Step = Sent | Retry | End | Wait | Hold | Covered


@dataclass(frozen=True, slots=True)
class _Cleared:
    """A message that may go now. `untold`: what the standby wants to know of it."""

    parcel: Parcel
    verdict: Go | Ask
    untold: Untold


class Courier:
    """Carries the outbox of one deployment to `channels`, one a way."""

    def __init__(
        self,
        pool: Pool,
        channels: Mapping[Way, Channel],
        clock: Clock,
        told: Reconciliation | None = None,
        metrics: AlertsMetrics | None = None,
        policy: Policy | None = None,
    ) -> None:
        self._pool = pool
        self._channels = channels
        self._clock = clock
        self._metrics = metrics
        self._policy = policy or Policy()
        self._claim_at = 0.0
        self._under_way: dict[asyncio.Task[Step], Parcel] = {}
        self._pack = pack_in_force()
        self._told = told or Reconciliation(self._pack, channels.get("sms"))

    async def round(self) -> int:
        """Carries everything that is due, until nothing is. Returns how many messages that were.

        A database that fails in the middle recalls nobody: the next round writes down how they have ended.
        """
        carried = 0
        try:
            await self._write_ended(0.0)
            while True:
                claimed = await self._set_out()
                carried += claimed
                if not claimed and not self._under_way:
                    return carried
                await self._write_ended(0.0 if claimed else LOOK_EVERY_S)
        except asyncio.CancelledError:
            for task in self._under_way:
                task.cancel()
            raise

    async def _set_out(self) -> int:
        """Sets out with what is due, as far as there is room. Returns how many messages that were."""
        room, critical_only = AT_ONCE - len(self._under_way), False
        if self._under_way and room < CLAIM_AT_LEAST:
            if time.monotonic() < self._claim_at:
                return 0
            self._claim_at = time.monotonic() + LOOK_EVERY_S
            if room <= 0:
                room, critical_only = room + FOR_CRITICAL, True
        if room <= 0:
            return 0
        places = {"now": self._clock(), "most": room, "lease_s": LEASE_S, "critical_only": critical_only}
        async with self._pool.connection() as connection:
            await self._told.hand_over(connection, self._clock())
            cursor = await connection.execute(sql("claim_notifications"), places)
            parcels = [Parcel(*row) for row in await cursor.fetchall()]
            await connection.commit()  # the claim stands: what cannot be judged must not come first again at once
            cleared = await self._clear(connection, [parcel for parcel in parcels if parcel.found == "pending"])
        for one in cleared:
            self._under_way[asyncio.create_task(self._hand_over(one))] = one.parcel
        for parcel in parcels:
            if parcel.found != "pending":
                self._under_way[asyncio.create_task(self._look_up(parcel))] = parcel
        return len(parcels)

    async def _clear(self, connection: psycopg.AsyncConnection, parcels: Sequence[Parcel]) -> list[_Cleared]:
        """The policy, just before they are sent; writes down what becomes of those that may not go."""
        if not parcels:
            return []
        now, by_id = self._clock(), {parcel.id: parcel for parcel in parcels}
        cleared: list[_Cleared] = []
        ended: list[tuple[Parcel, Step]] = []
        told = await self._told.covered(connection, list(by_id), now)
        causes = await causes_of(connection, list(by_id), self._pack, now)
        for parcel_id, parcel in by_id.items():
            reconciled, cause = told[parcel_id], causes.get(parcel_id)
            if not isinstance(reconciled, Untold):
                ended.append((parcel, reconciled))
            elif cause is None:
                ended.append((parcel, End("superseded", "no_longer_there")))
            else:
                verdict = judge(cause, self._policy, now)
                if isinstance(verdict, Go | Ask):
                    cleared.append(_Cleared(parcel, verdict, reconciled))
                else:
                    ended.append((parcel, verdict))
        if ended:
            await self._write(connection, ended)
        await connection.execute(sql("begin_attempts"), ([one.parcel.id for one in cleared],))
        return cleared

    async def _hand_over(self, cleared: _Cleared) -> Step:
        parcel, untold = cleared.parcel, cleared.untold
        channel = self._channels.get(parcel.way)
        if channel is None:
            return Wait(self._clock() + NO_ACCOUNT_RETRY, "no_account_for_this_way")
        try:
            linked = parcel.kind in ANSWERABLE and not parcel.by_phone
            message = parcel.message(link_for(parcel.id, self._clock()) if linked else "")
        except NumberUnreadable:  # its key may come back; `nuanshao doctor` says so
            return after_sending(_UNREADABLE, parcel.template, 1, parcel.created_at, self._clock())
        if isinstance(cleared.verdict, Ask):
            return await self._ask(channel, message, parcel)
        if meanwhile := self._told.begin(untold, self._clock()):
            return meanwhile
        outcome = await channel.send(message)
        self._told.ended(untold, outcome)
        return after_sending(
            outcome, parcel.template, parcel.attempts + 1, parcel.created_at, self._clock(), receipts=channel.receipts
        )

    async def _ask(self, channel: Channel, message: Message, parcel: Parcel) -> Retry | End:
        """A question signed with our account instead of an SMS (store/migrations/0016): it costs no quota."""
        try:
            await channel.lookup(message, parcel.created_at)
        except LookupFailed as failed:
            again = self._clock() + timedelta(seconds=FIRST_RETRY_S)
            return Retry(again, f"lookup_failed: {failed}"[:200], look_up=False)
        return End("superseded", CANARY_ASKED)

    async def _look_up(self, parcel: Parcel) -> Step:
        """What became of one that may have been sent; sent now if its carrier never had it and it is still true."""
        channel = self._channels.get(parcel.way)
        if channel is None:
            return Wait(self._clock() + NO_ACCOUNT_RETRY, "no_account_for_this_way")
        try:
            found = await channel.lookup(parcel.message(), parcel.accepted_at or parcel.created_at)
        except NumberUnreadable as failed:
            return after_failed_lookup(type(failed).__name__, parcel.accepted_at, parcel.created_at, self._clock())
        except LookupFailed as failed:
            return after_failed_lookup(str(failed), parcel.accepted_at, parcel.created_at, self._clock())
        step = after_lookup(found, parcel.accepted_at, parcel.created_at, self._clock())
        if not isinstance(step, Retry) or step.reason != "carrier_never_had_it":
            return step
        async with self._pool.connection() as connection:
            cleared = await self._clear(connection, [parcel])
        return await self._hand_over(cleared[0]) if cleared else Covered()

    async def _write_ended(self, patience_s: float) -> None:
        """Writes down what has ended of what is under way, after waiting for some of it."""
        if not self._under_way:
            return
        done, _ = await asyncio.wait(self._under_way, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        if done and patience_s:
            done, _ = await asyncio.wait(self._under_way, timeout=LINGER_S)
        over = {task: self._under_way.pop(task) for task in done}
        failed = {task: why for task in over if (why := task.exception()) is not None}
        ended = [(parcel, task.result()) for task, parcel in over.items() if task not in failed]
        try:
            if ended:
                async with self._pool.connection() as connection:
                    await self._write(connection, ended)
        except (psycopg.OperationalError, PoolTimeout):  # the database is away: the next round writes it down
            self._under_way |= over
            raise
        for task, why in failed.items():  # tried again when its claim runs out; the others are not to blame
            if isinstance(why, psycopg.Error | PoolTimeout):
                raise why
            log.error("notification_failed", id=over[task].id, exc_info=why)

    async def _write(self, connection: psycopg.AsyncConnection, ended: Sequence[tuple[Parcel, Step]]) -> None:
        """A statement a kind of end, asked for in the order of ids, so that two couriers hardly ever wait in a ring.

        Where they do, the database ends one of them, and its next round writes down how its messages ended.
        """
        now = self._clock()
        batches: dict[str, dict[str, list[Any]]] = {}
        for parcel, step in sorted(ended, key=lambda one: one[0].id):
            statement, places = self._row(parcel, step)
            if statement:
                columns = batches.setdefault(statement, {})
                for name, place in {"id": parcel.id, **places}.items():
                    columns.setdefault(name, []).append(place)
        for statement, columns in batches.items():
            await connection.execute(_ENDS[statement], {**columns, "now": now})
        for parcel, step in ended:
            if isinstance(step, End) and step.state == "failed":
                await outbox.another_way(connection, parcel.id, now)
                await connection.execute(sql("climb_if_nobody_knows"), {"id": parcel.id, "now": now})
            self._say(parcel, step)

    def _row(self, parcel: Parcel, step: Step) -> tuple[str, dict[str, Any]]:
        """Which of _ENDS writes this down, and its places."""
        match step:
            case Sent(carrier_id, check_at, carrier):
                name = carrier or self._channels[parcel.way].name
                places = {"carrier_id": carrier_id or None, "carrier": name, "check_at": check_at}
                return ("accepted" if check_at is not None else "handed_over"), places
            case Retry(at, reason, look_up):
                # what waits for its receipt stays accepted; only a hand-over without a believable answer is open
                state = "accepted" if parcel.accepted_at else "sending" if look_up else "pending"
                return "retry", {"state": state, "reason": reason, "at": at}
            case Wait(until, reason):
                return "retry", {"state": "pending", "reason": reason, "at": until}
            case Hold(until, reason):
                return "held", {"reason": reason, "at": until}
            case End(state, reason):
                return "end", {"state": state, "reason": reason}
            case Covered():
                return "", {}  # written down already, with the row that covers it

    def _say(self, parcel: Parcel, step: Step) -> None:
        became, reason = type(step).__name__.lower(), getattr(step, "reason", "")
        if self._metrics is not None:
            self._metrics.step(became, reason)
        log.info(
            "notification", id=parcel.id, to=parcel.masked, way=parcel.way, template=parcel.template, became=became,
            reason=reason,
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
                "retry_at": now + UNDELIVERED_RETRY["sms"],
                "call_again_at": now + UNDELIVERED_RETRY["voice"],
                "reason": receipt.reason,
                "key": receipt.key,
                "carrier_id": receipt.carrier_id,
            },
        )
    return cursor.rowcount > 0
