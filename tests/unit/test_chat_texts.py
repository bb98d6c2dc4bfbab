"""Texts, cards and fields for WeCom and WeChat; the pace of a robot; how robots are named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.channels.byte_limit import cut, with_link
from alerts.channels.channel import Message
from alerts.channels.pace import Pace
from alerts.channels.wechat_fields import data, fields_in
from alerts.channels.wecom_card import card, text, wants_answer
from alerts.channels.wecom_robot import payload, robots_in
from foundation.errors import SettingsError
from foundation.settings import WECHAT_FIELDS

LINK = "https://alarm.example/a/x1"
MESSAGE = Message(
    to="wang",
    template="critical",
    params={"place": "向阳村", "home": "3组12号", "what": "一氧化碳超标", "since": "23:10", "do": "开窗离屋"},
    key="alarm-1-raised-2-3-wecom",
    text="取暖警报：向阳村，3组12号，一氧化碳超标。",
    link=LINK,
)


@pytest.mark.parametrize("most", range(3, 40))
def test_a_text_is_cut_between_characters_with_an_ellipsis(most: int) -> None:
    whole = "a一氧化碳超标b 请开窗"
    found = cut(whole, most)
    assert len(found.encode()) <= most
    assert found == whole or (found.endswith("…") and whole.startswith(found[:-1].rstrip()))


def test_the_link_survives_the_cut() -> None:
    found = with_link("长" * 1000, LINK, 2048)
    assert len(found.encode()) <= 2048
    assert found.endswith(f"…\n{LINK}")
    assert with_link(f"短 {LINK}", LINK, 2048) == f"短 {LINK}"
    assert with_link("长" * 1000 + LINK, LINK, 2048).count(LINK) == 1
    assert with_link("短", "", 2048) == "短"


def test_a_robot_calls_everybody_only_for_what_is_critical() -> None:
    assert payload(MESSAGE)["text"] == {"content": f"{MESSAGE.text}\n{LINK}", "mentioned_list": ["@all"]}
    assert payload(replace(MESSAGE, template="routine", link=""))["text"] == {"content": MESSAGE.text}


def test_a_card_has_three_buttons_and_our_key() -> None:
    body = card(MESSAGE)["template_card"]
    assert isinstance(body, dict)
    assert body["task_id"] == MESSAGE.key
    assert body["main_title"] == {"title": "一氧化碳超标", "desc": "向阳村 3组12号"}
    assert [(b["text"], b["key"]) for b in body["button_list"]] == [
        ("收到", "have_it@zh-CN"), ("误报", "false_alarm@zh-CN"), ("求助", "need_help@zh-CN"),
    ]  # fmt: skip
    assert body["card_action"] == {"type": 1, "url": LINK}
    english = card(replace(MESSAGE, language="en", link=""))["template_card"]
    assert isinstance(english, dict)
    assert english["button_list"][0]["text"] == "Got it"
    assert "card_action" not in english


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        (MESSAGE, True),
        (replace(MESSAGE, link=""), True),
        (replace(MESSAGE, template="routine"), True),
        (replace(MESSAGE, template="routine", link=""), False),
        (replace(MESSAGE, key="alarm:1"), False),
        (replace(MESSAGE, key="k" * 129), False),
    ],
)
def test_a_card_goes_out_where_there_is_something_to_answer(changed: Message, wanted: bool) -> None:  # noqa: FBT001 - a table
    assert wants_answer(changed) is wanted
    assert text(changed)["msgtype"] == "text"


def test_robots_are_named() -> None:
    robots = robots_in("# groups\n向阳村 = 0123-4567-89ab\n;desk=abcdefgh_1\n")
    assert {name: key.get_secret_value() for name, key in robots.items()} == {
        "向阳村": "0123-4567-89ab", "desk": "abcdefgh_1",
    }  # fmt: skip
    assert robots_in("") == {}


@pytest.mark.parametrize(
    "wrong", ["a=https://qyapi.weixin.qq.com/x?key=hidden-key", "=hidden-key", "hidden-key", "a=b=hidden-key"]
)
def test_a_wrong_robot_is_refused_without_its_key(wrong: str) -> None:
    with pytest.raises(SettingsError, match="line 2") as refused:
        robots_in(f"good=0123-4567-89ab\n{wrong}")
    assert "hidden" not in str(refused.value)


def test_a_name_stands_once() -> None:
    with pytest.raises(SettingsError, match="twice"):
        robots_in("a=0123-4567\na=0123-4568")


def test_twenty_a_minute_the_last_five_for_what_is_critical() -> None:
    now = datetime(2026, 1, 7, tzinfo=UTC)
    pace = Pace(20, reserve=5, clock=lambda: now)
    assert [pace.wait_s(critical=False) for _ in range(15)] == [0.0] * 15
    now += timedelta(seconds=10)
    assert pace.wait_s(critical=False) == 50.0
    assert [pace.wait_s(critical=True) for _ in range(5)] == [0.0] * 5
    assert pace.wait_s(critical=True) == 50.0
    now += timedelta(seconds=50)
    assert pace.wait_s(critical=False) == 0.0
    now -= timedelta(days=1)  # the clock is set back
    assert pace.wait_s(critical=False) == 0.0


def test_values_go_into_the_fields_of_the_template() -> None:
    fields = fields_in("NUANSHAO_WECHAT_FIELDS_CRITICAL", WECHAT_FIELDS)
    params = MESSAGE.params | {"home": "很长的地址" * 5, "do": " "}
    values = {name: value["value"] for name, value in data(fields, params).items()}
    assert values["thing1"] == ("向阳村 " + "很长的地址" * 5)[:19] + "…"
    assert (values["thing2"], values["thing3"], values["thing4"]) == ("一氧化碳超标", "23:10", "—")


@pytest.mark.parametrize("wrong", ["thing1", "thing1=phone", "thing1=place+", "", "1=place"])
def test_a_wrong_field_is_refused(wrong: str) -> None:
    with pytest.raises(SettingsError, match="NUANSHAO_WECHAT_FIELDS"):
        fields_in("NUANSHAO_WECHAT_FIELDS_CRITICAL", wrong)
