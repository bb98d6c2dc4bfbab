"""What is done with a message now, and what its carrier's answer makes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.channel import Accepted, Outcome, Receipt, Refused, Unknown
from alerts.delivery import (
    ASK_AGAIN,
    FIRST_RECEIPT_CHECK,
    GIVE_UP_AFTER,
    LONGEST_RETRY_S,
    LOOKUP_AFTER,
    NEXT_RECEIPT_CHECK,
    Retry,
    Sent,
    after_failed_lookup,
    after_lookup,
    after_sending,
)
from alerts.policy.verdict import End

NOW = datetime(2026, 1, 15, 22, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LONG_AGO = NOW - GIVE_UP_AFTER - timedelta(seconds=1)
DELIVERED = Receipt("c1", "alarm-1", True, "DELIVERED", NOW)
LOST = Receipt("c1", "alarm-1", False, "MK:100D", NOW)


# -- the carrier's answer -------------------------------------------------------------------------------------------


def sent(outcome: Outcome, *, attempts: int = 1, created: datetime = NOW, template: str = "routine") -> object:
    return after_sending(outcome, template, attempts, created, NOW)


def test_what_was_accepted_waits_for_its_receipt() -> None:
    assert sent(Accepted("c1")) == Sent("c1", NOW + FIRST_RECEIPT_CHECK)
    assert sent(Accepted("c1"), attempts=9, created=LONG_AGO) == Sent("c1", NOW + FIRST_RECEIPT_CHECK)


@pytest.mark.parametrize("template", ["critical", "routine"])
def test_an_answer_that_cannot_be_believed_is_looked_up_before_it_is_sent_again(template: str) -> None:
    assert sent(Unknown("timeout"), template=template) == Retry(NOW + LOOKUP_AFTER[template], "timeout", look_up=True)


def test_a_critical_message_is_looked_up_sooner() -> None:
    assert LOOKUP_AFTER["critical"] < LOOKUP_AFTER["routine"]


def test_a_refusal_for_good_is_the_end() -> None:
    assert sent(Refused("isv.MOBILE_NUMBER_ILLEGAL", retryable=False)) == End("failed", "isv.MOBILE_NUMBER_ILLEGAL")


@pytest.mark.parametrize(
    ("attempts", "after_s", "pause_s"),
    [(1, 0, 2), (2, 0, 4), (3, 0, 8), (8, 0, 256), (9, 0, 300), (10_000, 0, 300), (1, 60, 60), (9, 60, 300),
     (9, 3600, 3600)],
)  # fmt: skip
def test_the_wait_doubles_up_to_five_minutes_or_as_the_carrier_asks(
    attempts: int, after_s: float, pause_s: float
) -> None:
    refused = Refused("throttled", retryable=True, after_s=after_s)
    assert sent(refused, attempts=attempts) == Retry(NOW + timedelta(seconds=pause_s), "throttled", look_up=False)


@given(st.integers(1, 100), st.floats(0, 86_400))
def test_the_wait_never_shrinks_and_is_bounded(attempts: int, after_s: float) -> None:
    refused = Refused("throttled", retryable=True, after_s=after_s)
    one, next_one = sent(refused, attempts=attempts), sent(refused, attempts=attempts + 1)
    assert isinstance(one, Retry)
    assert isinstance(next_one, Retry)
    assert NOW < one.at <= next_one.at
    assert next_one.at - NOW <= timedelta(seconds=max(LONGEST_RETRY_S, after_s))


@pytest.mark.parametrize("created", [NOW - GIVE_UP_AFTER, LONG_AGO])
def test_after_a_day_a_message_that_was_never_taken_is_given_up(created: datetime) -> None:
    found = sent(Refused("throttled", retryable=True), attempts=500, created=created)
    assert (found == End("failed", "gave_up")) == (created == LONG_AGO)


# -- the carrier's records ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "accepted_at", "created_at", "step"),
    [
        (DELIVERED, None, NOW, End("delivered", "DELIVERED")),
        (DELIVERED, NOW, LONG_AGO, End("delivered", "DELIVERED")),
        (LOST, NOW, NOW, End("failed", "MK:100D")),
        (Accepted("c1"), None, NOW, Sent("c1", NOW + NEXT_RECEIPT_CHECK)),
        (Accepted("c1"), NOW, LONG_AGO, Sent("c1", NOW + NEXT_RECEIPT_CHECK)),
        (Accepted("c1"), LONG_AGO, LONG_AGO, End("failed", "no_receipt")),
        (Accepted("c1"), None, LONG_AGO, End("failed", "no_receipt")),
        (None, None, NOW, Retry(NOW, "carrier_never_had_it", look_up=False)),
        (None, None, LONG_AGO, End("failed", "gave_up")),
        (None, NOW, NOW, Sent("", NOW + NEXT_RECEIPT_CHECK)),
        (None, LONG_AGO, LONG_AGO, End("failed", "no_receipt")),
    ],
)
def test_what_the_carriers_records_mean(
    found: Receipt | Accepted | None, accepted_at: datetime | None, created_at: datetime, step: Sent | Retry | End
) -> None:
    assert after_lookup(found, accepted_at, created_at, NOW) == step


def test_a_carrier_that_cannot_be_asked_is_asked_again_for_a_day() -> None:
    again = Retry(NOW + ASK_AGAIN, "lookup_failed: down", look_up=True)
    assert after_failed_lookup("down", None, NOW - GIVE_UP_AFTER, NOW) == again
    assert after_failed_lookup("down", NOW, LONG_AGO, NOW) == again
    assert after_failed_lookup("down", None, LONG_AGO, NOW) == End("failed", "gave_up")
    assert after_failed_lookup("down", LONG_AGO, LONG_AGO, NOW) == End("failed", "no_receipt")


@pytest.mark.parametrize("answer", ["unknown", "refused", "unanswerable"])
@pytest.mark.parametrize("template", ["critical", "routine"])
def test_whatever_a_carrier_keeps_saying_a_message_ends_within_a_day_and_an_hour(answer: str, template: str) -> None:
    created = now = NOW
    look_up = False
    for attempts in range(1, 20_000):
        step: object
        if look_up and answer == "unanswerable":
            step = after_failed_lookup("down", None, created, now)
        elif look_up:
            step = after_lookup(None, None, created, now)
        else:
            outcome = Refused("busy", retryable=True) if answer == "refused" else Unknown("timeout")
            step = after_sending(outcome, template, attempts, created, now)
        if isinstance(step, End):
            assert step.state == "failed"
            assert GIVE_UP_AFTER < now - created < GIVE_UP_AFTER + timedelta(hours=1)
            return
        assert isinstance(step, Retry)
        now, look_up = step.at, step.look_up
    raise AssertionError("it never ended")
