from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.aliyun_templates import FALLBACKS, LONGEST_VALUE, TEMPLATES, check, fit, render, segments
from alerts.channels.channel import TemplateName

CO = {
    "place": "奈曼旗向阳村",
    "home": "王大爷家",
    "what": "一氧化碳超标（现356ppm）",
    "since": "1月7日23:10",
    "do": "马上开窗、叫人离屋、不要用火",
}


def test_a_critical_message_reads_well() -> None:
    assert render("critical", CO) == (
        "取暖警报：奈曼旗向阳村，王大爷家，一氧化碳超标（现356ppm），1月7日23:10起。"
        "处置：马上开窗、叫人离屋、不要用火。回复1确认，2误报，3求助。"
    )
    assert check(fit(CO)) == []
    assert segments("暖哨", render("critical", CO)) == 2


@pytest.mark.parametrize("name", ["critical", "routine"])
def test_the_texts_would_be_approved(name: TemplateName) -> None:
    text = TEMPLATES[name]
    assert not set(text) & set("【】[]★")
    assert "}${" not in text
    codes = {"ack": "1234", "wrong": "2234", "help": "3234"}
    full = render(name, dict.fromkeys(FALLBACKS, "好" * LONGEST_VALUE) | codes)
    assert "$" not in full
    assert segments("暖哨", full) <= 4


def test_problems_are_named_without_telling_a_number() -> None:
    problems = check({**fit(CO), "home": "李四【13812345678】", "what": "热" * 36, "do": " "})
    assert problems == [
        "do: missing",
        "home: 【】 belong to the signature",
        "home: holds the mobile number 138****5678",
        "what: 36 characters, at most 35",
    ]


def test_a_long_name_is_cut_where_it_shows() -> None:
    fitted = fit({**CO, "home": "很长的住户名" * 10})
    assert len(fitted["home"]) == LONGEST_VALUE
    assert fitted["home"].endswith("…")
    assert fitted["place"] == CO["place"]


def test_names_become_acceptable() -> None:
    fitted = fit({"place": "【三】组\n二队", "home": "张三 13812345678", "what": "供水85℃→过热。", "do": ""})
    assert fitted == {
        "place": "（三）组 二队",
        "home": "张三 138****5678",
        "what": "供水85度至过热",
        "since": "刚刚",
        "do": "请马上查看",
        "answer": "无需回复",
    }


@given(st.dictionaries(st.sampled_from([*FALLBACKS, "extra"]), st.text(max_size=80)))
def test_whatever_comes_fits_and_stays(params: dict[str, str]) -> None:
    fitted = fit(params)
    assert not [problem for problem in check(fitted) if not problem.startswith("extra")]
    assert fit(fitted) == fitted
