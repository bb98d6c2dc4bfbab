"""When several dark villages are one digest for their county, and when it is told; seconds after the first silence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerts.area import DarkVillage, judge_area, new_area

START = datetime(2026, 1, 15, 22, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def dark(number: int, began: float = 0, *, ended: float | None = None, part_of: int | None = None) -> DarkVillage:
    return DarkVillage(
        number, at(began), at(began + 40), 10, 12, ended_at=None if ended is None else at(ended), part_of_id=part_of
    )


def ids(villages: list[DarkVillage]) -> list[int]:
    return [one.incident_id for one in villages]


def test_three_villages_within_five_minutes_are_an_area() -> None:
    assert new_area([dark(1), dark(2)]) == []
    assert ids(new_area([dark(1), dark(2), dark(3, 300)])) == [1, 2, 3]
    assert new_area([dark(1), dark(2), dark(3, 301)]) == []
    assert ids(new_area([dark(0, -2000), dark(1), dark(2), dark(3, 9), dark(4, 2000)])) == [1, 2, 3]


def test_what_is_back_or_counted_already_makes_no_area() -> None:
    assert new_area([dark(1), dark(2), dark(3, ended=100)]) == []
    assert new_area([dark(1), dark(2), dark(3, part_of=9)]) == []


@pytest.mark.parametrize(
    ("now", "joined", "expected"),
    [
        (99, 0, "still_settling"), (100, 0, "told"), (109, 10, "still_settling"), (110, 10, "told"),
        (219, 170, "still_settling"), (220, 170, "told"),
    ],
)  # fmt: skip
def test_the_digest_waits_for_a_minute_without_another_village_but_not_for_ever(
    now: float, joined: float, expected: str
) -> None:
    villages = [dark(1), dark(2), dark(3, joined)]
    assert judge_area(villages, at(40), None, 0, at(now)) == expected


def test_it_is_told_again_only_when_it_has_doubled() -> None:
    three = [dark(1), dark(2), dark(3)]
    assert judge_area(three, at(40), at(100), 30, at(500)) == "nothing_new"
    five = [*three, dark(4, 300), dark(5, 300)]
    assert judge_area(five, at(40), at(100), 30, at(500)) == "nothing_new"
    six = [*five, dark(6, 300)]
    assert judge_area(six, at(40), at(100), 30, at(350)) == "still_settling"
    assert judge_area(six, at(40), at(100), 30, at(400)) == "grown"
    assert judge_area(six, at(40), at(400), 60, at(500)) == "nothing_new"


def test_it_is_over_when_nearly_all_are_back_or_most_and_no_more_for_ten_minutes() -> None:
    villages = [dark(n, ended=200) for n in range(6)] + [dark(n) for n in range(6, 10)]
    assert judge_area(villages, at(40), at(100), 100, at(799)) == "nothing_new"
    assert judge_area(villages, at(40), at(100), 100, at(800)) == "over"
    villages = [dark(n, ended=200) for n in range(9)] + [dark(9)]
    assert judge_area(villages, at(40), at(100), 100, at(200)) == "over"
    assert judge_area(villages, at(190), None, 0, at(200)) == "over_before_it_was_told"
