"""Several carriers for one way as one channel: when one is down or will not, the next takes the message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from alerts.channels.channel import Accepted, Channel, LookupFailed, Message, Outcome, Receipt, Refused, Unknown, Way
from foundation.clock import Clock

log = structlog.get_logger()

LAST_FOR: Final = timedelta(seconds=60)
"""So long a carrier that failed comes behind the others (our choice)."""
ASKED_IN_VAIN_FOR: Final = timedelta(minutes=5)
"""After so long a message that a dead carrier may have is given to another one (our choice)."""
_OF_THE_NUMBER: Final = "carrier_limit"
"""Begins the reasons that speak of one number's quota, not of the carrier."""


class Failover:
    """The carriers of one way, in the order in which they are tried.

    What may have been taken is handed to another carrier only after it was looked up; a critical message at once,
    because told twice is better than told late.
    """

    def __init__(self, carriers: Sequence[Channel], clock: Clock) -> None:
        self._carriers = tuple(carriers)
        self._clock = clock
        self._ill_until: dict[str, datetime] = {}
        first = self._carriers[0]
        self.name = first.name
        self.way: Way = first.way
        self.receipts = all(one.receipts for one in carriers)
        self.remembers = all(one.remembers for one in carriers)

    async def send(self, message: Message) -> Outcome:
        """By the first carrier that takes it. Refused by all: the refusal with the shortest wait."""
        refusals: list[Refused] = []
        unknown: Unknown | None = None
        for carrier in self._in_order():
            outcome = await carrier.send(message)
            if isinstance(outcome, Accepted):
                self._ill_until.pop(carrier.name, None)
                return replace(outcome, carrier=carrier.name)
            if isinstance(outcome, Unknown):
                self._behind(carrier, outcome.reason)
                unknown = unknown or outcome
                if message.template != "critical":
                    return outcome
                continue
            if not outcome.elsewhere:
                return unknown or outcome
            refusals.append(outcome)
            if not outcome.reason.startswith(_OF_THE_NUMBER):
                self._behind(carrier, outcome.reason)
        return unknown or min(refusals, key=lambda one: (not one.retryable, one.after_s))

    async def lookup(self, message: Message, sent_at: datetime) -> Receipt | Accepted | None:
        """What any of them knows. Raises LookupFailed where one that may have it cannot be asked, for some minutes."""
        unanswered: LookupFailed | None = None
        for carrier in self._carriers:
            try:
                found = await carrier.lookup(message, sent_at)
            except LookupFailed as failed:
                unanswered = failed
                continue
            if found is not None:
                return replace(found, carrier=carrier.name) if isinstance(found, Accepted) else found
        others = len(self._carriers) > 1
        if unanswered is not None and not (others and self._clock() - sent_at > ASKED_IN_VAIN_FOR):
            raise unanswered
        return None

    async def close(self) -> None:
        """Let connections go."""
        for carrier in self._carriers:
            await carrier.close()

    def ill(self) -> list[str]:
        """Names of the carriers that failed just now."""
        now = self._clock()
        return sorted(name for name, until in self._ill_until.items() if until > now)

    def _in_order(self) -> list[Channel]:
        ill = self.ill()
        return sorted(self._carriers, key=lambda one: one.name in ill)

    def _behind(self, carrier: Channel, reason: str) -> None:
        if len(self._carriers) > 1 and carrier.name not in self.ill():
            log.warning("carrier_behind", carrier=carrier.name, reason=reason, for_s=LAST_FOR.total_seconds())
        self._ill_until[carrier.name] = self._clock() + LAST_FOR


def with_failover(accounts: Mapping[Way, Sequence[Channel]], clock: Clock) -> dict[Way, Channel]:
    """One channel a way."""
    return {way: Failover(carriers, clock) for way, carriers in accounts.items()}
