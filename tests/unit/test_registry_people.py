"""What files say of who is told: times, days, addresses, zones, as people and Excel write them."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest

from registry.cells import Cell, Wrong, time_of_day
from registry.people import WrongRow, address, contact_key, contact_ref, days, email, endpoint, owner_of, zones


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("8:00", "08:00"), ("08:00:00", "08:00"), ("８：３０", "08:30"), ("20点", "20:00"), ("8时5分", "08:05"),
        ("24:00", "00:00"), (time(20, 0), "20:00"), (timedelta(days=1), "00:00"), (timedelta(hours=9.5), "09:30"),
        (datetime(1899, 12, 30, 7, 15), "07:15"),  # noqa: DTZ001 (as openpyxl gives it)
    ],
)  # fmt: skip
def test_times_of_day(cell: Cell, found: str) -> None:
    assert time_of_day(cell) == found


@pytest.mark.parametrize("cell", ["25:00", "8", "24:30", "8:60", "morning", timedelta(hours=30)])
def test_what_is_no_time(cell: Cell) -> None:
    with pytest.raises(Wrong, match="is no time of day"):
        time_of_day(cell)


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("每天", "every"), ("Workdays", "workdays"), ("休息日", "rest_days"), ("节假日", "rest_days"),
        ("周日、周六", "sat,sun"), ("mon Thursday", "mon,thu"), ("星期天", "sun"), ("礼拜一，周一", "mon"),
    ],
)  # fmt: skip
def test_duty_days(cell: str, found: str) -> None:
    assert days(cell) == found
    assert days(found) == found


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("138 0000 0201", "13800000201"),
        ("wang_li", "wang_li"),
        ("wecom_robot:v1", "wecom_robot:v1"),
        ("10086", "10086"),
    ],
)
def test_addresses(cell: str, found: str) -> None:
    assert address(cell) == found


def test_a_mistyped_number_is_refused_and_not_shown() -> None:
    with pytest.raises(Wrong) as refused:
        address("138000002011")
    assert "138" not in str(refused.value)


def test_zones_in_any_order_and_once() -> None:
    assert zones("150522、150521,150522") == "150521 150522"
    assert zones(150521) == "150521"


def test_mail_and_endpoints() -> None:
    assert email("wang@example.cn") == "wang@example.cn"
    assert endpoint("webhook:ops") == "webhook:ops"
    for parse, wrong in ((email, "wang@example"), (email, "a b@c.d"), (endpoint, "https://x"), (endpoint, "robot:x")):
        with pytest.raises(Wrong):
            parse(wrong)


def test_whom_a_contact_belongs_to_and_what_it_is_known_by() -> None:
    row = {"region": None, "organisation": "GAS", "phone": None, "wecom_id": "w", "email": "a@b.c"}
    assert contact_key(row) == ("organisation:GAS", "w")
    assert contact_ref(row) == (None, "GAS", None, None, "w")
    assert contact_key({"region": "v1", "phone": "13800000201", "wecom_id": "w"}) == ("v1", "13800000201")
    with pytest.raises(WrongRow, match="nobody is named") as nobody:
        owner_of({"region": None, "phone": "1"})
    assert nobody.value.expected == "exactly one of region"
