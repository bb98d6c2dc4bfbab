"""The figures of the alarm quality report, and their verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from alerts.quality import (
    FLOOD_ABOVE,
    FLOOD_WITHIN,
    Found,
    Measure,
    Priority,
    Report,
    Source,
    Told,
    Withheld,
    chatters,
    floods,
    most_within,
    report,
)
from alerts.quality_print import as_data, show
from foundation.logs import mask_phone

START = datetime(2026, 1, 15, tzinfo=UTC)
DAY = START + timedelta(days=1)
PHONE = "13800000201"


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def spans(*minutes: float, until: datetime = DAY) -> list[tuple[float, float]]:
    minute = timedelta(minutes=1)
    return [
        (round((a - START) / minute, 6), round((b - START) / minute, 6))
        for a, b in floods([at(one) for one in minutes], until)
    ]


def told(minutes: Sequence[float], phone: str = PHONE, kind: str = "raised") -> list[Told]:
    return [Told(phone, mask_phone(phone), "王某某", "巴彦塔拉嘎查村", kind, at(one)) for one in minutes]


def reported(**more: Any) -> Report:
    usual: dict[str, Any] = {
        "since": START, "until": DAY, "told": (), "sources": (), "priorities": (), "fleeting": 0, "standing": 0,
        "stale": 0,
    }  # fmt: skip
    return report(Found(**usual | more))


def measure(name: str, **more: Any) -> Measure:
    (found,) = [one for one in reported(**more).measures if one.name.startswith(name)]
    return found


def test_ten_in_ten_minutes_are_no_flood_and_eleven_are() -> None:
    assert spans(*range(10)) == []
    assert spans(*(place * 0.9 for place in range(11))) == [(0, 6 * 0.9 + 10)]
    assert spans(*range(0, 110, 10)) == []


def test_a_flood_ends_below_five_in_ten_minutes() -> None:
    storm = [place * 0.5 for place in range(20)]
    assert spans(*storm) == [(0, 17.5)], "when the fifth newest is ten minutes old"
    assert spans(*storm, *range(11, 60, 2)) == [(0, 59 - 8 + 10)], "5 in ten minutes keep it going"
    assert spans(*storm, until=at(12)) == [(0, 12)]
    assert spans(*storm, *(60 + one for one in storm)) == [(0, 17.5), (60, 77.5)]


minutes = st.lists(st.floats(0, 600), max_size=80).map(sorted)


@given(minutes)
def test_floods_are_apart_and_cover_every_eleven_within_ten_minutes(some: list[float]) -> None:
    times = [at(one) for one in some]
    found = floods(times, DAY)
    assert all(begin < end for begin, end in found)
    assert all(before[1] < after[0] for before, after in pairwise(found))
    for first, last in zip(times, times[FLOOD_ABOVE:], strict=False):
        if last - first < FLOOD_WITHIN:
            assert any(begin <= first and last <= end for begin, end in found)
    assert bool(found) == (most_within(times, FLOOD_WITHIN) > FLOOD_ABOVE)


@given(minutes, st.floats(0.1, 90))
def test_the_most_within_a_span_is_what_counting_says(some: list[float], within: float) -> None:
    times, span = [at(one) for one in some], timedelta(minutes=within)
    counted = max((sum(first <= one < first + span for one in times) for first in times), default=0)
    assert most_within(times, span) == counted


def test_three_within_a_minute_chatter() -> None:
    assert chatters([at(0), at(0.5), at(0.9)])
    assert not chatters([at(0), at(0.5), at(1.0)])


def test_of_each_phone_what_it_had_to_bear() -> None:
    other = "13900000202"
    found = reported(told=[*told(range(0, 26, 2)), *told([30], kind="cleared"), *told([5, 700], other)])
    first, second = found.recipients
    assert (first.phone, first.alarms, first.messages, first.worst_hour) == (mask_phone(PHONE), 13, 14, 14)
    assert (first.mean_per_hour, first.floods, first.verdict) == (14 / 24, 0, "watch")
    assert (second.phone, second.messages, second.worst_hour, second.verdict) == (mask_phone(other), 2, 1, "good")
    assert measure("messages per hour, worst", told=found_told()).verdict == "watch"


def found_told() -> list[Told]:
    return told(range(0, 26, 2))


@pytest.mark.parametrize(("an_hour", "verdict"), [(6, "good"), (7, "watch"), (13, "bad")])
def test_six_an_hour_are_acceptable_and_twelve_the_most(an_hour: int, verdict: str) -> None:
    steady = told([place * 60 / an_hour for place in range(24 * an_hour)])
    assert measure("messages per hour, mean", told=steady).verdict == verdict


def test_a_flood_is_watched_and_a_long_one_is_bad() -> None:
    short, long = told([place * 0.1 for place in range(11)]), told([place * 0.9 for place in range(60)])
    assert measure("floods", told=short).verdict == "watch"
    assert measure("floods", told=long).verdict == "bad"
    assert measure("floods", told=short).do


def test_what_chatters_is_named() -> None:
    source = Source("gb-001", "lockout_reported", "村", 3, [at(0), at(0.1), at(0.2)])
    found = measure("chattering", sources=[source])
    assert (found.value, found.verdict, found.do) == (
        1, "bad", "mend gb-001, or give lockout_reported a longer hold time",
    )  # fmt: skip


@pytest.mark.parametrize(("stale", "verdict"), [(0, "good"), (4, "good"), (5, "bad")])
def test_fewer_than_five_are_stale(stale: int, verdict: str) -> None:
    assert measure("stale", stale=stale).verdict == verdict


def test_few_alarms_are_not_judged_by_shares() -> None:
    few = [Source("gb-001", "offline", "村", 5)]
    priorities = [Priority("high", 5, 5, 0, None)]
    for name in ("fleeting", "the ten", "priorities", "critical"):
        assert measure(name, sources=few, priorities=priorities).verdict == "too_few"
    assert reported(sources=few, priorities=priorities).verdict == "good"


@pytest.mark.parametrize(
    ("high", "low", "verdict"), [(5, 80, "good"), (15, 70, "good"), (40, 45, "watch"), (0, 60, "watch")]
)
def test_five_fifteen_eighty(high: int, low: int, verdict: str) -> None:
    counts = {"critical": 50, "high": high, "medium": 100 - high - low, "low": low}
    priorities = [Priority(name, count, 0, 0, None) for name, count in counts.items()]
    assert measure("priorities", priorities=priorities).verdict == verdict


def test_ten_sources_of_many() -> None:
    even = [Source(f"gb-{place:03}", "offline", "村", 1) for place in range(300)]
    assert measure("the ten", sources=even).verdict == "good"
    assert measure("the ten", sources=[Source("gb-x", "offline", "村", 100), *even]).verdict == "watch"


@pytest.mark.parametrize(
    ("median", "acknowledged", "verdict"), [(100, 3, "good"), (600, 3, "watch"), (3600, 3, "bad"), (None, 0, "bad")]
)
def test_how_soon_somebody_has_it(median: float | None, acknowledged: int, verdict: str) -> None:
    assert measure("critical", priorities=[Priority("critical", 4, 4, acknowledged, median)]).verdict == verdict


def test_whatever_is_not_good_says_what_to_do() -> None:
    found = reported(
        told=told([place * 0.9 for place in range(600)]), stale=9, standing=99, fleeting=90,
        sources=[Source("gb-001", "offline", "村", 400, [at(0)] * 3)],
        priorities=[Priority("critical", 9, 9, 0, None), Priority("high", 90, 0, 0, None)],
        answered=50, false_alarms=40, answers=50, not_understood=40,
    )  # fmt: skip
    assert all(one.do for one in found.measures if one.verdict in {"watch", "bad"})
    assert {one.verdict for one in found.measures} == {"watch", "bad"}
    assert all(one.do == "" for one in reported().measures)


def test_it_is_shown_without_phone_numbers() -> None:
    found = reported(
        told=told(range(12)), sources=[Source("gb-001", "offline", "村", 3, [at(0)] * 3)],
        priorities=[Priority("high", 3, 3, 1, 90.0)], withheld=[Withheld("maintenance", "told", 2)],
    )  # fmt: skip
    out = StringIO()
    show(found, "Asia/Shanghai", Console(file=out, width=160))
    text = out.getvalue()
    assert "138****0201" in text
    assert PHONE not in text + str(as_data(found))
    assert "2026-01-15 08:00 to 2026-01-16 08:00: 3 alarms, 12 messages" in text
    for part in ("Recipients", "Most frequent sources", "Chattering", "Priorities", "Held back"):
        assert part in text
    assert "times" not in as_data(found)["top"][0]


def test_false_alarms_and_answers_that_nobody_understands_want_a_look() -> None:
    false, unread = reported(answered=20, false_alarms=3, answers=20).measures[-2:]
    assert (false.name, false.shown, false.verdict) == ("false alarms, as people say", "3 of 20 answered", "watch")
    assert (unread.name, unread.verdict) == ("SMS answers not understood", "good")
    false, unread = reported(answered=20, false_alarms=2, answers=20, not_understood=3).measures[-2:]
    assert (false.verdict, unread.verdict) == ("good", "watch")
    few = reported(answered=19, false_alarms=19, answers=19, not_understood=19).measures[-2:]
    assert [measure.verdict for measure in few] == ["too_few", "too_few"]
