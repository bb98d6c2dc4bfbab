"""China's workdays: statutory days off and weekend days that are worked for them, rows of data/holidays.yaml."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Final

from pydantic import model_validator

from catalogue.rows import Record, Text, parse_records, read_data
from foundation.errors import CatalogueError

_SATURDAY: Final = 5


class DaysOff(Record):
    """A holiday with the days that are off for it, both ends included."""

    zh: Text
    en: Text
    first: date
    last: date


class HolidayYear(Record):
    """A year as its notice has it."""

    year: int
    holidays: tuple[DaysOff, ...]
    worked: tuple[date, ...]
    source: Text

    @property
    def days_off(self) -> frozenset[date]:
        """Every day that is off by the notice."""
        return frozenset(
            one.first + timedelta(days=number)
            for one in self.holidays
            for number in range((one.last - one.first).days + 1)
        )

    @model_validator(mode="after")
    def _sound(self) -> HolidayYear:
        for one in self.holidays:
            if one.last < one.first:
                raise ValueError(f"holidays: {one.zh} ends before it begins")
        for day in (*self.days_off, *self.worked):
            if day.year != self.year:
                raise ValueError(f"{day} does not lie in {self.year}")
        for day in self.worked:
            if day.weekday() < _SATURDAY:
                raise ValueError(f"worked: {day} is a workday anyway")
            if day in self.days_off:
                raise ValueError(f"worked: {day} is off too")
        return self


class Calendar:
    """Which days are worked; a year without a row falls back to weekends."""

    def __init__(self, years: Collection[HolidayYear]) -> None:
        self.years: Final = frozenset(year.year for year in years)
        self._off = frozenset(day for year in years for day in year.days_off)
        self._worked = frozenset(day for year in years for day in year.worked)

    def works(self, day: date) -> bool:
        """Whether it is a workday."""
        return day in self._worked or (day.weekday() < _SATURDAY and day not in self._off)

    def knows(self, day: date) -> bool:
        """Whether there is a notice for the day's year."""
        return day.year in self.years


def parse_holidays(text: str, file: str) -> tuple[HolidayYear, ...]:
    """The years in `text`, no year twice. Raises CatalogueError that names file, row and field."""
    rows = parse_records(text, file, HolidayYear)
    seen: set[int] = set()
    for number, row in enumerate(rows, start=1):
        if row.year in seen:
            raise CatalogueError(f"{file}, row {number}, year: {row.year} stands there twice", do="keep one of them")
        seen.add(row.year)
    return rows


HOLIDAY_YEARS: tuple[HolidayYear, ...] = parse_holidays(read_data("holidays.yaml"), "holidays.yaml")
CALENDAR: Final = Calendar(HOLIDAY_YEARS)
"""The calendar that the program ships with."""
