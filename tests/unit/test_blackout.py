"""When a village is silent as a whole, and when it is back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.blackout import FEWEST, SHARE, Heard, VillageSilence, is_over, judge_village, only_gateway

NOW = datetime(2026, 1, 15, 22, tzinfo=UTC)


def heard(device: int, seconds_ago: float, *, interval_s: int = 60, home: int | None = None) -> Heard:
    at = NOW - timedelta(seconds=seconds_ago)
    return Heard(device, device if home is None else home, at, interval_s)


def village(*seconds_ago: float, interval_s: int = 60) -> list[Heard]:
    return [heard(number, ago, interval_s=interval_s) for number, ago in enumerate(seconds_ago)]


def test_thirty_seven_of_forty_homes() -> None:
    silent = [heard(home, 200 + home) for home in range(37)]
    alive = [heard(100 + home, 20, home=100 + home) for home in range(3)]
    verdict = judge_village(silent + alive, NOW)
    assert verdict == VillageSilence(
        "village_silent", NOW - timedelta(seconds=236), tuple(reversed(range(37))), homes=37, of_homes=40
    )


def test_homes_are_counted_and_not_their_devices() -> None:
    silent = [heard(10 * home + device, 200, home=home) for home in range(4) for device in range(3)]
    verdict = judge_village([*silent, heard(99, 5, home=0), heard(98, 5, home=7)], NOW)
    assert (verdict.reason, verdict.homes, verdict.of_homes, len(verdict.devices)) == ("village_silent", 4, 5, 12)


def test_one_home_offline_stays_one_home() -> None:
    silent = [heard(device, 200, home=0) for device in range(6)]
    alive = [heard(10 + device, 10, home=1 + device // 2) for device in range(78)]
    assert judge_village(silent + alive, NOW) == VillageSilence("most_still_report")


@pytest.mark.parametrize(
    ("silent", "alive", "reason"),
    [
        (0, 40, "too_few_silent"), (4, 0, "too_few_silent"), (5, 0, "village_silent"), (5, 3, "village_silent"),
        (5, 4, "most_still_report"), (24, 16, "village_silent"), (23, 17, "most_still_report"),
        (40, 0, "village_silent"), (0, 0, "too_few_silent"),
    ],
)  # fmt: skip
def test_at_least_five_and_at_least_sixty_percent(silent: int, alive: int, reason: str) -> None:
    assert judge_village(village(*[300] * silent, *[10] * alive), NOW).reason == reason


@pytest.mark.parametrize(("seconds_ago", "reason"), [(180, "too_few_silent"), (180.001, "village_silent")])
def test_silent_is_who_has_missed_three_readings(seconds_ago: float, reason: str) -> None:
    assert judge_village(village(*[seconds_ago] * 5), NOW).reason == reason


@pytest.mark.parametrize(("spread_s", "devices"), [(0, 6), (179, 6), (180, 6), (180.001, 0)])
def test_the_window_is_three_minutes_wide_both_ends_included(spread_s: float, devices: int) -> None:
    verdict = judge_village(village(300, *[300 + spread_s / 2] * 4, 300 + spread_s), NOW)
    # without its outermost device the rest is five of six: still a village, but not the whole one
    assert len(verdict.devices) == (devices or 5)
    assert verdict.reason == "village_silent"


def test_one_after_the_other_over_ten_minutes_is_no_incident() -> None:
    verdict = judge_village(village(*[200 + 15 * number for number in range(40)]), NOW)
    assert verdict == VillageSilence("most_still_report")


def test_who_falls_silent_after_the_others_had_still_power() -> None:
    together, later = [900.0] * 8, [500.0] * 7
    assert judge_village(village(*together, *later), NOW).reason == "most_still_report"
    assert judge_village(village(*together, *later[:5]), NOW).reason == "village_silent"


def test_who_has_been_silent_for_long_says_nothing() -> None:
    broken = village(*[86_400.0 * day for day in range(2, 12)])
    verdict = judge_village([*broken, *(heard(100 + n, 300, home=100 + n) for n in range(6)), heard(200, 9)], NOW)
    assert (verdict.reason, verdict.homes, verdict.of_homes) == ("village_silent", 6, 7)


def test_a_rare_device_whose_turn_has_not_come_says_nothing() -> None:
    heaters = [heard(home, 200, interval_s=30, home=home) for home in range(10)]
    detectors = [heard(50 + home, 210 + 9 * home, interval_s=300, home=home) for home in range(10)]
    verdict = judge_village(heaters + detectors, NOW)
    assert (verdict.reason, verdict.homes, verdict.of_homes) == ("village_silent", 10, 10)
    assert set(verdict.devices) == set(range(10)), "a detector may miss three readings of its own before it is silent"


def test_a_rare_device_that_was_heard_after_the_others_speaks_against_it() -> None:
    heaters = [heard(home, 200, interval_s=30) for home in range(6)]
    detectors = [heard(50 + home, 190, interval_s=300) for home in range(5)]
    assert judge_village(heaters + detectors, NOW).reason == "most_still_report"


heards = st.lists(
    st.builds(
        heard,
        st.integers(0, 99),
        st.integers(0, 1200).map(float),
        interval_s=st.sampled_from([30, 60, 300]),
        home=st.integers(0, 9),
    ),
    max_size=40,
)


@given(heards)
def test_a_verdict_is_never_more_than_was_heard(some: list[Heard]) -> None:
    verdict = judge_village(some, NOW)
    assert verdict == judge_village(some, NOW)
    if verdict.reason != "village_silent":
        assert (verdict.devices, verdict.homes, verdict.began_at) == ((), 0, None)
        return
    assert verdict.began_at is not None
    group = [one for one in some if verdict.began_at <= one.heard_at <= verdict.began_at + timedelta(minutes=3)]
    after = [one for one in some if one.heard_at > max(one.heard_at for one in group)]
    assert FEWEST <= len(verdict.devices) <= len(group)
    assert len(verdict.devices) >= SHARE * (len(verdict.devices) + len(after))
    assert 0 < verdict.homes <= verdict.of_homes <= len({one.home_id for one in some})


@pytest.mark.parametrize(
    ("homes", "back", "quiet_s", "over"),
    [
        (37, 0, None, False), (37, 33, None, False), (37, 34, None, True), (37, 37, 0, True),
        (37, 23, 59.9, False), (37, 23, 60, True), (37, 22, 3600, False), (37, 23, None, False),
        (10, 9, 0, True), (10, 6, 59, False), (10, 6, 60, True), (5, 4, 0, False), (5, 5, 0, True),
    ],
)  # fmt: skip
def test_a_village_is_back_when_nearly_all_are_or_most_and_no_more_for_a_minute(
    homes: int, back: int, quiet_s: float | None, *, over: bool
) -> None:
    changed_at = None if quiet_s is None else NOW - timedelta(seconds=quiet_s)
    assert is_over(homes, back, changed_at, NOW) is over


@pytest.mark.parametrize(
    ("interval_s", "quiet_s", "reason"),
    [(5, 16, "too_few_silent"), (5, 30, "too_few_silent"), (5, 61, "village_silent"), (10, 61, "village_silent")],
)
def test_a_hole_of_some_readings_of_a_quick_device_is_no_blackout(interval_s: int, quiet_s: float, reason: str) -> None:
    assert judge_village(village(*[quiet_s] * 6, interval_s=interval_s), NOW).reason == reason


def test_the_gateway_is_named_only_where_others_with_mains_still_report() -> None:
    behind = [Heard(n, n, NOW - timedelta(seconds=300), 60, gateway_id=7) for n in range(8)]
    others = [Heard(20 + n, 20 + n, NOW, 60) for n in range(2)]
    elsewhere = [Heard(20 + n, 20 + n, NOW, 60, gateway_id=8) for n in range(2)]
    batteries = [Heard(20 + n, 20 + n, NOW, 60, battery=True) for n in range(2)]
    mixed = [*behind, Heard(9, 9, NOW - timedelta(seconds=300), 60)]
    for heards, gateway in (
        ([*behind, *others], 7), ([*behind, *elsewhere], 7), ([*behind, *batteries], None), (behind, None),
        ([*behind, others[0]], None), ([*mixed, *others], None),
    ):  # fmt: skip
        verdict = judge_village(heards, NOW)
        assert verdict.reason == "village_silent"
        assert only_gateway(verdict) == gateway
