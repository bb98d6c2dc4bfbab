"""Flap detection as timelines: minutes at which an alarm is raised or cleared."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerts.flapping import BEGINS_AT, COUNTS_FOR, ENDS_BELOW, LAST, NEWEST, Flap, calm_after, changed, share

START = datetime(2026, 1, 15, 19, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def played(*minutes: float) -> list[bool]:
    """Whether it flaps after each change."""
    flap, seen = Flap(), []
    for minute in minutes:
        flap = changed(flap, at(minute), at(minute))
        seen.append(flap.since is not None)
    return seen


def test_three_alarms_within_minutes_are_flapping() -> None:
    assert played(0, 0, 0, 0, 0) == [False, False, False, False, True]
    assert played(0, 0.5, 1, 1.5, 2, 2.5) == [False] * 5 + [True], "a little slower: when it clears"


def test_two_an_hour_are_not() -> None:
    assert not any(played(*(minute for hour in range(0, 2400, 30) for minute in (hour, hour + 5))))


def test_one_every_ten_minutes_is() -> None:
    assert any(played(*range(0, 120, 5)))


def test_it_ends_later_than_it_begins() -> None:
    flap = Flap()
    for minute in range(8):
        flap = changed(flap, at(minute), at(minute))
    assert flap.since == at(5)
    assert flap.calm_at is not None
    assert BEGINS_AT > share(flap.changes, flap.calm_at - timedelta(seconds=2)) >= ENDS_BELOW
    assert share(flap.changes, flap.calm_at) < ENDS_BELOW
    again = changed(flap, flap.calm_at - timedelta(seconds=2), flap.calm_at - timedelta(seconds=2))
    assert again.since == at(5), "one more before that, and it goes on"
    assert again.calm_at is not None
    assert again.calm_at > flap.calm_at


def test_after_an_hour_of_rest_it_begins_anew() -> None:
    assert played(0, 0, 0, 0, 0, 61) == [False] * 4 + [True, False]


def test_that_it_was_told_is_known_until_it_ends() -> None:
    flap = Flap((START,) * 6, START, at(60), told=True)
    assert changed(flap, at(1), at(1)).told
    assert not changed(flap, at(61), at(61)).told


def test_a_clock_that_is_ahead_does_not_prolong_it() -> None:
    assert changed(Flap(), at(5), at(0)).changes == (at(0),)


ages = st.lists(st.floats(0, 120), max_size=40).map(lambda some: sorted((at(-age) for age in some), reverse=True))


@given(ages)
def test_it_falls_while_nothing_happens(changes: list[datetime]) -> None:
    shares = [share(changes, at(minutes)) for minutes in range(0, 70, 3)]
    assert shares == sorted(shares, reverse=True)
    assert 0 <= shares[0] <= NEWEST + 1e-9
    assert shares[-1] == 0


@given(ages)
def test_it_is_calm_then_and_not_before(changes: list[datetime]) -> None:
    calm = calm_after(changes, START)
    assert share(changes, calm) < ENDS_BELOW
    assert calm <= START + COUNTS_FOR + timedelta(seconds=1)
    if calm > START:
        assert share(changes, calm - timedelta(seconds=1)) >= ENDS_BELOW


@given(st.lists(st.floats(0, 600), max_size=60).map(sorted))
def test_no_more_is_kept_than_counts(minutes: list[float]) -> None:
    flap = Flap()
    for minute in minutes:
        flap = changed(flap, at(minute), at(minute))
        assert len(flap.changes) <= LAST
        assert (flap.since is None) == (flap.calm_at is None)
