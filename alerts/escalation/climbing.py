"""What an escalation does at this moment. Pure: named reasons, injected time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from catalogue.escalation import Plan

SUPPRESSED_LOOK: Final = timedelta(minutes=1)
"""How soon it is looked at again whether people may be told (alerts/suppression.py)."""
UNDECIDED_LOOK: Final = timedelta(minutes=5)
"""How soon an alarm that is just going back is looked at again."""

AT_LEAST_BETWEEN: Final = timedelta(minutes=1)
"""Between two steps, also where the escalator was late (our choice)."""

Condition = Literal["pending", "active", "recovering", "normal"]


@dataclass(frozen=True, slots=True)
class Standing:
    """An escalation and what it is about, as they stand. Of an incident `condition` is active until it is over.

    `unreachable`: every message of the last step has failed, so nobody knows.
    """

    step: int
    round: int
    began_at: datetime
    told_at: datetime
    condition: Condition
    closed: bool
    suppressed: bool = False
    acknowledged_at: datetime | None = None
    help_asked_at: datetime | None = None
    help_met_at: datetime | None = None
    unreachable: bool = False


@dataclass(frozen=True, slots=True)
class Tell:
    """Step `step` is told now. `next_at` None: nothing comes after it."""

    step: int
    reason: Literal["unanswered", "still_unanswered", "help_asked", "nobody_reached"]
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reopen:
    """Somebody has it and it is dangerous still: opened again, told from the first step on."""

    next_at: datetime | None
    reason: Literal["still_dangerous"] = "still_dangerous"


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing yet."""

    next_at: datetime
    reason: Literal["answered", "suppressed", "not_yet", "undecided"]


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing more to do."""

    reason: Literal["closed", "over_by_itself", "answered", "plan_is_over"]


def climb(plan: Plan, now_so: Standing, now: datetime) -> Tell | Reopen | Rest | Over:
    """What is to be done now. A call for help comes before everything but an end."""
    if now_so.closed:
        return Over("closed")
    if _calls(now_so):
        step = min(_highest(plan, now_so.step) + 1, len(plan.steps) - 1)
        return Tell(step, "help_asked", due_after(plan, step, now_so.began_at, now))
    if now_so.acknowledged_at is not None:
        return _answered(plan, now_so, now_so.acknowledged_at, now)
    if now_so.condition == "normal":  # its message that it is over asks for an answer too
        return Over("over_by_itself")
    if now_so.suppressed:
        return Rest(now + SUPPRESSED_LOOK, "suppressed")
    following = now_so.step + 1
    if following >= len(plan.steps):
        return _again(plan, now_so, now)
    if now_so.unreachable:
        return Tell(following, "nobody_reached", due_after(plan, following, now_so.began_at, now))
    due = due_after(plan, now_so.step, now_so.began_at, now_so.told_at)
    if due is not None and due > now:
        return Rest(due, "not_yet")
    return Tell(following, "unanswered", due_after(plan, following, now_so.began_at, now))


def first_look(plan: Plan, began_at: datetime) -> datetime | None:
    """When an escalation that begins now is looked at first; None where the plan has no second step."""
    return due_after(plan, 0, began_at, began_at)


def due_after(plan: Plan, step: int, began_at: datetime, told_at: datetime) -> datetime | None:
    """When the step after `step`, which was told at `told_at`, is due; None where nothing comes after it.

    By the plan's own times; earlier after a step that was told before its time, and a minute later at least after one
    that was told late, so that those who heard of it just now can answer.
    """
    if step + 1 >= len(plan.steps):
        return None if plan.again_min is None else told_at + timedelta(minutes=plan.again_min)
    following = plan.steps[step + 1].after
    due = min(began_at + following, told_at + (following - plan.steps[step].after))
    return max(due, told_at + AT_LEAST_BETWEEN)


def _answered(plan: Plan, now_so: Standing, answered_at: datetime, now: datetime) -> Reopen | Rest | Over:
    if plan.reopen_min is None or now_so.condition == "normal":
        return Over("answered")
    due = answered_at + timedelta(minutes=plan.reopen_min)
    if due > now:
        return Rest(due, "answered")
    if now_so.condition == "recovering":
        return Rest(now + UNDECIDED_LOOK, "undecided")
    return Reopen(first_look(plan, now))


def _again(plan: Plan, now_so: Standing, now: datetime) -> Tell | Rest | Over:
    """Behind the last step."""
    if plan.again_min is None:
        return Over("plan_is_over")
    due = now_so.told_at + timedelta(minutes=plan.again_min)
    if due > now:
        return Rest(due, "not_yet")
    return Tell(now_so.step, "still_unanswered", due_after(plan, now_so.step, now_so.began_at, now))


def _calls(now_so: Standing) -> bool:
    asked = now_so.help_asked_at
    return asked is not None and (now_so.help_met_at is None or asked > now_so.help_met_at)


def _highest(plan: Plan, step: int) -> int:
    """The last step of the level that was told: who calls for help wants others than those who know."""
    level = plan.steps[step].level
    while step + 1 < len(plan.steps) and plan.steps[step + 1].level == level:
        step += 1
    return step
