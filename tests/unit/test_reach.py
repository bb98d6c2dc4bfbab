"""The figures of the reach report: a day, its messages, and how soon somebody had the alarms."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from io import StringIO

from rich.console import Console

from alerts.reach import Counted, Figures, Reach, Told, bounds, report
from alerts.reach_print import as_data, show

DAY = date(2026, 1, 15)
EAST, WEST = ("150521101201", "东村"), ("150521101202", "西村")
NOON = datetime(2026, 1, 15, 4, tzinfo=UTC)


def counted(where: tuple[str, str], way: str, sent: int, delivered: int = 0, failed: int = 0) -> Counted:
    return Counted(*where, way, sent, delivered, 0, failed, 0)


def told(
    where: tuple[str, str], way: str, alarm: int, at: float, had: float | None = None, *, before: bool = False
) -> Told:
    minute = timedelta(minutes=1)
    return Told(where[0], way, alarm, NOON + at * minute, None if had is None else NOON + had * minute, before)


def test_a_day_is_the_villages_own() -> None:
    since, until = bounds(DAY, "Asia/Shanghai")
    assert (since.astimezone(UTC).isoformat(), until - since) == ("2026-01-14T16:00:00+00:00", timedelta(days=1))
    spring = bounds(date(2026, 3, 29), "Europe/Berlin")
    assert spring[1].astimezone(UTC) - spring[0].astimezone(UTC) == timedelta(hours=23)


def test_an_alarm_that_was_told_in_two_ways_is_one_alarm() -> None:
    found = report(
        DAY,
        [counted(EAST, "sms", 3, 2, 1), counted(EAST, "voice", 1)],
        [told(EAST, "sms", 1, 0, 6), told(EAST, "voice", 1, 5, 6), told(EAST, "sms", 2, 0)],
    )
    (east,) = found.regions
    assert east.figures == found.figures == Figures(4, 2, 0, 1, 0, alarms=2, acknowledged=1, median_min=6)
    assert east.ways["voice"] == Figures(1, alarms=1, acknowledged=1, median_min=1)
    assert list(east.ways) == ["sms", "voice"]


def test_the_median_is_over_alarms_and_no_time_is_below_nothing() -> None:
    alarms = [told(EAST, "sms", one, 0, had) for one, had in enumerate((-3, 2, 4, 50))]
    assert report(DAY, [counted(EAST, "sms", 4)], alarms).figures.median_min == 3
    assert report(DAY, [counted(EAST, "sms", 4)], alarms[:1]).figures.median_min == 0
    assert report(DAY, [counted(EAST, "sms", 4)], []).figures.median_min is None


def test_an_alarm_of_yesterday_that_is_called_about_today_counts_for_its_way_only() -> None:
    found = report(DAY, [counted(EAST, "voice", 1)], [told(EAST, "voice", 1, 0, 3, before=True)])
    assert (found.figures.alarms, found.ways["voice"].alarms) == (0, 1)


def test_regions_stand_by_themselves_and_in_order() -> None:
    found = two_villages()
    assert [(one.name, one.figures.sent, one.figures.alarms) for one in found.regions] == [
        ("东村", 2, 1),
        ("西村", 1, 1),
    ]
    assert (found.figures.sent, found.figures.alarms) == (3, 2)


def two_villages() -> Reach:
    return report(
        DAY,
        [counted(WEST, "sms", 1, 0, 1), counted(EAST, "sms", 1, 1), counted(EAST, "email", 1)],
        [told(WEST, "sms", 2, 0), told(EAST, "sms", 1, 0, 4.5)],
    )


def test_it_is_shown_as_a_table_and_as_plain_values() -> None:
    out = StringIO()
    show(two_villages(), "Asia/Shanghai", Console(file=out, width=140))
    lines = out.getvalue().splitlines()
    assert lines[0] == "Reach on 2026-01-15 (Asia/Shanghai)"
    assert lines[2].split() == [
        "region", "way", "sent", "delivered", "handed", "over", "failed", "waiting", "alarms", "told", "acknowledged",
        "median", "until", "then",
    ]  # fmt: skip
    assert lines[3].split() == ["东村", EAST[0], "all", "2", "1", "–", "–", "–", "1", "1", "4.5", "min"]
    assert [line.split()[0] for line in lines[4:6]] == ["sms", "email"]
    assert lines[6].split() == ["西村", WEST[0], "sms", "1", "–", "–", "1", "–", "1", "–"]
    assert lines[-3].split()[:3] == ["everything", "all", "3"]
    data = as_data(two_villages())
    assert (data["day"], data["regions"][0]["ways"]["sms"]["median_min"]) == ("2026-01-15", 4.5)


def test_a_day_without_messages_says_so() -> None:
    out = StringIO()
    show(report(DAY, [], []), "Asia/Shanghai", Console(file=out, width=140))
    assert "nobody was sent anything" in out.getvalue()
