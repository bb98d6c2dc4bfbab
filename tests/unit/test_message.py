"""What people read: short, in local time, acceptable to the carrier, without anybody's number."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import message
from alerts.channels.aliyun_templates import FALLBACKS, LONGEST_VALUE, TEMPLATES, check, fit, render
from alerts.channels.channel import TemplateName
from alerts.message import Place, local_time
from catalogue.metrics import METRIC
from catalogue.rules import Rule, ThresholdRule, default_pack

RULES = default_pack().rules
RULE = {rule.id: rule for rule in RULES}
ZONE = "Asia/Shanghai"
HOME = Place("向阳嘎查", "3组12号", "tl-0001-co")
MEASURED = datetime(2026, 1, 15, 18, 15, 59, tzinfo=UTC)


def raised(rule: Rule, value: float | None, *, place: Place = HOME, late: bool = False) -> dict[str, str]:
    return message.raised(rule, place, value, MEASURED, late=late, zone=ZONE)


def test_a_raised_alarm_says_what_where_since_when_and_what_to_do() -> None:
    params = raised(RULE["co_300"], 356)
    assert params == {
        "place": "向阳嘎查",
        "home": "3组12号",
        "what": "一氧化碳超过300ppm（现356ppm）",
        "since": "1月16日02:15",
        "do": "立即开窗、全员撤到室外并拨打120",
    }
    assert render("critical", fit(params)) == (
        "取暖警报：向阳嘎查，3组12号，一氧化碳超过300ppm（现356ppm），1月16日02:15起。"
        "处置：立即开窗、全员撤到室外并拨打120。收到请回复1。"
    )


def test_a_late_alarm_says_so_first() -> None:
    assert raised(RULE["co_300"], None, late=True)["what"] == "补报：一氧化碳超过300ppm"


@pytest.mark.parametrize(
    ("rule", "value", "shown"),
    [
        ("co_300", 356.4, "（现356ppm）"),
        ("ch4_10", 12.34, "（现12.3%LEL）"),
        ("room_freezing", -3.25, "（现-3.2℃）"),
        ("co_300", 9999, "（现9999ppm）"),
        ("co_300", 10_000, ""),
        ("co_300", None, ""),
        ("co_detector_alarm", 1, ""),
        ("co_detector_silent", 0, ""),
    ],
)
def test_the_measured_value_is_shown_where_the_rule_is_about_one(rule: str, value: float | None, shown: str) -> None:
    assert raised(RULE[rule], value)["what"] == RULE[rule].zh + shown


@pytest.mark.parametrize(
    ("moment", "zone", "text"),
    [
        (datetime(2026, 1, 15, 16, 0, tzinfo=UTC), ZONE, "1月16日00:00"),
        (datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC), ZONE, "12月31日23:59"),
        (datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC), "Asia/Urumqi", "12月31日21:59"),
        (datetime(2026, 7, 4, 3, 5, tzinfo=UTC), "UTC", "7月4日03:05"),
    ],
)
def test_times_are_those_of_the_clock_on_the_wall(moment: datetime, zone: str, text: str) -> None:
    assert local_time(moment, zone) == text


def test_an_end_is_told_with_what_is_left_to_do() -> None:
    over = message.cleared(RULE["co_300"], HOME, MEASURED, zone=ZONE)
    assert (over["what"], over["do"]) == ("已恢复正常：一氧化碳超过300ppm", "请回复1确认")
    assert message.cleared(RULE["boiler_flow_95"], HOME, MEASURED, zone=ZONE)["do"] == "无需处理"


def test_a_silent_village_is_one_message_and_so_is_its_return() -> None:
    silent = fit(message.village_silent("向阳嘎查", 37, 40, MEASURED, zone=ZONE))
    assert (silent["home"], silent["what"]) == ("全村", "疑似停电或断网，40户中37户失联")
    back = fit(message.village_back("向阳嘎查", 36, 37, MEASURED, zone=ZONE))
    assert (back["home"], back["what"]) == ("全村", "已恢复，37户中36户重新上线")


def test_a_home_without_an_address_is_named_by_its_device() -> None:
    assert raised(RULE["co_300"], 1, place=Place("", "", "tl-0001-co"))["home"] == "tl-0001-co"


def places_in(template: TemplateName) -> set[str]:
    return set(re.findall(r"\$\{(\w+)\}", TEMPLATES[template]))


@pytest.mark.parametrize("template", ["critical", "routine"])
def test_the_parameters_are_those_of_the_template(template: TemplateName) -> None:
    told = [
        raised(RULE["co_300"], 356),
        message.cleared(RULE["co_300"], HOME, MEASURED, zone=ZONE),
        message.village_silent("向阳嘎查", 37, 40, MEASURED, zone=ZONE),
        message.village_back("向阳嘎查", 37, 40, MEASURED, zone=ZONE),
    ]
    for params in told:
        assert params.keys() == places_in(template) == FALLBACKS.keys()
        assert "$" not in render(template, fit(params))


def values_worth_telling(rule: Rule) -> list[float | None]:
    if not isinstance(rule, ThresholdRule):
        return [None]
    metric = METRIC[rule.metric]
    return [None, rule.raise_at, metric.low, metric.high, -123.456, 9999, 9999.9]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_default_rule_can_be_told_uncut(rule: Rule, *, late: bool) -> None:
    for value in values_worth_telling(rule):
        params = raised(rule, value, late=late)
        fitted = fit(params)
        assert check(fitted) == []
        assert not any(text.endswith("…") for text in fitted.values()), fitted
        assert all(len(text) <= LONGEST_VALUE for text in params.values()), params
    over = fit(message.cleared(rule, HOME, MEASURED, zone=ZONE))
    assert check(over) == []
    assert rule.zh.replace("℃", "度") in over["what"]


@pytest.mark.parametrize("extra", [-1, 0, 1])
@pytest.mark.parametrize("late", [False, True])
def test_what_is_too_long_is_cut_where_it_shows(extra: int, *, late: bool) -> None:
    prefix, shown = ("补报：" if late else ""), "（现356ppm）"
    words = "热" * (LONGEST_VALUE - len(prefix) - len(shown) + extra)
    fitted = fit(raised(RULE["co_300"].model_copy(update={"zh": words}), 356, late=late))
    assert check(fitted) == []
    assert len(fitted["what"]) == min(LONGEST_VALUE, LONGEST_VALUE + extra)
    assert fitted["what"].endswith("…" if extra > 0 else shown)


@pytest.mark.parametrize("letters", [29, 30, 35])
def test_an_end_of_a_long_rule_fits(letters: int) -> None:
    rule = RULE["co_300"].model_copy(update={"zh": "热" * letters})
    over = message.cleared(rule, HOME, MEASURED, zone=ZONE)
    assert len(over["what"]) == min(35, letters + len("已恢复正常："))
    assert check(fit(over)) == []


names = st.text(max_size=50) | st.sampled_from(["张三13812345678", "13800000000", "【村】", "http://x.cn", ""])


@given(village=names, home=names, rule=st.sampled_from(RULES), value=st.floats(), late=st.booleans())
def test_whatever_a_place_is_called_the_carrier_takes_it_and_no_number_is_told(
    village: str, home: str, rule: Rule, value: float, *, late: bool
) -> None:
    fitted = fit(raised(rule, value, place=Place(village, home, "tl-0001-co"), late=late))
    assert check(fitted) == []
    assert not re.search(r"(?<!\d)1[3-9]\d{9}(?!\d)", "".join(f"{text};" for text in fitted.values()))
    assert fitted.keys() == FALLBACKS.keys()
