"""What a carrier's answer makes of a message. Pure: named reasons, injected time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.channels.channel import Accepted, Outcome, Receipt, Refused, Unknown, Way
from alerts.policy.verdict import End

GIVE_UP_AFTER = timedelta(hours=24)
"""A message that could not be sent for so long is history (our choice)."""
FIRST_RECEIPT_CHECK = timedelta(minutes=20)
"""Carriers repeat a receipt after 1, 5 and 10 minutes, then never (CHANNELS.md): after that we ask."""
NEXT_RECEIPT_CHECK = timedelta(minutes=60)
FIRST_RETRY_S = 2.0
LONGEST_RETRY_S = 300.0
LOOKUP_AFTER = {"critical": timedelta(seconds=15), "routine": timedelta(seconds=60)}
"""After an answer that cannot be believed: time for the carrier's records to show the message. A critical one waits
less: told twice is better than told late."""
UNDELIVERED_RETRY: dict[Way, timedelta] = {"sms": timedelta(seconds=5), "voice": timedelta(minutes=2)}
"""How long after a receipt that says "not delivered" it is sent again. A number is called once a minute at most."""
ASK_AGAIN = timedelta(seconds=30)
"""When the carrier could not be asked what became of a message."""
CANARY_ASKED = "canary_asked_the_carrier"
"""Why a message of the canary ends that was not to reach a phone: the carrier has answered for our account."""
MOST_ATTEMPTS = 3
"""Hand-overs to the carrier after which an undelivered message is given up (each costs quota)."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A carrier has it. `check_at`: when its receipt is asked for; None where the carrier has none to give."""

    carrier_id: str
    check_at: datetime | None
    carrier: str = ""
    """Its channel's name."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Again at `at`; `look_up` says that it may have been sent and must be looked up first."""

    at: datetime
    reason: str
    look_up: bool


def after_sending(
    outcome: Outcome, template: str, attempts: int, created_at: datetime, now: datetime, *, receipts: bool = True
) -> Sent | Retry | End:
    """What the carrier's answer means. `attempts` counts this one; `receipts`: whether the carrier gives any."""
    if isinstance(outcome, Accepted):
        return Sent(outcome.carrier_id, now + FIRST_RECEIPT_CHECK if receipts else None, outcome.carrier)
    if isinstance(outcome, Unknown):
        return Retry(now + LOOKUP_AFTER[template], outcome.reason, look_up=True)
    if not outcome.retryable:
        return End("failed", outcome.reason)
    if now - created_at > GIVE_UP_AFTER:
        return End("failed", "gave_up")
    return Retry(now + _pause(outcome, attempts), outcome.reason, look_up=False)


def after_lookup(
    found: Receipt | Accepted | None, accepted_at: datetime | None, created_at: datetime, now: datetime
) -> Sent | Retry | End:
    """What the carrier's records mean for a message that may have been sent, or that waits for its receipt."""
    if isinstance(found, Receipt):
        if found.delivered:
            return End("delivered", found.reason)
        return End("failed", found.reason)
    if found is None and accepted_at is None:
        if now - created_at > GIVE_UP_AFTER:
            return End("failed", "gave_up")
        return Retry(now, "carrier_never_had_it", look_up=False)
    if now - (accepted_at or created_at) > GIVE_UP_AFTER:
        return End("failed", "no_receipt")
    return Sent(found.carrier_id if found else "", now + NEXT_RECEIPT_CHECK)


def after_failed_lookup(why: str, accepted_at: datetime | None, created_at: datetime, now: datetime) -> Retry | End:
    """When the carrier could not be asked: again soon, but not for ever."""
    if now - (accepted_at or created_at) > GIVE_UP_AFTER:
        return End("failed", "no_receipt" if accepted_at else "gave_up")
    return Retry(now + ASK_AGAIN, f"lookup_failed: {why}"[:200], look_up=True)


def _pause(refused: Refused, attempts: int) -> timedelta:
    return timedelta(seconds=max(refused.after_s, min(FIRST_RETRY_S * 2 ** min(attempts - 1, 10), LONGEST_RETRY_S)))
