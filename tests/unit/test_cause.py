"""What order and timing of the drops say about their cause."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.blackout import Heard, judge_village
from alerts.cause import HINTS, Reason, common_cause, hint_of, hint_of_gateway

NOW = datetime(2026, 1, 15, 22, tzinfo=UTC)


def heard(device: int, seconds_ago: float) -> Heard:
    return Heard(device, device, NOW - timedelta(seconds=seconds_ago), 30)


MAINS = [heard(number, 200) for number in range(10)]


def reason(*heards: Heard, gateway_online: bool | None = None) -> Reason:
    verdict = judge_village(list(heards), NOW)
    assert verdict.reason == "village_silent"
    return hint_of(verdict, gateway_online=gateway_online).reason


def batteries(seconds_ago: float, *homes: int, gateway_id: int | None = None) -> list[Heard]:
    found = [heard(100 + home, seconds_ago) for home in homes]
    return [replace(one, home_id=one.device_id - 100, battery=True, gateway_id=gateway_id) for one in found]


def test_without_evidence_it_is_one_or_the_other() -> None:
    assert reason(*MAINS) == "unknown"
    assert reason(*MAINS, *batteries(5, 1)) == "unknown", "one battery proves nothing"


def test_batteries_that_still_report_mean_power_and_such_that_do_not_mean_network() -> None:
    assert reason(*MAINS, *batteries(5, 1, 2)) == "power"
    assert reason(*MAINS, *batteries(200, 1, 2, 3)) == "network"
    assert reason(*MAINS, *batteries(200, 1, 2), *batteries(5, 3, 4)) == "unknown", "they do not agree"
    assert reason(*MAINS, *batteries(5, 50, 51)) == "unknown", "a part of the village that has both"
    assert reason(*batteries(200, *range(8))) == "unknown", "nobody with mains to compare with"


def test_a_gateway_takes_batteries_behind_it_along() -> None:
    behind = [replace(one, gateway_id=7) for one in MAINS]
    assert reason(*behind, *batteries(200, 1, 2, gateway_id=7), gateway_online=False) == "gateway_offline"
    assert reason(*behind, *batteries(5, 1, 2), gateway_online=False) == "power", (
        "one with a connection of its own knows"
    )


def test_one_gateway_behind_everything() -> None:
    behind = [replace(one, gateway_id=7) for one in MAINS]
    assert reason(*behind, gateway_online=False) == "gateway_offline"
    assert reason(*behind, gateway_online=True) == "behind_gateway"
    assert reason(*behind) == "one_moment"
    spread = [replace(heard(n, 200 + 2 * n), gateway_id=7) for n in range(10)]
    assert reason(*spread) == "unknown"
    assert hint_of_gateway(gateway_online=None).reason == hint_of_gateway(gateway_online=False).reason == "gateway"
    assert hint_of_gateway(gateway_online=True).reason == "behind_gateway"


def test_a_supply_that_sagged_before_is_the_grid() -> None:
    sagged = [replace(one, voltage_v=180.0 if one.device_id < 5 else 220.0) for one in MAINS]
    assert reason(*sagged) == "grid_sag"
    assert reason(*sagged, *batteries(200, 1, 2)) == "grid_sag", "the strongest evidence first"
    assert reason(*(replace(one, voltage_v=198.0) for one in MAINS)) == "unknown", "198 V is within the norm"
    assert reason(replace(MAINS[0], voltage_v=180.0), *MAINS[1:]) == "unknown", "one voltmeter proves nothing"


@pytest.mark.parametrize(("step_s", "expected"), [(3, "unknown"), (7, "unknown"), (10, "staggered"), (18, "staggered")])
def test_one_after_the_other_over_minutes_is_the_carrier(step_s: float, expected: Reason) -> None:
    assert reason(*(heard(number, 200 + step_s * number) for number in range(10))) == expected


def test_most_villages_of_an_area_must_agree() -> None:
    assert common_cause(["power", "power", "unknown"]) == "power"
    assert common_cause(["power", "network"]) == "unknown"
    assert common_cause([]) == "unknown"


def test_words_are_short_enough_to_stand_before_the_count() -> None:
    assert all(len(hint.zh) <= 12 and hint.en for hint in HINTS.values())
