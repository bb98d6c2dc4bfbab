"""The policy as a list: just before it is sent a message goes through these stages, and the first to object decides.

drill → still true → suppressed → news → quiet hours → group → budget. What endangers lives passes the last three.
Pure: named reasons, injected time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from alerts.policy.cause import Cause
from alerts.policy.verdict import Ask, End, Go, Hold, Verdict, Wait
from catalogue.budgets import BUDGET
from catalogue.rules import Hours

LOOK_AGAIN: Final = timedelta(seconds=2)
"""After so long it is looked at again what became of the message that this one takes back."""
MOST_OF_DRILLS: Final = 30
"""Messages of drills that one number gets in a rolling day: the carrier takes 50 of one template (CHANNELS.md), and
the others are for what is real (our choice)."""
GROUP_ABOVE: Final = 5
"""So many routine messages to one reader may wait at once; of more people read none (our choice; ISA-18.2 calls ten in
ten minutes a flood)."""
DIGEST_AT_MOST_EVERY: Final = timedelta(hours=1)
GATHERED_FOR: Final = timedelta(minutes=2)
"""What is over budget waits so long for company (our choice)."""
CALL_AGAIN: Final = timedelta(minutes=10)
"""A call that is over budget is tried again: nobody listens to a digest."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of the night, in the villages' own time, in which what can wait is not told."""

    hours: Hours
    zone: ZoneInfo

    def ends_at(self, now: datetime) -> datetime | None:
        """When the quiet hours under way end; None outside them."""
        local = now.astimezone(self.zone)
        if not self.hours.hold(local.hour):
            return None
        end = local.replace(hour=self.hours.until % 24, minute=0, second=0, microsecond=0)
        return end if end > local else end + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a deployment decides. `quiet` None: every hour is alike."""

    quiet: Quiet | None = None


Stage = Callable[[Cause, Policy, datetime], Verdict | None]


def judge(cause: Cause, policy: Policy, now: datetime) -> Verdict:
    """What is done with the message now."""
    for stage in STAGES:
        verdict = stage(cause, policy, now)
        if verdict is not None:
            return verdict
    return Ask() if cause.canary == "account" else Go()


def drill_stopped(cause: Cause, _policy: Policy, _now: datetime) -> End | None:
    """What is real comes first."""
    if cause.drill_over:
        return End("superseded", "drill_ended")
    if cause.real_alarm:
        return End("superseded", "real_alarm_in_this_home")
    return End("superseded", "enough_of_drills_today") if cause.told_of_drills >= MOST_OF_DRILLS else None


def still_true(cause: Cause, _policy: Policy, _now: datetime) -> End | None:
    """What is over is not told as if it were not."""
    if cause.kind in ("raised", "escalation") and cause.closed:
        return End("superseded", "closed_before_it_was_told")
    if cause.kind == "escalation" and (cause.condition == "normal" or cause.incident_over):
        return End("superseded", "over_before_it_was_told")
    if cause.kind == "incident" and cause.incident_over:
        return End("superseded", "over_before_it_was_told")
    return None


def not_suppressed(cause: Cause, _policy: Policy, _now: datetime) -> End | None:
    """What a shelf, announced work or an incident holds back; it is told when that is over."""
    if cause.kind in ("raised", "escalation") and cause.suppressed:
        return End("superseded", f"suppressed: {cause.suppressed}")
    return None


def still_news(cause: Cause, _policy: Policy, now: datetime) -> Wait | End | None:
    """Whether its reader does not know already; and of what takes something back: whether he had that."""
    if cause.acknowledged and (cause.kind == "escalation" or (cause.kind == "raised" and cause.priority != "critical")):
        return End("superseded", "acknowledged_before_it_was_told")
    if cause.kind not in ("cleared", "recovery"):
        return None
    if cause.first_waiting:
        return Wait(now + LOOK_AGAIN, "waits_for_the_first_message")
    if not cause.first_told:
        return End("superseded", "the_first_was_never_told")
    return End("superseded", "raised_again") if cause.kind == "cleared" and cause.condition != "normal" else None


def quiet_hours(cause: Cause, policy: Policy, now: datetime) -> Hold | None:
    """What can wait lets people sleep: alarms of medium and low priority, and that they are over."""
    if policy.quiet is None or cause.priority not in ("medium", "low") or _passes(cause):
        return None
    until = policy.quiet.ends_at(now)
    return None if until is None else Hold(until, "quiet_hours")


def grouped(cause: Cause, _policy: Policy, now: datetime) -> Hold | None:
    """Many at once become one."""
    if cause.waiting <= GROUP_ABOVE or _passes(cause) or cause.kind in ("incident", "recovery"):
        return None
    return Hold(_digest_at(cause, now, timedelta()), "grouped")


def within_budget(cause: Cause, _policy: Policy, now: datetime) -> Wait | Hold | None:
    """How much one reader gets, so that it is read, and so that the carrier's quota is there when it is needed."""
    if _passes(cause):
        return None
    budget = BUDGET[cause.way, cause.template]
    if cause.kind == "digest":
        over = cause.last_day >= budget.per_day + budget.for_digests
        return Wait(now + DIGEST_AT_MOST_EVERY, "over_budget") if over else None
    counted = 0 if cause.kind in ("incident", "recovery") else cause.last_hour
    if counted < budget.per_hour and cause.last_day < budget.per_day:
        return None
    if cause.way == "voice":
        return Wait(now + CALL_AGAIN, "over_budget")
    return Hold(_digest_at(cause, now, GATHERED_FOR), "over_budget")


STAGES: Final[tuple[Stage, ...]] = (
    drill_stopped, still_true, not_suppressed, still_news, quiet_hours, grouped, within_budget,
)  # fmt: skip


def _passes(cause: Cause) -> bool:
    """CO, gas and fire pass every cap, quiet hour and grouping; so does the canary, which has limits of its own."""
    return cause.life_safety or bool(cause.canary)


def _digest_at(cause: Cause, now: datetime, gathered_for: timedelta) -> datetime:
    if cause.last_digest_at is None:
        return now + gathered_for
    return max(now + gathered_for, cause.last_digest_at + DIGEST_AT_MOST_EVERY)
