"""Who is asked for at a look: whose time has run out, as far as we know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from alerts.overdue import Overdue

START = datetime(2026, 1, 15, 22, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def watch(*rows: tuple[int, int, float]) -> Overdue:
    """Devices: id, interval, last heard."""
    overdue = Overdue()
    overdue.sweep([(one, interval, at(heard).timestamp()) for one, interval, heard in rows], len(rows), at(0))
    return overdue


def test_time_runs_out_after_three_readings_and_not_within_half_a_minute() -> None:
    overdue = watch((7, 60, 0), (3, 5, 0), (5, 20, 0))
    assert overdue.due(START, at(30)) == []
    assert overdue.due(START, at(31)) == [3]
    assert overdue.due(START, at(61)) == [3, 5]
    assert overdue.due(START, at(181)) == [3, 5, 7]


def test_who_was_heard_meanwhile_has_its_time_again() -> None:
    overdue = watch((3, 10, 0), (5, 10, 0))
    assert overdue.due(START, at(31)) == [3, 5]
    heard = [(3, at(25).timestamp(), False, True), (5, at(0).timestamp(), False, True)]
    assert overdue.heard(heard, START, at(31)) == ([5], [5])
    assert overdue.due(START, at(55)) == [5]
    assert overdue.due(START, at(56)) == [3, 5]


def test_a_known_silence_is_looked_at_every_half_minute() -> None:
    overdue = watch((3, 10, 0))
    assert overdue.heard([(3, at(0).timestamp(), True, False)], START, at(40)) == ([3], [])
    assert overdue.due(START, at(69)) == []
    assert overdue.due(START, at(70)) == [3]


def test_nobody_is_overdue_for_the_time_in_which_nobody_listened() -> None:
    overdue = watch((3, 10, 0))
    assert overdue.due(at(100), at(130)) == []
    assert overdue.due(at(100), at(131)) == [3]


def test_all_are_read_at_first_when_others_were_heard_now_and_then_and_when_the_clock_was_set_back() -> None:
    assert Overdue().sweep_is_due(0, START)
    overdue = watch()
    assert overdue.due(START, at(1000)) == []
    assert not overdue.sweep_is_due(0, at(299))
    assert overdue.sweep_is_due(0, at(300))
    assert overdue.sweep_is_due(0, at(-1))
    assert overdue.sweep_is_due(1, at(2)), "somebody was heard for the first time"
