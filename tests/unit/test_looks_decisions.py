"""What is judged over hours, as numbers and timelines: stuck, share, forecast, coal again."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest

from alerts.looks.coal import Block, judge_coal
from alerts.looks.coal_watch import day_to_look_at
from alerts.looks.commands import in_words
from alerts.looks.cooling import after_hours, hours_until
from alerts.looks.forecast import Outdoors, SilentHome, judge_forecast
from alerts.looks.freezing import HEATERS
from alerts.looks.quarters import newest_to_look_at, types_of
from alerts.looks.share import judge_share
from alerts.looks.stuck import Quarters, judge_stuck, may_be_stuck
from alerts.messages import Place, raised
from catalogue.building_classes import BUILDING_CLASS, time_constant_h
from catalogue.region_parameters import PARAMETER, nearest, refuse_parameter
from catalogue.rules import ForecastRule, Rule, ShareRule, StuckRule, default_pack, parse_pack
from foundation.errors import CatalogueError, SettingsError

R = TypeVar("R", bound=Rule)
PACK = default_pack().by_id
NIGHT = datetime(2026, 1, 15, 19, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def the(kind: type[R], rule_id: str) -> R:
    """A rule of the default pack, of its kind."""
    rule = PACK[rule_id]
    assert isinstance(rule, kind)
    return rule


DETECTOR = the(StuckRule, "co_detector_stuck")
ROOM = the(StuckRule, "room_stuck")
COLD = the(ShareRule, "room_cold")
FROST = the(ForecastRule, "freeze_ahead")
HEAVY_H = time_constant_h(95)


# -- stuck ----------------------------------------------------------------------------------------------------------


def seen(
    low: float | None, high: float | None, *, quarters: int = 24, readings: int = 72, **averages: float
) -> Quarters:
    return Quarters(low, high, quarters, readings, averages)


@pytest.mark.parametrize(
    ("rule", "quarters", "do", "reason"),
    [
        (DETECTOR, seen(3, 3), "raise", "unchanged_for_hours"),
        (DETECTOR, seen(0, 0), "clear", "at_rest"),
        (DETECTOR, seen(3, 4), "clear", "changed_again"),
        (DETECTOR, seen(None, None, quarters=0, readings=0), "keep", "not_heard_of_late"),
        (DETECTOR, seen(3, 3, quarters=22), "raise", "unchanged_for_hours"),
        (DETECTOR, seen(3, 3, quarters=21), "keep", "too_little_known"),
        (ROOM, seen(18.5, 18.5, power_w=600), "raise", "unchanged_for_hours"),
        (ROOM, seen(18.5, 18.5, power_w=14), "keep", "heater_not_running"),
        (ROOM, seen(18.5, 18.5), "keep", "heater_not_running"),
        (ROOM, seen(18.5, 18.6, power_w=14), "clear", "changed_again"),
    ],
)
def test_a_sensor_that_shows_one_value_for_six_hours_is_stuck(
    rule: StuckRule, quarters: Quarters, do: str, reason: str
) -> None:
    verdict = judge_stuck(rule, 300, quarters, NIGHT)
    assert (verdict.do, verdict.reason) == (do, reason)
    assert verdict.since == (NIGHT if do == "raise" else None)


def test_a_device_that_reports_once_an_hour_needs_six_readings_and_no_more_quarters() -> None:
    assert judge_stuck(DETECTOR, 3600, seen(3, 3, quarters=6, readings=6), NIGHT).do == "raise"
    assert judge_stuck(DETECTOR, 3600, seen(3, 3, quarters=5, readings=5), NIGHT).reason == "too_little_known"


def test_the_newest_quarter_rules_out_almost_everybody() -> None:
    assert may_be_stuck(3, 3, DETECTOR)
    assert not may_be_stuck(0, 0, DETECTOR)
    assert not may_be_stuck(3, 4, DETECTOR)
    assert not may_be_stuck(None, None, DETECTOR)


def test_a_stuck_rule_looks_at_types_that_measure_all_it_needs() -> None:
    assert types_of(DETECTOR) == ["co_detector"]
    assert "storage_electric_heater" in types_of(ROOM)
    assert "room_sensor" not in types_of(ROOM), "it cannot say whether anything heats"


# -- share ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("beyond", "known", "now", "do", "reason"),
    [
        (48, 96, "beyond", "raise", "beyond_most_of_the_time"),
        (47, 96, "beyond", "keep", "within_its_share"),
        (48, 96, "back", "keep", "not_beyond_now"),
        (96, 96, "beyond", "raise", "beyond_most_of_the_time"),
        (24, 96, "beyond", "clear", "back_within_its_share"),
        (25, 96, "back", "keep", "within_its_share"),
        (71, 71, "beyond", "keep", "too_little_known"),
        (72, 72, "beyond", "raise", "beyond_most_of_the_time"),
        (0, 0, "back", "keep", "too_little_known"),
    ],
)
def test_a_room_is_cold_when_it_was_so_for_half_of_the_day(
    beyond: int,
    known: int,
    now: str,
    do: str,
    reason: str,
) -> None:
    long_ago = NIGHT - timedelta(days=9)
    verdict = judge_share(
        COLD, beyond=beyond, known=known, beyond_now=now == "beyond", in_service_since=long_ago, now=NIGHT
    )
    assert (verdict.do, verdict.reason) == (do, reason)


def test_nobody_is_judged_in_their_first_day() -> None:
    new = judge_share(COLD, beyond=90, known=90, beyond_now=True, in_service_since=NIGHT - 23 * HOUR, now=NIGHT)
    assert (new.do, new.reason) == ("keep", "too_new")


def test_the_nearest_region_says_what_is_warm() -> None:
    city, county, village, other = 1, 2, 3, 4
    parents = {city: None, county: city, village: county, other: city}
    values = {city: 16.0, county: 18.0}
    assert nearest(village, parents, values, 14) == 18
    assert nearest(other, parents, values, 14) == 16
    assert nearest(other, parents, {}, 14) == 14
    assert nearest(None, parents, values, 14) == 14


def test_a_parameter_that_cannot_be_is_refused() -> None:
    assert PARAMETER["comfort_c"].low <= COLD.level <= PARAMETER["comfort_c"].high
    refuse_parameter("comfort_c", 18)
    with pytest.raises(SettingsError, match="comfort_c cannot be 180"):
        refuse_parameter("comfort_c", 180)
    with pytest.raises(SettingsError, match="no parameter 'comfort'"):
        refuse_parameter("comfort")


# -- forecast -------------------------------------------------------------------------------------------------------


def test_a_heavy_home_falls_from_18_to_5_in_12_hours_and_to_0_in_19_at_minus_19() -> None:
    assert pytest.approx(28, abs=0.5) == HEAVY_H
    assert hours_until(18, -19, 5, HEAVY_H) == pytest.approx(12, rel=0.05)
    assert hours_until(18, -19, 0, HEAVY_H) == pytest.approx(19, rel=0.05)
    assert after_hours(18, -19, HEAVY_H, hours_until(18, -19, 5, HEAVY_H)) == pytest.approx(5)
    assert hours_until(18, 6, 5, HEAVY_H) == math.inf
    assert hours_until(4, 6, 5, HEAVY_H) == 0
    new = time_constant_h(BUILDING_CLASS["rural_new_community"].heat_load_w_m2)
    assert hours_until(18, -19, 5, new) > 20, "better walls hold longer"


@pytest.mark.parametrize(
    ("after_h", "do", "reason"),
    [
        (0.5, "keep", "silent_too_briefly"),
        (2, "clear", "freezes_later"),
        (4, "keep", "freezes_later"),
        (6, "keep", "freezes_later"),
        (6.5, "raise", "freezes_soon"),
        (12, "raise", "freezes_soon"),
        (30, "raise", "freezes_soon"),
    ],
)
def test_a_silent_home_at_18_and_minus_19_is_told_of_six_hours_before_5_degrees(
    after_h: float, do: str, reason: str
) -> None:
    home = SilentHome(NIGHT, 18.0, NIGHT - timedelta(minutes=4), HEAVY_H)
    verdict = judge_forecast(FROST, home, -19.0, NIGHT + after_h * HOUR)
    assert (verdict.do, verdict.reason) == (do, reason)
    assert verdict.value == pytest.approx(max(12.2 - after_h, 0), abs=0.1)


def test_a_room_that_is_still_measured_is_believed() -> None:
    later = NIGHT + 10 * HOUR
    warm = SilentHome(NIGHT, 18.0, later, HEAVY_H)
    assert judge_forecast(FROST, warm, -19.0, later).do == "clear", "the heater runs, only its network does not"
    falling = SilentHome(NIGHT, 10.0, later, HEAVY_H)
    verdict = judge_forecast(FROST, falling, -19.0, later)
    assert (verdict.do, round(verdict.value, 1)) == ("raise", 5.3)


def test_a_room_that_nobody_measured_is_assumed() -> None:
    for home in (
        SilentHome(NIGHT, None, None, HEAVY_H),
        SilentHome(NIGHT, 22.0, NIGHT - 7 * HOUR, HEAVY_H),
    ):
        verdict = judge_forecast(FROST, home, -19.0, NIGHT + 3 * HOUR)
        assert (verdict.do, verdict.reason) == ("raise", "freezes_soon_room_assumed")


def test_it_warms_up_or_nobody_knows_the_weather() -> None:
    home = SilentHome(NIGHT, 18.0, NIGHT, HEAVY_H)
    assert judge_forecast(FROST, home, 6.0, NIGHT + 40 * HOUR).do == "clear"
    blind = judge_forecast(FROST, home, None, NIGHT + 40 * HOUR)
    assert (blind.do, blind.reason) == ("keep", "outdoor_unknown")


def test_the_weather_is_that_of_the_village_or_of_the_nearest_above() -> None:
    city, county, village, neighbour, far = 1, 2, 3, 4, 5
    parents = {city: None, county: city, village: county, neighbour: county, far: city}
    outdoors = Outdoors(parents, [(village, -19.0), (village, -18.0), (village, 12.0), (neighbour, -21.0)])
    assert outdoors.near(village) == -18.0, "one sensor in the sun warms nobody"
    assert outdoors.near(neighbour) == -21.0
    assert outdoors.near(far) == -18.5
    assert Outdoors(parents, []).near(village) is None


def test_only_what_warms_one_home_and_would_be_heard_stands_for_it() -> None:
    assert "gas_wall_boiler" in HEATERS
    assert not {"clean_coal_stove", "biomass_boiler", "co_detector"} & set(HEATERS)


# -- messages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "value", "said"),
    [
        (FROST, 5.9, "取暖失联，室温将降至5℃（约5小时后）"),
        (FROST, 0.0, "取暖失联，室温将降至5℃（1小时内）"),
        (DETECTOR, 3.0, "一氧化碳探测器读数卡死（现3ppm）"),
        (COLD, 0.75, "室温长时间不达标（75%时间）"),
    ],
)
def test_a_message_shows_what_the_look_found(
    rule: StuckRule | ShareRule | ForecastRule, value: float, said: str
) -> None:
    place = Place("巴彦塔拉嘎查村", "1组3号", "gb-003")
    params = raised(rule, place, value, NIGHT, late=False, zone="Asia/Shanghai", language="zh-CN")
    assert params["what"] == said
    assert len(said) <= 35


# -- coal again -----------------------------------------------------------------------------------------------------


def block(number: int, first: float, last: float, outdoor: float = -15.0) -> Block:
    return Block(number, first, last, 2.75, outdoor)


def test_a_room_that_stays_warm_all_night_with_every_heater_off_is_worth_a_visit() -> None:
    found = judge_coal([block(number, 19.0, 19.2) for number in (0, 1, 2)], HEAVY_H, [])
    assert found is not None
    assert found.score == pytest.approx(0.7)
    assert found.evidence["warm_without_energy"]["hours"] == 9
    assert found.evidence["warm_without_energy"]["expected_fall_c"] > 9
    (said,) = in_words({name: dict(what) for name, what in found.evidence.items()})
    assert said.startswith("9 h in the dark with all heaters off at -15 °C outside")


@pytest.mark.parametrize(
    ("blocks", "why"),
    [
        ([block(0, 19.0, 16.3), block(1, 16.3, 14.0)], "it cools as its walls say"),
        ([block(3, 19.0, 19.5), block(4, 19.0, 21.0), block(5, 20.0, 20.0)], "the sun shines in"),
        ([block(0, 19.0, 19.0, outdoor=4.0), block(1, 19.0, 19.0, outdoor=4.0)], "it is mild outside"),
        ([block(0, 8.0, 8.0), block(1, 8.0, 8.0)], "nobody keeps it warm"),
        ([], "the heaters ran"),
    ],
)
def test_what_has_another_reason_is_not_held_against_anybody(blocks: list[Block], why: str) -> None:
    assert judge_coal(blocks, HEAVY_H, []) is None, why


def test_carbon_monoxide_counts_when_it_stays_not_when_a_stove_is_lit_to_cook() -> None:
    assert judge_coal([], HEAVY_H, [80.0]) is None
    smoky = judge_coal([], HEAVY_H, [80.0, 120.0, 90.0, 76.0])
    assert smoky is not None
    assert smoky.evidence == {"co_while_off": {"quarters": 4, "peak_ppm": 120}}
    both = judge_coal([block(0, 19, 19), block(1, 19, 19)], HEAVY_H, [80.0, 120.0, 90.0, 76.0])
    assert both is not None
    assert smoky.score < both.score < 1, "never a proof"


# -- when -----------------------------------------------------------------------------------------------------------


def test_a_quarter_is_looked_at_five_minutes_after_its_end_and_a_share_once_an_hour() -> None:
    at = NIGHT + timedelta(minutes=34)
    assert newest_to_look_at(DETECTOR, at) == NIGHT
    assert newest_to_look_at(DETECTOR, at + timedelta(minutes=1)) == NIGHT + timedelta(minutes=15)
    assert newest_to_look_at(COLD, at) == NIGHT - timedelta(minutes=15)
    assert newest_to_look_at(COLD, NIGHT + timedelta(minutes=64)) == NIGHT - timedelta(minutes=15)
    assert newest_to_look_at(COLD, NIGHT + timedelta(minutes=65)) == NIGHT + timedelta(minutes=45)


def test_a_day_is_looked_at_two_hours_after_midnight_in_china() -> None:
    midnight = datetime(2026, 1, 15, 16, 0, tzinfo=UTC)
    assert day_to_look_at(midnight + 1.9 * HOUR) == midnight - timedelta(days=2)
    assert day_to_look_at(midnight + 2 * HOUR) == midnight - timedelta(days=1)


# -- the pack -------------------------------------------------------------------------------------------------------

ROW = {
    "stuck": "id: x1, kind: stuck, metric: co_ppm, over_s: 21600",
    "share": "id: x1, kind: share, metric: indoor_c, direction: below, level: 14, over_s: 86400, share: 0.5,"
    " clear_share: 0.2",
    "forecast": "id: x1, kind: forecast, level_c: 5, hours_left: 6, clear_hours_left: 9, assume_c: 14, silent_for_s: 0",
}
REST = "priority: low, latching: false, tell: false, tell_late: false, en: x, zh: x, do: x, source: x"


@pytest.mark.parametrize(
    ("kind", "instead", "says"),
    [
        ("stuck", ("metric: co_ppm", "metric: flame"), "flame is a state"),
        ("stuck", ("metric: co_ppm", "metric: co"), "unknown metric 'co'"),
        ("stuck", ("over_s: 21600", "over_s: 21000"), "multiple of 900"),
        (
            "stuck",
            ("over_s: 21600", "over_s: 21600, given_avg: {energy_kwh: {at_least: 1}}"),
            "energy_kwh is a counter",
        ),
        ("share", ("clear_share: 0.2", "clear_share: 0.5"), "clear_share must lie below share"),
        ("share", ("level: 14", "level: 14, parameter: warmth"), "unknown parameter 'warmth'"),
        ("share", ("level: 14", "level: 14, hours: {since: 1, until: 2}"), "no hours of the day"),
        ("forecast", ("clear_hours_left: 9", "clear_hours_left: 5"), "clear_hours_left must not lie below"),
        ("forecast", ("level_c: 5", "level_c: 5"), "x1 needs a rule of kind silence"),
    ],
)
def test_a_rule_that_cannot_be_is_named(kind: str, instead: tuple[str, str], says: str) -> None:
    text = f"pack: mine\nversion: 1\nrules:\n- {{{ROW[kind].replace(*instead)}, {REST}}}\n"
    with pytest.raises(CatalogueError) as refused:
        parse_pack(text, "mine.yaml")
    assert says in str(refused.value)
