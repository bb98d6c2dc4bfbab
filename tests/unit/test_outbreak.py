"""When the same trouble on many devices is their model's or their gateway's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.outbreak import OUTSIDE, ModelTrouble, judge_clocks, judge_model
from catalogue.faults import FAULT

BAD = ModelTrouble("ignition_failed", 20, 4, 200, 0.5, 1, 300)


def test_many_devices_in_many_villages_much_more_than_usual_and_than_others() -> None:
    assert judge_model(BAD) == "model_fault"
    assert judge_model(replace(BAD, others=0, of_others=0)) == "model_fault"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"devices": 4, "of_devices": 20}, "too_few_devices"), ({"devices": 5, "of_devices": 20}, "model_fault"),
        ({"villages": 2}, "too_few_villages"), ({"of_devices": 1001}, "small_share"),
        ({"usual_per_day": 4.0}, "model_fault"), ({"usual_per_day": 4.1}, "as_usual"),
        ({"others": 6}, "model_fault"), ({"others": 7}, "other_models_too"),
        ({"fault": "low_gas_pressure"}, "cause_is_outside"), ({"fault": "E7"}, "model_fault"),
    ],
)  # fmt: skip
def test_each_threshold(changes: dict[str, object], reason: str) -> None:
    assert judge_model(replace(BAD, **changes)) == reason  # type: ignore[arg-type]  # fields of different types


def test_what_lies_outside_is_in_the_catalogue() -> None:
    assert set(FAULT) >= OUTSIDE


@pytest.mark.parametrize(
    ("devices", "of", "gateway", "reason"),
    [
        (4, 4, True, "too_few_devices"), (5, 1000, True, "clock_wrong"), (5, 250, False, "clock_wrong"),
        (5, 251, False, "small_share"),
    ],
)  # fmt: skip
def test_five_clocks_behind_a_gateway_or_two_percent_of_a_model(
    devices: int, of: int, reason: str, *, gateway: bool
) -> None:
    assert judge_clocks(devices, of, behind_gateway=gateway) == reason
