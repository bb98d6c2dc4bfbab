"""What an escalation does at each moment, as timelines. Minutes after the alarm was told first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.escalation.climbing import Over, Reopen, Rest, Standing, Tell, climb, due_after, first_look
from catalogue.escalation import PLAN, PLANS, Plan

NIGHT = datetime(2026, 1, 15, 19, 0, tzinfo=UTC)
CRITICAL, HIGH, INCIDENT = PLAN["critical"], PLAN["high"], PLAN["incident"]
TOLD = Standing(0, 0, NIGHT, NIGHT, "active", closed=False)


def at(minutes: float) -> datetime:
    return NIGHT + timedelta(minutes=minutes)


def play(plan: Plan, until: float) -> list[tuple[float, int, str]]:
    """(minute, step, reason) of what is told while nothing changes but what is told."""
    now_so = TOLD
    told: list[tuple[float, int, str]] = []
    due = first_look(plan, NIGHT)
    while due is not None and due <= at(until):
        decided = climb(plan, now_so, due)
        if isinstance(decided, Over):
            break
        if isinstance(decided, Tell):
            told.append(((due - NIGHT) / timedelta(minutes=1), decided.step, decided.reason))
            now_so = replace(now_so, step=decided.step, told_at=due)
        due = decided.next_at
    return told


def test_nobody_answers_a_critical_alarm() -> None:
    assert play(CRITICAL, 160) == [
        (5, 1, "unanswered"),
        (15, 2, "unanswered"),
        (30, 3, "unanswered"),
        (90, 3, "still_unanswered"),
        (150, 3, "still_unanswered"),
    ]


def test_nobody_answers_what_can_wait() -> None:
    assert play(HIGH, 600) == [(30, 1, "unanswered"), (120, 2, "unanswered")]
    assert play(INCIDENT, 600) == [(30, 1, "unanswered"), (60, 2, "unanswered")]


def test_an_answer_stops_it_and_it_opens_again_half_an_hour_later() -> None:
    answered = replace(TOLD, step=1, told_at=at(5), acknowledged_at=at(6))
    assert climb(CRITICAL, answered, at(6)) == Rest(at(36), "answered")
    assert climb(CRITICAL, answered, at(35.9)) == Rest(at(36), "answered")
    assert climb(CRITICAL, answered, at(36)) == Reopen(at(41))


def test_it_does_not_open_again_when_it_is_over() -> None:
    answered = replace(TOLD, acknowledged_at=at(6))
    assert climb(CRITICAL, replace(answered, closed=True), at(36)) == Over("closed")
    assert climb(CRITICAL, replace(answered, condition="normal"), at(36)) == Over("answered")
    assert climb(CRITICAL, replace(answered, condition="recovering"), at(36)) == Rest(at(41), "undecided")
    assert climb(INCIDENT, answered, at(500)) == Over("answered")


def test_what_is_over_wakes_nobody_and_what_is_suppressed_waits() -> None:
    assert climb(CRITICAL, replace(TOLD, condition="normal"), at(5)) == Over("over_by_itself")
    assert climb(CRITICAL, replace(TOLD, suppressed=True), at(5)) == Rest(at(6), "suppressed")
    assert climb(CRITICAL, replace(TOLD, condition="recovering"), at(5)) == Tell(1, "unanswered", at(15))


def test_a_call_for_help_climbs_at_once_past_those_who_know_already() -> None:
    calls = replace(TOLD, help_asked_at=at(2))
    assert climb(CRITICAL, calls, at(2)) == Tell(2, "help_asked", at(17)), "the township, not the village again"
    met = replace(calls, step=2, told_at=at(2), help_met_at=at(2))
    assert climb(CRITICAL, met, at(3)) == Rest(at(17), "not_yet")
    assert climb(CRITICAL, met, at(17)) == Tell(3, "unanswered", at(77))
    again = replace(met, help_asked_at=at(4))
    assert climb(CRITICAL, again, at(4)) == Tell(3, "help_asked", at(64)), "a second call climbs once more"
    told_to_all = replace(again, step=3, help_asked_at=at(9))
    assert climb(CRITICAL, told_to_all, at(9)) == Tell(3, "help_asked", at(69))


def test_help_is_called_for_by_somebody_who_has_it() -> None:
    both = replace(TOLD, acknowledged_at=at(1), help_asked_at=at(3))
    assert climb(CRITICAL, both, at(3)) == Tell(2, "help_asked", at(18))
    assert climb(CRITICAL, replace(both, closed=True), at(3)) == Over("closed")


def test_where_no_message_arrives_the_next_hear_of_it_at_once() -> None:
    assert climb(CRITICAL, replace(TOLD, unreachable=True), at(1)) == Tell(1, "nobody_reached", at(11))
    assert climb(CRITICAL, replace(TOLD, step=3, told_at=at(30), unreachable=True), at(31)) == Rest(at(90), "not_yet")


def test_an_escalator_that_was_away_makes_up_for_it_a_minute_a_step() -> None:
    assert climb(CRITICAL, TOLD, at(40)) == Tell(1, "unanswered", at(41))
    late = replace(TOLD, step=1, told_at=at(40))
    assert climb(CRITICAL, late, at(40.5)) == Rest(at(41), "not_yet")
    assert climb(CRITICAL, late, at(41)) == Tell(2, "unanswered", at(42))


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_a_plan_knows_the_next_look_after_each_step(plan: Plan) -> None:
    for step, following in zip(range(len(plan.steps)), plan.steps[1:], strict=False):
        assert due_after(plan, step, NIGHT, NIGHT + plan.steps[step].after) == NIGHT + following.after


@given(
    plan=st.sampled_from(PLANS),
    step=st.integers(0, 3),
    told=st.integers(0, 200),
    now=st.integers(0, 400),
    acknowledged=st.none() | st.integers(0, 400),
    asked=st.none() | st.integers(0, 400),
    condition=st.sampled_from(["active", "recovering", "normal"]),
    suppressed=st.booleans(),
    unreachable=st.booleans(),
)
def test_whatever_it_is_it_never_looks_back_and_never_steps_down(
    *, plan: Plan, step: int, told: int, now: int, acknowledged: int | None, asked: int | None, condition: str,
    suppressed: bool, unreachable: bool,
) -> None:  # fmt: skip
    step = min(step, len(plan.steps) - 1)
    standing = Standing(
        step, 0, NIGHT, at(told), condition, False, suppressed,  # type: ignore[arg-type]  # one of its words
        None if acknowledged is None else at(acknowledged), None if asked is None else at(asked), None, unreachable,
    )  # fmt: skip
    decided = climb(plan, standing, at(now))
    if isinstance(decided, Tell):
        assert step <= decided.step < len(plan.steps)
    if not isinstance(decided, Over) and decided.next_at is not None:
        assert decided.next_at > at(now), "it would be looked at for ever"
