"""Who is on duty: timelines over nights, holidays, make-up workdays, and people who are away."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time

import pytest

from alerts.channels.channel import Way
from alerts.recipients.circle import Crew, Wish, choose
from alerts.recipients.duty import Leave, Member, Shift, falls_on, who_is_told
from catalogue.escalation import Level
from catalogue.holidays import CALENDAR, Calendar

DAY = time(0, 0)
ALWAYS = Shift(date(2026, 1, 1), None, "every", DAY, DAY)
NIGHTS = replace(ALWAYS, begins=time(20, 0), ends=time(8, 0))
DAYS = replace(ALWAYS, begins=time(8, 0), ends=time(20, 0))


def member(number: int, *shifts: Shift, leaves: tuple[Leave, ...] = (), ways: tuple[Way, ...] = ("sms",)) -> Member:
    return Member(number, "zh-CN", ways, f"1380000000{number}", shifts, leaves, rostered=bool(shifts))


def away(substitute: int, first: str = "2026-02-01", last: str | None = "2026-02-10") -> Leave:
    return Leave(substitute, date.fromisoformat(first), None if last is None else date.fromisoformat(last))


def told(*members: Member, at: str, everybody: bool = False, calendar: Calendar = CALENDAR) -> list[tuple[int, str]]:
    found = who_is_told(members, datetime.fromisoformat(at), calendar, everybody=everybody)
    return [(one.member.contact_id, one.why) for one in found]


@pytest.mark.parametrize(
    ("at", "who"),
    [
        ("2026-02-03 07:59", 2),
        ("2026-02-03 08:00", 1),
        ("2026-02-03 19:59:59", 1),
        ("2026-02-03 20:00", 2),
        ("2026-02-04 00:00", 2),
        ("2026-02-04 03:00", 2),
    ],
)
def test_day_and_night_take_turns_over_midnight(at: str, who: int) -> None:
    assert told(member(1, DAYS), member(2, NIGHTS), at=at) == [(who, "on_duty")]


def test_a_night_belongs_to_the_day_on_which_it_began() -> None:
    one_night = replace(NIGHTS, first_day=date(2026, 2, 3), last_day=date(2026, 2, 3))
    first, rest = member(1, one_night), member(2, replace(ALWAYS, last_day=date(2026, 1, 1)))
    assert told(first, rest, at="2026-02-03 07:00") == [(1, "nobody_on_duty"), (2, "nobody_on_duty")]
    assert told(first, rest, at="2026-02-03 23:00") == [(1, "on_duty")]
    assert told(first, rest, at="2026-02-04 07:59") == [(1, "on_duty")], "the morning after its last day is its own"
    assert told(first, rest, at="2026-02-04 08:00") == [(1, "nobody_on_duty"), (2, "nobody_on_duty")]


def test_a_whole_day_may_begin_in_the_morning() -> None:
    monday = replace(ALWAYS, days="mon", begins=time(8, 0), ends=time(8, 0))
    tuesday = replace(monday, days="tue,wed")
    crew = member(1, monday), member(2, tuesday)
    assert [told(*crew, at=at)[0] for at in ("2026-02-02 08:00", "2026-02-03 07:59", "2026-02-03 08:00")] == [
        (1, "on_duty"), (1, "on_duty"), (2, "on_duty"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2025-01-01", False),  # a Wednesday: New Year
        ("2025-01-26", True),  # a Sunday that is worked for the Spring Festival
        ("2025-01-28", False),  # New Year's Eve of the lunar year, a Tuesday
        ("2025-02-04", False),
        ("2025-02-05", True),
        ("2025-10-08", False),
        ("2025-10-11", True),  # a Saturday
        ("2026-01-04", True),  # a Sunday
        ("2026-02-14", True),  # a Saturday
        ("2026-02-16", False),  # a Monday
        ("2026-02-23", False),
        ("2026-02-24", True),
        ("2026-05-09", True),
        ("2026-06-19", False),
        ("2026-02-07", False),  # an ordinary Saturday
    ],
)
def test_holidays_and_make_up_workdays(day: str, *, works: bool) -> None:
    on = date.fromisoformat(day)
    assert (falls_on("workdays", on, CALENDAR), falls_on("rest_days", on, CALENDAR)) == (works, not works)


def test_a_year_without_a_notice_has_weekends_only() -> None:
    empty = Calendar(())
    assert falls_on("rest_days", date(2026, 2, 14), empty)
    assert falls_on("workdays", date(2026, 2, 16), empty)
    assert not empty.knows(date(2026, 2, 14))
    assert CALENDAR.knows(date(2026, 12, 31))


def test_the_night_before_a_holiday_is_still_a_workdays_night() -> None:
    office = member(1, replace(NIGHTS, days="workdays"))
    holiday = member(2, replace(NIGHTS, days="rest_days"))
    # 2026-02-14 is a Saturday that is worked, 2026-02-15 the first day of the festival
    assert told(office, holiday, at="2026-02-15 03:00") == [(1, "on_duty")]
    assert told(office, holiday, at="2026-02-15 21:00") == [(2, "on_duty")]
    assert told(office, holiday, at="2026-02-24 07:00") == [(2, "on_duty")]


def test_without_a_roster_all_are_told_and_with_a_hole_in_it_too() -> None:
    assert told(member(1), member(2), at="2026-02-03 03:00") == [(1, "contact"), (2, "contact")]
    assert told(member(1, DAYS), member(2), at="2026-02-03 12:00") == [(1, "on_duty")]
    assert told(member(1, DAYS), member(2), at="2026-02-03 03:00") == [(1, "nobody_on_duty"), (2, "nobody_on_duty")]


def test_everybody_wakes_also_who_is_off_and_who_is_away() -> None:
    crew = member(1, DAYS, leaves=(away(2),)), member(2)
    assert told(*crew, at="2026-02-03 12:00", everybody=True) == [(1, "contact"), (2, "contact")]


def test_a_substitute_stands_in_on_those_days_only() -> None:
    crew = member(1, ALWAYS, leaves=(away(2),)), member(2)
    assert told(*crew, at="2026-01-31 23:59") == [(1, "on_duty")]
    assert told(*crew, at="2026-02-01 00:00") == [(2, "substitute")]
    assert told(*crew, at="2026-02-10 23:59") == [(2, "substitute")]
    assert told(*crew, at="2026-02-11 00:00") == [(1, "on_duty")]


def test_who_goes_away_tomorrow_still_has_tonight() -> None:
    crew = member(1, NIGHTS, leaves=(away(2),)), member(2)
    assert told(*crew, at="2026-02-01 07:00") == [(1, "on_duty")], "the night began on 31 January"
    assert told(*crew, at="2026-02-01 20:00") == [(2, "substitute")]


def test_substitutes_of_substitutes_and_a_circle_of_them() -> None:
    chain = member(1, ALWAYS, leaves=(away(2),)), member(2, leaves=(away(3),)), member(3)
    assert told(*chain, at="2026-02-03 12:00") == [(3, "substitute")]
    circle = member(1, ALWAYS, leaves=(away(2),)), member(2, leaves=(away(1),)), member(3)
    assert told(*circle, at="2026-02-03 12:00") == [(1, "on_duty")], "who was due is told rather than nobody"
    two = member(1, ALWAYS, leaves=(away(2), away(3))), member(2, leaves=(away(1),)), member(3)
    assert told(*two, at="2026-02-03 12:00") == [(3, "substitute")], "the second substitute, the first is away too"


def test_a_substitute_who_is_on_duty_anyway_is_told_once() -> None:
    assert told(member(1, ALWAYS, leaves=(away(2),)), member(2, ALWAYS), at="2026-02-03 12:00") == [(2, "on_duty")]
    assert told(member(1, leaves=(away(2),)), member(2), at="2026-02-03 12:00") == [(2, "contact")]


def test_a_substitute_that_is_not_there_or_cannot_be_reached_stands_in_for_nobody() -> None:
    assert told(member(1, ALWAYS, leaves=(away(9),)), at="2026-02-03 12:00") == [(1, "on_duty")]
    deaf = member(2, ways=())
    assert told(member(1, ALWAYS, leaves=(away(2),)), deaf, at="2026-02-03 12:00") == [(1, "on_duty")]


def test_who_can_only_be_called_is_not_told_first() -> None:
    """A call is a step of the escalation: with nobody else on duty all are told."""
    crew = member(1, ALWAYS, ways=("voice",)), member(2)
    assert told(*crew, at="2026-02-03 12:00") == [(2, "nobody_on_duty")]


# -- which crews -----------------------------------------------------------------------------------------------------

VILLAGE = Crew("region", "village", 1, 0, (member(1), member(2)))
TOWNSHIP = Crew("region", "township", 2, 1, ())
COUNTY = Crew("region", "county", 3, 2, (member(3, ALWAYS), member(4)))
CITY = Crew("region", "city", 4, 3, (member(5),))
GAS = Crew("organisation", "gas", 1, 0, (member(6, NIGHTS), member(7, DAYS)))
GRID = Crew("organisation", "grid", 2, 0, (member(8),))
RELATIVE = Crew("relative", "", 1, 0, (member(9),))
CREWS = (VILLAGE, TOWNSHIP, COUNTY, CITY, GAS, GRID, RELATIVE)
NOON = datetime.fromisoformat("2026-02-03 12:00")


def chosen(*crews: Crew, wish: Wish) -> list[tuple[int, str]]:
    return [(one.contact_id, one.why) for one in choose(crews or CREWS, wish, NOON, CALENDAR)]


@pytest.mark.parametrize(
    ("level", "who"),
    [
        ("village", [(1, "contact"), (2, "contact")]),
        ("township", [(3, "region_above")]),
        ("county", [(3, "on_duty")]),
        ("city", [(5, "contact")]),
    ],
)
def test_each_level_and_the_region_above_where_it_has_nobody(level: Level, who: list[tuple[int, str]]) -> None:
    assert chosen(wish=Wish(level)) == who


def test_organisations_of_the_kind_and_relatives_come_besides() -> None:
    wish = Wish(kinds=("gas",), relatives=True)
    assert chosen(wish=wish) == [
        (1, "contact"), (2, "contact"), (7, "organisation"), (9, "relative"),
    ]  # fmt: skip
    assert (6, "organisation") in chosen(wish=replace(wish, everybody=True)), "the second step wakes everybody"


def test_a_village_whose_only_contact_cannot_be_reached_is_told_through_the_region_above() -> None:
    deaf = replace(VILLAGE, members=(member(1, ways=()),))
    assert chosen(deaf, TOWNSHIP, COUNTY, wish=Wish()) == [(3, "region_above")]


def test_one_person_in_several_roles_is_told_once() -> None:
    also_gas = replace(GAS, members=(replace(member(20), person=member(2).person),))
    also_relative = replace(RELATIVE, members=(replace(member(21), person=member(1).person), member(9)))
    assert chosen(VILLAGE, also_gas, also_relative, wish=Wish(kinds=("gas",), relatives=True)) == [
        (1, "contact"), (2, "contact"), (9, "relative"),
    ]  # fmt: skip


def test_the_canary_tells_its_own_recipient_alone_at_every_level() -> None:
    canary = Crew("canary", "", 0, 0, (member(9),))
    for level in ("village", "county"):
        assert chosen(canary, *CREWS, wish=Wish(level, ("gas",), relatives=True)) == [(9, "canary")]
