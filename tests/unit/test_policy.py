"""Whether a message is sent now: each stage, their order, and what passes all of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alerts.channels.channel import WAYS
from alerts.policy.cause import Cause
from alerts.policy.stages import GATHERED_FOR, GROUP_ABOVE, Policy, Quiet, judge
from alerts.policy.verdict import End, Go, Hold, Verdict, Wait
from catalogue.budgets import BUDGET
from catalogue.rules import Hours

NOW = datetime(2026, 1, 15, 8, tzinfo=UTC)
"""16:00 in Tongliao."""
NIGHT = datetime(2026, 1, 15, 19, tzinfo=UTC)
"""3 a.m."""
CHINA = ZoneInfo("Asia/Shanghai")
QUIET = Policy(Quiet(Hours(since=22, until=7), CHINA))


def cause(**more: Any) -> Cause:
    usual: dict[str, Any] = {
        "kind": "raised", "created_at": NOW, "condition": "active", "latching": True, "priority": "high",
    }  # fmt: skip
    return Cause(**{**usual, **more})


def incident(**more: Any) -> Cause:
    return cause(**{"kind": "incident", "condition": None, "latching": None, "priority": None, **more})


WAITS = Wait(NOW + timedelta(seconds=2), "waits_for_the_first_message")


@pytest.mark.parametrize(
    ("what", "verdict"),
    [
        (cause(), Go()),
        (cause(condition="normal"), Go()),
        (cause(condition="recovering"), Go()),
        (cause(first_told=False, first_waiting=True), Go()),
        (cause(closed=True), End("superseded", "closed_before_it_was_told")),
        (cause(closed=True, acknowledged=True, priority="critical"), End("superseded", "closed_before_it_was_told")),
        (cause(acknowledged=True), End("superseded", "acknowledged_before_it_was_told")),
        (cause(acknowledged=True, priority="low"), End("superseded", "acknowledged_before_it_was_told")),
        (cause(acknowledged=True, priority="critical"), Go()),
        (cause(suppressed="shelved"), End("superseded", "suppressed: shelved")),
        (cause(kind="escalation", priority="critical"), Go()),
        (
            cause(kind="escalation", priority="critical", acknowledged=True),
            End("superseded", "acknowledged_before_it_was_told"),
        ),
        (cause(kind="escalation", condition="normal"), End("superseded", "over_before_it_was_told")),
        (incident(kind="escalation", incident_over=True), End("superseded", "over_before_it_was_told")),
        (cause(kind="cleared", condition="normal"), Go()),
        (cause(kind="cleared", condition="normal", closed=True), Go()),
        (cause(kind="cleared", condition="normal", acknowledged=True), Go()),
        (cause(kind="cleared", condition="normal", first_told=False), End("superseded", "the_first_was_never_told")),
        (cause(kind="cleared", condition="normal", first_waiting=True), WAITS),
        (cause(kind="cleared", condition="active"), End("superseded", "raised_again")),
        (cause(kind="cleared", condition="recovering"), End("superseded", "raised_again")),
        (incident(), Go()),
        (incident(incident_over=True), End("superseded", "over_before_it_was_told")),
        (incident(kind="recovery", incident_over=True), Go()),
        (incident(kind="recovery", first_told=False), End("superseded", "the_first_was_never_told")),
        (incident(kind="recovery", first_waiting=True), WAITS),
    ],
)
def test_a_message_is_sent_only_while_it_is_true_and_news(what: Cause, verdict: Verdict) -> None:
    assert judge(what, Policy(), NOW) == verdict


def test_a_critical_alarm_that_is_open_is_always_told() -> None:
    for condition, acknowledged, told, waiting in product(
        ("active", "recovering", "normal"), (False, True), (False, True), (False, True)
    ):
        open_one = cause(
            priority="critical", condition=condition, acknowledged=acknowledged, first_told=told, first_waiting=waiting
        )
        assert judge(open_one, Policy(), NOW) == Go()


# -- quiet hours ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clock", "ends"),
    [("21:59", None), ("22:00", "07:00"), ("23:30", "07:00"), ("03:00", "07:00"), ("06:59", "07:00"), ("07:00", None)],
)
def test_the_quiet_hours_run_over_midnight(clock: str, ends: str | None) -> None:
    moment = datetime.fromisoformat(f"2026-01-15T{clock}").replace(tzinfo=CHINA)
    end = Quiet(Hours(since=22, until=7), CHINA).ends_at(moment)
    assert (None if end is None else f"{end:%H:%M}") == ends
    assert end is None or timedelta() < end - moment <= timedelta(hours=9)


@pytest.mark.parametrize(
    ("priority", "waits"), [("low", True), ("medium", True), ("high", False), ("critical", False), (None, False)]
)
def test_at_night_people_are_woken_only_for_what_cannot_wait(priority: str | None, waits: bool) -> None:  # noqa: FBT001
    morning = datetime(2026, 1, 15, 23, tzinfo=UTC)
    held = Hold(morning, "quiet_hours")
    assert judge(cause(priority=priority), QUIET, NIGHT) == (held if waits else Go())
    assert judge(cause(priority=priority), QUIET, NOW) == Go()
    assert judge(cause(priority=priority), Policy(), NIGHT) == Go()


def test_what_is_no_news_any_more_does_not_wait_for_the_morning() -> None:
    over = cause(priority="low", closed=True)
    assert judge(over, QUIET, NIGHT) == End("superseded", "closed_before_it_was_told")


# -- groups and budgets -----------------------------------------------------------------------------------------------


def test_many_at_once_become_one() -> None:
    assert judge(cause(waiting=GROUP_ABOVE), Policy(), NOW) == Go()
    assert judge(cause(waiting=GROUP_ABOVE + 1), Policy(), NOW) == Hold(NOW, "grouped")
    just_told = cause(waiting=500, last_digest_at=NOW - timedelta(minutes=10))
    assert judge(just_told, Policy(), NOW) == Hold(NOW + timedelta(minutes=50), "grouped")


def test_incidents_are_told_by_themselves() -> None:
    assert judge(incident(waiting=500, last_hour=500), Policy(), NOW) == Go()


@pytest.mark.parametrize("budget", BUDGET.values(), ids=lambda budget: budget.name)
def test_over_budget_it_is_held_and_never_dropped(budget: Any) -> None:
    def verdict(hour: int, day: int, **more: Any) -> Verdict:
        return judge(
            cause(way=budget.way, template=budget.template, last_hour=hour, last_day=day, **more), Policy(), NOW
        )

    assert verdict(budget.per_hour - 1, budget.per_day - 1) == Go()
    for over in (verdict(budget.per_hour, 0), verdict(0, budget.per_day)):
        assert isinstance(over, Wait if budget.way == "voice" else Hold)
    assert verdict(10**6, 10**6, life_safety=True) == Go(), "CO, gas and fire pass every budget"


def test_what_is_over_budget_waits_for_company_and_for_the_last_digest() -> None:
    budget = BUDGET["sms", "routine"]
    over = cause(last_hour=budget.per_hour)
    assert judge(over, Policy(), NOW) == Hold(NOW + GATHERED_FOR, "over_budget")


def test_digests_have_a_part_of_the_reserve_and_then_wait() -> None:
    budget = BUDGET["sms", "routine"]
    within = cause(kind="digest", priority=None, last_hour=99, last_day=budget.per_day + budget.for_digests - 1)
    assert judge(within, Policy(), NOW) == Go()
    beyond = cause(kind="digest", priority=None, last_day=budget.per_day + budget.for_digests)
    assert judge(beyond, Policy(), NOW) == Wait(NOW + timedelta(hours=1), "over_budget")


def test_co_passes_the_night_the_crowd_and_the_budget() -> None:
    co = cause(priority="critical", template="critical", life_safety=True, waiting=500, last_hour=10**6, last_day=10**6)
    assert judge(co, QUIET, NIGHT) == Go()


def test_every_way_and_template_has_a_budget_below_the_carriers_own() -> None:
    assert set(BUDGET) == set(product(WAYS, ("critical", "routine")))
    for template in ("critical", "routine"):
        assert BUDGET["sms", template].per_day + BUDGET["sms", template].for_digests < 50, "Aliyun: 50 a day"
    assert sum(BUDGET["voice", template].per_day for template in ("critical", "routine")) < 20
