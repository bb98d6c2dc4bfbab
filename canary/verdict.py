"""What a run of the canary says of the alarm path, and when the next one goes how far. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alerts.delivery import CANARY_ASKED
from store.canary import LEGS, Leg, Look, Outcome, Reach

LATE_AFTER_S: Final = 30.0
"""A carbon monoxide alarm that takes longer to its carrier is too late (our choice; the budget of DESIGN §7 is 2 s, and
with the database away it is 10 s). What the carrier takes to the phone is not ours."""
PATIENCE_S: Final = 90.0
"""So long a run waits for the carrier."""
RECEIPT_PATIENCE_S: Final = 90.0
"""So long it waits for the receipt after that; carriers need seconds (our choice)."""
RECEIPTS_USUAL_WITHIN: Final = timedelta(days=7)
"""Had one run a receipt in this time, the next ones are to have it too."""
MOST_SMS_A_DAY: Final = 40
"""The carrier takes 50 of one number and template in 24 hours (CHANNELS.md); what is above stays for people."""

Legs = Mapping[Leg, float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run ended; `leg` is the first that was late or not reached."""

    outcome: Outcome
    leg: Leg | None = None
    reason: str = ""


def reach(sms_since_yesterday: int, last_sms: datetime | None, every: timedelta, now: datetime) -> Reach:
    """How far the run that begins now goes: to the phone each `every`, and never above the carrier's quota."""
    if sms_since_yesterday >= MOST_SMS_A_DAY:
        return "account"
    return "phone" if last_sms is None or now - last_sms >= every else "account"


def reached(look: Look, reach: Reach) -> Iterator[Leg]:
    """The legs behind the reading, as the database shows it."""
    accepted = look.accepted if reach == "phone" else look.reason == CANARY_ASKED
    delivered = look.state == "delivered"
    for leg, there in (
        ("stored", look.stored), ("raised", look.raised), ("queued", look.queued),
        ("accepted", accepted or delivered), ("delivered", delivered),
    ):  # fmt: skip
        if there:
            yield leg  # type: ignore[misc]  # each of these words is a Leg


def over(legs: Legs, reach: Reach, look: Look, waited_s: float) -> bool:
    """Whether there is nothing more to wait for."""
    if "accepted" not in legs:
        return refused(look) or waited_s >= PATIENCE_S
    if reach == "account" or "delivered" in legs:
        return True
    return refused(look) or waited_s >= legs["accepted"] + RECEIPT_PATIENCE_S


def refused(look: Look) -> bool:
    """Whether its message has an end that is no good one."""
    undelivered = look.state == "pending" and look.accepted
    return undelivered or look.state == "failed" or (look.state == "superseded" and look.reason != CANARY_ASKED)


def judge(legs: Legs, reach: Reach, look: Look, *, receipts_usual: bool, blind: str = "") -> Verdict:
    """What the run says. `blind`: why the database could not be looked into at the end, empty where it could."""
    for leg in LEGS:
        if leg in legs:
            continue
        if leg == "delivered":
            if reach == "account" or not (receipts_usual or refused(look)):
                break
            return Verdict("lost", leg, look.reason if refused(look) else "no_receipt")
        return Verdict("lost", leg, blind or _why(leg, look))
    for leg in LEGS:
        if leg != "delivered" and legs[leg] > LATE_AFTER_S:
            return Verdict("late", leg, f"more_than_{LATE_AFTER_S:.0f}_s")
    return Verdict("ok")


def _why(leg: Leg, look: Look) -> str:
    if leg == "stored":
        return "not_stored" if look.ingest else "ingest_not_running"
    if leg == "raised":
        return "not_raised"
    if leg == "queued":
        return "nobody_to_tell"
    if look.state == "superseded" or not look.alerts:
        return look.reason or "alerts_not_running"
    return look.reason or "not_carried"


def next_run(last: datetime, every: timedelta, now: datetime) -> datetime:
    """When the run after that of `last` begins: on its beat, and what was missed is not made up for."""
    missed = max(0, int((now - last) / every))
    return last + every * (missed + 1)
