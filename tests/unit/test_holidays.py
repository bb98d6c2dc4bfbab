"""The days off and the kinds of organisations, as data: a wrong row is named, what they refer to is there."""

from __future__ import annotations

import pytest

from alerts.cause import HINTS
from catalogue.holidays import CALENDAR, HOLIDAY_YEARS, parse_holidays
from catalogue.organisation_kinds import ORGANISATION_KINDS, kinds_for_cause
from catalogue.rules import default_pack
from foundation.errors import CatalogueError

GOOD = (
    "- {year: 2027, source: x, worked: [2027-01-03],"
    " holidays: [{zh: 元旦, en: New Year, first: 2027-01-01, last: 2027-01-02}]}"
)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (GOOD.replace("2027-01-03", "2027-01-04"), "worked: 2027-01-04 is a workday anyway"),
        (GOOD.replace("2027-01-03", "2027-01-02"), "worked: 2027-01-02 is off too"),
        (GOOD.replace("last: 2027-01-02", "last: 2026-12-31"), "holidays: 元旦 ends before"),
        (GOOD.replace("first: 2027-01-01", "first: 2026-12-31"), "2026-12-31 does not lie"),
        (GOOD.replace("source: x, ", ""), "row 1, source: "),
        (f"{GOOD}\n{GOOD}", "row 2, year: 2027 stands there twice"),
    ],
)  # fmt: skip
def test_a_wrong_year_is_named(text: str, named: str) -> None:
    assert len(parse_holidays(GOOD, "h.yaml")) == 1
    with pytest.raises(CatalogueError) as refused:
        parse_holidays(text, "h.yaml")
    assert named in str(refused.value)
    assert str(refused.value).startswith("h.yaml, row ")


def test_the_shipped_years_are_as_long_as_their_notices_say() -> None:
    """The notices name the number of days of each holiday."""
    days = {year.year: [(one.last - one.first).days + 1 for one in year.holidays] for year in HOLIDAY_YEARS}
    assert days == {2025: [1, 8, 3, 5, 3, 8], 2026: [3, 9, 3, 5, 3, 3, 7]}
    assert CALENDAR.years == {2025, 2026}


def test_organisations_hear_of_causes_that_there_are() -> None:
    causes = {cause for kind in ORGANISATION_KINDS for cause in kind.causes}
    assert causes <= {*HINTS, "model"}, "`model` is written by alerts/trouble_watch.py"
    assert kinds_for_cause("power") == {"grid"}
    assert kinds_for_cause("unknown") == frozenset() == kinds_for_cause("")


def test_the_gas_company_hears_of_gas_and_nobody_of_what_is_not_told() -> None:
    named = {rule.id: rule.organisations for rule in default_pack().rules if rule.organisations}
    assert {rule for rule, kinds in named.items() if "gas" in kinds} == {"gas_detector_alarm", "ch4_10", "ch4_5"}
    assert {kind for kinds in named.values() for kind in kinds} == {"gas", "service"}
