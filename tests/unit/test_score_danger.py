"""When a measured danger begins; seconds after the first reading."""

from __future__ import annotations

import math

from device_sim.score.danger import Criterion, Watch
from device_sim.score.kinds import KIND

CO = KIND["co"].criteria_for("co_detector")
COLD = Criterion(metric="indoor_c", at=5, direction="below", hold_s=3600)


def first(watch: Watch, metric: str, *readings: tuple[float, float]) -> float | None:
    """The earliest danger, in seconds, that these (second, value) show."""
    found = [watch.reading(round(at * 1000), {metric: value}).dangerous_ms for at, value in readings]
    return min((ms / 1000 for ms in found if ms is not None), default=None)


def test_co_counts_by_level_and_time() -> None:
    assert first(Watch(CO), "co_ppm", (0, 20), (10, 299)) is None
    assert first(Watch(CO), "co_ppm", (0, 20), (10, 300)) == 10
    minute_by_minute = [(60.0 * n, 120.0) for n in range(20)]
    assert first(Watch(CO), "co_ppm", *minute_by_minute) == 600
    assert first(Watch(CO), "co_ppm", *[(60.0 * n, 60.0) for n in range(70)]) == 3600
    assert first(Watch(CO), "co_ppm", *[(60.0 * n, 31.0) for n in range(119)]) is None
    assert first(Watch(CO), "co_ppm", *[(60.0 * n, 31.0) for n in range(121)]) == 7200


def test_what_lasts_is_dangerous_when_it_has_lasted_not_at_the_next_reading() -> None:
    assert first(Watch(CO), "co_ppm", (0, 110), (300, 110), (599, 110)) is None
    assert first(Watch(CO), "co_ppm", (0, 110), (300, 110), (900, 110)) == 600


def test_a_dip_starts_the_time_anew() -> None:
    assert first(Watch(CO), "co_ppm", (0, 110), (590, 99), (600, 110), (1190, 110)) is None
    assert first(Watch(CO), "co_ppm", (0, 110), (590, 99), (600, 110), (1200, 110)) == 1200


def test_cold_is_below_and_the_level_itself_is_not() -> None:
    assert first(Watch([COLD]), "indoor_c", (0, 5.0), (4000, 5.0)) is None
    assert first(Watch([COLD]), "indoor_c", (0, 4.9), (3600, 4.9)) == 3600


def test_what_is_no_number_or_not_there_says_nothing() -> None:
    watch = Watch([COLD])
    watch.reading(0, {"indoor_c": 4.0})
    for at, value in ((1000, math.nan), (2000, math.inf)):
        assert watch.reading(at, {"indoor_c": value}).shows, "neither warm nor cold"
    assert watch.reading(3_600_000, {"rh_pct": 40.0}).dangerous_ms is None
    assert watch.reading(3_700_000, {"indoor_c": 4.0}).dangerous_ms == 3_600_000


def test_an_older_reading_can_be_dangerous_at_once_but_ends_and_begins_nothing() -> None:
    watch = Watch(CO)
    assert watch.reading(10_000, {"co_ppm": 310.0}).dangerous_ms == 10_000
    assert watch.reading(5_000, {"co_ppm": 305.0}).dangerous_ms == 5_000
    assert watch.reading(4_000, {"co_ppm": 0.0}).shows
    assert first(Watch(CO), "co_ppm", (600, 20), (0, 120), (700, 120)) is None


def test_the_devices_own_bit() -> None:
    watch = Watch(CO)
    assert watch.bit("lockout", 1000, on=True).dangerous_ms is None
    assert watch.bit("co_alarm", 2000, on=True).dangerous_ms == 2000
    assert watch.reading(3000, {"co_ppm": 0.0}).shows, "it still sounds"
    off = watch.bit("co_alarm", 4000, on=False)
    assert (off.dangerous_ms, off.shows) == (None, False)


def test_a_level_shows_before_it_has_been_held() -> None:
    watch = Watch(CO)
    assert watch.reading(0, {"co_ppm": 29.0}).shows is False
    seen = watch.reading(1000, {"co_ppm": 30.0})
    assert (seen.dangerous_ms, seen.shows) == (None, True)
    assert watch.reading(2000, {"co_ppm": 29.0}).shows is False
