"""What to do with one message now, and what its carrier's answer makes of it. Pure: named reasons, injected time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from alerts.channels.channel import Accepted, Outcome, Receipt, Refused, Unknown

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
UNDELIVERED_RETRY = timedelta(seconds=5)
ASK_AGAIN = timedelta(seconds=30)
"""When the carrier could not be asked what became of a message."""
MOST_OF_DRILLS = 30
"""Messages of drills that one number gets in a rolling day: the carrier takes 50 of one template (CHANNELS.md), and
the others are for what is real (our choice)."""
DRILL_QUOTA_OVER = timedelta(hours=24)
CANARY_ASKED = "canary_asked_the_carrier"
"""Why a message of the canary ends that was not to reach a phone: the carrier has answered for our account."""
MOST_ATTEMPTS = 3
"""Hand-overs to the carrier after which an undelivered message is given up (each costs quota)."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What a message tells, as it stands now."""

    kind: Literal["raised", "cleared", "incident", "recovery", "flapping"]
    condition: str | None
    latching: bool | None
    priority: str | None
    acknowledged: bool
    closed: bool
    incident_over: bool
    first_told: bool
    """Whether the recipient has had the message that this one takes back."""
    first_waiting: bool
    """Whether that message is still under way to the carrier."""
    drill_over: bool = False
    """Whether it is of a drill that has ended."""
    real_alarm: bool = False
    """Whether it is of a drill in a home that has a real alarm, critical or high, now; silence alone is none."""
    told_of_drills: int = 0
    """If it is of a drill: how many messages of drills its number has had in a day."""
    canary: Literal["", "account", "phone"] = ""
    """If it is the canary's: how far it is to go."""
    suppressed: str = ""
    """Why people are not told of its alarm now (alerts/suppression.py), if so; it is told when that is over."""


@dataclass(frozen=True, slots=True)
class Go:
    """Send it now."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Of the canary: everything as for a message that is sent, but the carrier is only asked something."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not yet."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Covered:
    """It was told while the database was away (alerts/standby), and is written down as that."""


@dataclass(frozen=True, slots=True)
class End:
    """It has an end, with a named reason."""

    state: Literal["delivered", "failed", "superseded"]
    reason: str


def worth_sending(cause: Cause, now: datetime) -> Go | Ask | Wait | End:
    """Whether what the message says is still true and still news."""
    verdict = _worth_sending(cause, now)
    return Ask() if isinstance(verdict, Go) and cause.canary == "account" else verdict


def _worth_sending(cause: Cause, now: datetime) -> Go | Wait | End:
    if stopped := _stopped_drill(cause):
        return End("superseded", stopped)
    if cause.kind == "raised":
        passed = _no_news(cause)
        return End("superseded", passed) if passed else Go()
    if cause.kind == "flapping":
        return Go()
    if cause.kind == "incident":
        return End("superseded", "over_before_it_was_told") if cause.incident_over else Go()
    if cause.first_waiting:
        return Wait(now + timedelta(seconds=FIRST_RETRY_S), "waits_for_the_first_message")
    if not cause.first_told:
        return End("superseded", "the_first_was_never_told")
    if cause.kind == "cleared" and cause.condition != "normal":
        return End("superseded", "raised_again")
    return Go()


def _no_news(cause: Cause) -> str:
    """Why people are not told any more that this alarm was raised, or an empty text."""
    if cause.closed:
        return "closed_before_it_was_told"
    if cause.suppressed:
        return f"suppressed: {cause.suppressed}"
    return "acknowledged_before_it_was_told" if cause.acknowledged and cause.priority != "critical" else ""


def _stopped_drill(cause: Cause) -> str:
    """Why a message of a drill is not sent, or an empty text: what is real comes first."""
    if cause.drill_over:
        return "drill_ended"
    if cause.real_alarm:
        return "real_alarm_in_this_home"
    return "enough_of_drills_today" if cause.told_of_drills >= MOST_OF_DRILLS else ""


@dataclass(frozen=True, slots=True)
class Sent:
    """The carrier has it."""

    carrier_id: str
    check_at: datetime


@dataclass(frozen=True, slots=True)
class Retry:
    """Again at `at`; `look_up` says that it may have been sent and must be looked up first."""

    at: datetime
    reason: str
    look_up: bool


def after_sending(
    outcome: Outcome, template: str, attempts: int, created_at: datetime, now: datetime
) -> Sent | Retry | End:
    """What the carrier's answer means. `attempts` counts this one."""
    if isinstance(outcome, Accepted):
        return Sent(outcome.carrier_id, now + FIRST_RECEIPT_CHECK)
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
