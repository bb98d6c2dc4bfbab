"""Whether a message has been told already without the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerts.standby.coverage import AGREE_WITHIN, Told, covering

NIGHT = datetime(2026, 1, 15, 19, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NIGHT + timedelta(minutes=minutes)


def told(minutes: float, until: float, *, key: str = "k", counted_for: int | None = None) -> Told:
    return Told(key, at(minutes), at(until), counted_for)


def test_nothing_told_covers_nothing() -> None:
    assert covering([], 1, at(0)).reason == "nothing_was_told"


def test_what_was_told_of_the_same_moment_covers() -> None:
    one = told(2, 20)
    found = covering([one], 1, at(2))
    assert (found.told, found.reason) == (one, "told_without_database")


def test_raised_a_little_later_by_the_database_it_is_the_same() -> None:
    assert covering([told(2, 2)], 1, at(2) + AGREE_WITHIN).reason == "told_without_database"
    assert covering([told(2, 2)], 1, at(2) + AGREE_WITHIN * 1.01).reason == "raised_after_it_was_told"


def test_whatever_was_raised_within_the_outage_is_the_same() -> None:
    assert covering([told(2, 20)], 1, at(19)).reason == "told_without_database", "its clock is not believed, say"
    assert covering([told(2, 20)], 1, at(24)).reason == "told_without_database", "and it came out of the queue last"
    assert covering([told(2, 20)], 1, at(25.1)).reason == "raised_after_it_was_told", "a danger after the outage is new"


def test_each_row_counts_for_one_alarm() -> None:
    used = told(2, 20, counted_for=7)
    assert covering([used], 8, at(3)).reason == "counted_for_another_alarm"
    assert covering([used], 7, at(16)).reason == "part_of_what_was_told", "a second raise of the alarm in the outage"
    assert covering([used], 7, at(26)).told is None, "one after it is told"


def test_of_several_the_nearest_counts() -> None:
    near, far = told(10, 20, key="near"), told(2, 20, key="far")
    assert covering([far, near], 1, at(11)).told == near


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_what_is_raised_well_after_the_outage_is_never_held_back(measured: int, lasted: int, later: int) -> None:
    one = told(measured, measured + lasted)
    raised_at = max(one.until, one.measured_at) + AGREE_WITHIN + timedelta(seconds=1 + later)
    assert covering([one], 1, raised_at).told is None
