"""What people read: short, in local time, acceptable to the carrier, without anybody's number."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import messages
from alerts.channels.aliyun_templates import LONGEST_VALUE, TEMPLATES, check, fit, render
from alerts.channels.channel import TemplateName
from alerts.messages import Person, Place, local_time
from catalogue.language import LANGUAGE
from catalogue.metrics import METRIC
from catalogue.rules import Rule, ThresholdRule, default_pack

RULES = default_pack().rules
RULE = {rule.id: rule for rule in RULES}
ZONE = "Asia/Shanghai"
HOME = Place("向阳嘎查", "3组12号", "tl-0001-co")
MEASURED = datetime(2026, 1, 15, 18, 15, 59, tzinfo=UTC)


def raised(rule: Rule, value: float | None, *, place: Place = HOME, late: bool = False) -> dict[str, str]:
    return messages.raised(rule, place, value, MEASURED, late=late, zone=ZONE, language="zh-CN")


def cleared(rule: Rule) -> dict[str, str]:
    return messages.cleared(rule, HOME, MEASURED, zone=ZONE, language="zh-CN")


def test_a_raised_alarm_says_what_where_since_when_and_what_to_do() -> None:
    params = raised(RULE["co_300"], 356)
    assert params == {
        "place": "向阳嘎查",
        "home": "3组12号",
        "what": "一氧化碳超过300ppm（现356ppm）",
        "since": "1月16日02:15",
        "do": "立即开窗、全员撤到室外并拨打120",
        "ack": "1",
        "wrong": "2",
        "help": "3",
    }
    assert render("critical", fit(params)) == (
        "取暖警报：向阳嘎查，3组12号，一氧化碳超过300ppm（现356ppm），1月16日02:15起。"
        "处置：立即开窗、全员撤到室外并拨打120。回复1确认，2误报，3求助。"
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
    assert local_time(moment, zone, LANGUAGE["zh-CN"]) == text


def test_an_end_is_told_with_what_is_left_to_do() -> None:
    over = cleared(RULE["co_300"])
    assert (over["what"], over["do"]) == ("已恢复正常：一氧化碳超过300ppm", "请核实现场已安全")
    assert fit(over)["answer"] == "回复1确认", "a latching alarm is closed by a person"
    over = cleared(RULE["boiler_flow_95"])
    assert (over["do"], fit(over)["answer"]) == ("无需处理", "无需回复")


def test_a_silent_village_is_one_message_and_so_is_its_return() -> None:
    silent = fit(messages.village_silent("向阳嘎查", 37, 40, MEASURED, zone=ZONE)("zh-CN"))
    assert (silent["home"], silent["what"]) == ("全村", "疑似停电或断网，40户中37户失联")
    back = fit(messages.village_back("向阳嘎查", 36, 37, MEASURED, zone=ZONE)("zh-CN"))
    assert (back["home"], back["what"]) == ("全村", "已恢复，37户中36户重新上线")


def test_whom_to_call_stands_with_the_village_where_there_is_room() -> None:
    def place(village: str) -> str:
        told = raised(RULE["co_300"], 356, place=Place(village, "3组12号", "co", call=Person(7, "包图雅", "村主任")))
        assert told["call"] == "村主任包图雅"
        assert "call" not in fit(told), "no template has it"
        assert fit(fit(told)) == fit(told)
        return fit(told)["place"]

    assert place("向阳嘎查") == "向阳嘎查（联系村主任包图雅）"
    assert place("") == "未登记村（联系村主任包图雅）"
    assert place("很长的村名" * 6) == "很长的村名" * 6
    told = messages.raised(
        RULE["co_300"], Place("Xiangyang", "3-12", "co", call=Person(7, "Tuya", "")), 356, MEASURED,
        late=False, zone=ZONE, language="en",
    )  # fmt: skip
    assert fit(told, "en")["place"] == "Xiangyang (call Tuya)"


def test_nobody_answered_help_was_asked_and_it_is_still_dangerous() -> None:
    rule, called = RULE["co_300"], Place("向阳嘎查", "3组12号", "co", call=Person(7, "包图雅", "村主任"))
    told = messages.escalated(rule, called, 356, MEASURED, minutes=15, level="township", zone=ZONE, language="zh-CN")
    assert render("critical", fit(told)) == (
        "取暖警报：向阳嘎查（联系村主任包图雅），3组12号，15分钟无人应答：一氧化碳超过300ppm（现356ppm），1月16日02:15起。"
        "处置：速派人上门；立即开窗、全员撤到室外并拨打120。回复1确认，2误报，3求助。"
    )
    again = messages.escalated(rule, HOME, 356, MEASURED, minutes=5, level="village", zone=ZONE, language="zh-CN")
    assert (again["what"], again["do"]) == ("5分钟无人应答：一氧化碳超过300ppm（现356ppm）", rule.do)
    asked = messages.help_asked(rule, called, 356, MEASURED, who="包图雅", level="county", zone=ZONE, language="zh-CN")
    assert asked["what"] == "包图雅求助：一氧化碳超过300ppm（现356ppm）"
    nobody = messages.help_asked(rule, called, 356, MEASURED, level="county", zone=ZONE, language="zh-CN")
    assert nobody["what"] == "现场求助：一氧化碳超过300ppm（现356ppm）"
    back = messages.reopened(rule, HOME, 356, MEASURED, minutes=30, who="包图雅", zone=ZONE, language="zh-CN")
    assert (back["what"], back["do"]) == ("包图雅确认30分钟后仍危险：一氧化碳超过300ppm（现356ppm）", rule.do)
    for params in (told, again, asked, back):
        assert (params["ack"], params["wrong"], params["help"]) == ("1", "2", "3")


def test_short_codes_take_the_place_of_the_usual_answers() -> None:
    told = raised(RULE["co_50"], 60) | {"ack": "117", "wrong": "217", "help": "317"}
    assert fit(told)["answer"] == "回复117确认，217误报，317求助"
    assert render("critical", fit(told)).endswith("回复117确认，217误报，317求助。")
    assert fit(fit(told) | {"ack": "118"})["answer"].startswith("回复118确认"), "also when they come later"


def test_a_digest_counts_the_most_frequent_first_and_says_that_there_is_more() -> None:
    counts = {"offline": 300, "室温低于5℃达1小时": 17, "overheat_reported": 3, "lockout_reported": 2}
    told = messages.digest(counts, 12, MEASURED, "zh-CN", rules=RULE)
    assert told == {
        "place": "12个村", "home": "合并通知共322条", "what": "设备离线300条、室温低于5℃达1小时17条、设备自报过热3条等",
        "since": "1月16日02:15", "do": "请查看值班台逐户处理",
    }  # fmt: skip
    assert len(told["what"]) <= LONGEST_VALUE
    assert messages.digest(counts, 12, MEASURED, "en", rules=RULE)["what"] == "300 device offline and more"
    assert messages.digest({}, 0, MEASURED, "zh-CN", place="科左中旗")["home"] == "0个村 合并通知共0条"


def test_a_home_without_an_address_is_named_by_its_device() -> None:
    assert raised(RULE["co_300"], 1, place=Place("", "", "tl-0001-co"))["home"] == "tl-0001-co"


def places_in(template: TemplateName) -> set[str]:
    return set(re.findall(r"\$\{(\w+)\}", TEMPLATES[template]))


@pytest.mark.parametrize("template", ["critical", "routine"])
def test_the_parameters_are_those_of_the_template(template: TemplateName) -> None:
    told = [
        raised(RULE["co_300"], 356),
        cleared(RULE["co_300"]),
        messages.village_silent("向阳嘎查", 37, 40, MEASURED, zone=ZONE)("zh-CN"),
        messages.village_back("向阳嘎查", 37, 40, MEASURED, zone=ZONE)("zh-CN"),
    ]
    for params in told:
        assert places_in(template) <= fit(params).keys() | {"ack", "wrong", "help"}
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
    over = fit(cleared(rule))
    assert check(over) == []
    assert rule.zh.replace("℃", "度") in over["what"]


@pytest.mark.parametrize("extra", [-1, 0, 1])
@pytest.mark.parametrize("late", [False, True])
def test_what_is_too_long_is_cut_where_it_shows(extra: int, *, late: bool) -> None:
    prefix = "补报：" if late else ""
    words = "热" * (LONGEST_VALUE - len(prefix) + extra)
    fitted = fit(raised(RULE["co_300"].model_copy(update={"zh": words}), None, late=late))
    assert check(fitted) == []
    assert len(fitted["what"]) == min(LONGEST_VALUE, LONGEST_VALUE + extra)
    assert fitted["what"].endswith("…" if extra > 0 else "热")


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_the_measured_value_goes_before_a_word_is_cut(extra: int) -> None:
    shown = "（现356ppm）"
    words = "热" * (LONGEST_VALUE - len(shown) + extra)
    what = fit(raised(RULE["co_300"].model_copy(update={"zh": words}), 356))["what"]
    assert what == (words if extra > 0 else f"{words}{shown}")


@pytest.mark.parametrize("letters", [29, 30, 35])
def test_an_end_of_a_long_rule_fits(letters: int) -> None:
    rule = RULE["co_300"].model_copy(update={"zh": "热" * letters})
    over = cleared(rule)
    assert len(fit(over)["what"]) == min(35, letters + len("已恢复正常："))
    assert check(fit(over)) == []


names = st.text(max_size=50) | st.sampled_from(["张三13812345678", "13800000000", "【村】", "http://x.cn", ""])


@given(village=names, home=names, rule=st.sampled_from(RULES), value=st.floats(), late=st.booleans())
def test_whatever_a_place_is_called_the_carrier_takes_it_and_no_number_is_told(
    village: str, home: str, rule: Rule, value: float, *, late: bool
) -> None:
    fitted = fit(raised(rule, value, place=Place(village, home, "tl-0001-co"), late=late))
    assert check(fitted) == []
    assert not re.search(r"(?<!\d)1[3-9]\d{9}(?!\d)", "".join(f"{text};" for text in fitted.values()))
    assert fitted.keys() == {"place", "home", "what", "since", "do", "ack", "wrong", "help", "answer"}
