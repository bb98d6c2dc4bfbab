"""Every message × language × way: what its carrier takes, what its reader sees, and that no name breaks it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from alerts import messages
from alerts.channels import aliyun_voice_templates as calls
from alerts.channels.aliyun_templates import LONGEST_VALUE, TEMPLATES, approved_codes, check, fit, frame_of, render
from alerts.channels.channel import WAYS, TemplateName, Way
from alerts.channels.plain import BRACKETS, MOBILE, URL, length, plain, shortened
from alerts.channels.sms_templates import ORDER, named, numbered
from alerts.message_commands import messages_app
from alerts.messages import Person, Place
from alerts.messages.preview import MOST_BYTES, preview, show
from alerts.messages.samples import HOME, LINK, SINCE, ZONE, Sample, of_incidents, of_rule
from catalogue.language import LANGUAGE, language_of
from catalogue.rules import Rule, default_pack, shipped_pack, shipped_packs
from foundation.settings import Settings

RULE = default_pack().by_id
ALL_RULES = list({rule.id: rule for name in shipped_packs() for rule in shipped_pack(name).rules}.values())
MARKS = {"zh-CN": ("演练", "自检"), "mn": ("演练", "自检"), "en": ("DRILL", "SELF-TEST")}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("language", LANGUAGE)
def test_every_message_is_taken_by_its_carrier(language: str, way: Way) -> None:
    for shown in preview(ALL_RULES, [way], language, codes=None, sign="暖哨", incidents=True):
        assert shown.refused == (), shown
        assert shown.text.count("$") + shown.text.count("{") == 0, shown
        if language != "en":
            assert shown.cut == (), shown
            assert shown.segments <= 2, shown
        elif shown.kind in {"raised", "late", "cleared"} or way not in {"sms", "voice"}:
            assert shown.cut == (), shown
        assert shown.segments <= 3, shown


@pytest.mark.parametrize("language", LANGUAGE)
def test_every_way_says_what_where_since_when_and_what_to_do(language: str) -> None:
    for sample in (*of_rule(RULE["surface_hot"], language), *of_incidents(language)):
        for way in WAYS:
            if way == "voice" and language != "zh-CN":
                continue  # calls are in Chinese
            text = messages.compose(way, sample.template, language, sample.params)
            carried = messages.values(way, language, sample.params)
            for name in ("place", "home", "what", "since", "do"):
                value = calls.spoken(carried[name]) if way == "voice" else carried[name]
                assert value in text, (way, sample)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("language", LANGUAGE)
def test_a_drill_and_the_canary_say_so_in_every_language_and_way(language: str, way: Way) -> None:
    if way == "voice":
        language = "zh-CN"  # calls are in Chinese
    drill, canary = MARKS[language]
    for rule in ALL_RULES:
        for mark, place in (
            (drill, Place("村", "3组", "drill-1", drill=True)),
            (canary, Place("", "", "drill-c", drill=True, canary=True)),
        ):
            told = [
                messages.raised(rule, place, 5, SINCE, late=True, zone=ZONE, language=language),
                messages.cleared(rule, place, SINCE, zone=ZONE, language=language),
                messages.escalated(rule, place, 5, SINCE, minutes=15, level="county", zone=ZONE, language=language),
                messages.help_asked(rule, place, 5, SINCE, level="county", zone=ZONE, language=language),
                messages.reopened(rule, place, 5, SINCE, minutes=30, zone=ZONE, language=language),
                messages.flapping(rule, place, SINCE, zone=ZONE, language=language),
            ]
            for params in told:
                carried = messages.values(way, language, params)
                assert all(carried[name].startswith(mark) for name in ("place", "what", "do")), carried
                text = messages.compose(way, "routine", language, params)
                assert text.count(mark) >= 3
                assert not re.search("拨打|call 1|幺二零|one two zero", text)
                assert not (place.canary and "ack" in params), "nobody is there to answer"


@pytest.mark.parametrize("language", LANGUAGE)
def test_what_is_real_never_speaks_of_a_drill(language: str) -> None:
    for sample in (one for rule in ALL_RULES for one in of_rule(rule, language) if one.kind != "drill"):
        for way in WAYS:
            assert MARKS[language][0] not in messages.compose(way, sample.template, language, sample.params)


def test_a_co_alarm_as_it_is_read_and_heard() -> None:
    called = replace(HOME, village="向阳嘎查", call=Person(7, "包图雅", "村主任"))
    told = messages.raised(RULE["co_300"], called, 356, SINCE, late=False, zone=ZONE, language="zh-CN")
    assert messages.compose("wecom", "critical", "zh-CN", told, link="https://x.example/a") == (
        "取暖警报：一氧化碳超过300ppm（现356ppm）\n"
        "地点：向阳嘎查，3组12号\n"
        "时间：1月16日02:15\n"
        "处置：立即开窗、全员撤到室外并拨打120\n"
        "联系人：村主任包图雅\n"
        "收到请点下方：确认、误报或求助\n"
        "https://x.example/a"
    )
    first, empty, *rest = messages.compose("email", "critical", "zh-CN", told).splitlines()
    assert first == "取暖警报：向阳嘎查，3组12号，一氧化碳超过300ppm（现356ppm）"
    assert first == messages.subject("zh-CN", "critical", told)
    assert (empty, rest[0]) == ("", "情况：一氧化碳超过300ppm（现356ppm）")
    assert messages.compose("voice", "critical", "zh-CN", told) == (
        "您好，这里是暖哨取暖安全值守。向阳嘎查，联系村主任包图雅，3组12号现在的情况是，一氧化碳超过300P P M，"
        "现356P P M，从1月16日2点15分起，立即开窗，全员撤到室外并拨打幺二零。"
        "详情见短信。收到请按1，误报请按2，需要帮助请按3。"
    )
    assert messages.fields("zh-CN", told) == [
        ("情况", "一氧化碳超过300ppm（现356ppm）"), ("地点", "向阳嘎查，3组12号"), ("时间", "1月16日02:15"),
        ("处置", "立即开窗、全员撤到室外并拨打120"), ("联系人", "村主任包图雅"),
    ]  # fmt: skip
    english = messages.raised(RULE["co_300"], HOME, 356, SINCE, late=False, zone=ZONE, language="en")
    assert messages.compose("sms", "critical", "en", english) == (
        "Heating ALARM: 巴彦塔拉嘎查村, 3组12号, CO 300 ppm or more (now 356 ppm), since 16 Jan 02:15."
        " Do: Open windows, all out, call 120. Reply 1 OK, 2 false, 3 help."
    )


@pytest.mark.parametrize(
    ("language", "value", "heard"),
    [
        ("zh-CN", "燃气浓度超过10%LEL（现12.3%LEL）", "燃气浓度超过爆炸下限的百分之10，现爆炸下限的百分之12.3"),
        ("zh-CN", "室温低于5℃达1小时（现-3.2℃）", "室温低于5度达1小时，现零下3.2度"),
        ("zh-CN", "室温长时间不达标（75%时间）", "室温长时间不达标，百分之75时间"),
        ("zh-CN", "1月16日00:00", "1月16日0点整"),
        ("zh-CN", "1月16日12:05", "1月16日12点5分"),
        ("zh-CN", "立即撤到室外并拨打119", "立即撤到室外并拨打幺幺九"),
        ("zh-CN", "3组120号", "3组120号"),
        ("en", "CO 5 ppm (now 120 ppm)", "carbon monoxide 5 parts per million, now 120 parts per million"),
        ("en", "15m no reply: for 10 min", "15 minutes no reply: for 10 minutes"),
        ("en", "room below 5 °C, 1 h (now -3.2 °C)", "room below 5 degrees, 1 hours, now minus 3.2 degrees"),
        ("en", "power cut? 37/40 silent", "power cut? 37 of 40 silent"),
        ("en", "Open windows, all out, call 120", "Open windows, all out, call one two zero"),
    ],
)  # fmt: skip
def test_numbers_and_signs_can_be_read_aloud(language: str, value: str, heard: str) -> None:
    reader = language_of(language)
    for pattern, replacement in reader.spoken:
        value = pattern.sub(replacement, value)
    assert value == heard


# -- what carriers approve --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", ["critical", "routine"])
@pytest.mark.parametrize("language", LANGUAGE)
def test_texts_for_carriers_have_the_same_variables_in_every_language(language: str, template: TemplateName) -> None:
    text = named(template, language)
    assert sorted(re.findall(r"\$\{(\w+)\}", text)) == sorted(ORDER[template])
    assert not set(text) & set("【】★")
    assert "}${" not in text
    values = [f"<{name}>" for name in ORDER[template]]
    filled = re.sub(r"\{(\d+)\}", lambda place: values[int(place[1]) - 1], numbered(template, language))
    assert filled == re.sub(r"\$\{(\w+)\}", r"<\1>", text), "Tencent's numbers say the same"


def test_the_first_variable_of_a_routine_message_is_the_place_that_carries_the_mark() -> None:
    assert ORDER["critical"] == ("place", "home", "what", "since", "do", "ack", "wrong", "help")
    assert ORDER["routine"] == ("place", "home", "what", "since", "do", "answer")


def test_without_an_approved_text_english_values_stand_in_the_chinese_one() -> None:
    chosen = Settings(aliyun_sms_template_critical="SMS_1", aliyun_sms_template_routine="SMS_2")
    assert approved_codes(chosen)["en"] == {}
    half = Settings(aliyun_sms_template_critical="SMS_1", aliyun_sms_template_critical_en="SMS_3")
    codes = approved_codes(half)
    assert frame_of(codes, "en-GB", "critical") == "en"
    assert frame_of(codes, "en", "routine") == frame_of(codes, "mn", "critical") == "zh-CN"
    told = messages.raised(
        RULE["co_300"], Place("Xiangyang", "3-12", "co"), 356, SINCE, late=False, zone=ZONE, language="en"
    )
    assert messages.compose("sms", "critical", "en", told, frame="zh-CN") == (
        "取暖警报：Xiangyang，3-12，CO 300 ppm or more (now 356 ppm)，16 Jan 02:15起。"
        "处置：Open windows, all out, call 120。回复1确认，2误报，3求助。"
    )


# -- names ------------------------------------------------------------------------------------------------------------

HOSTILE = [
    "", " ", "。", "张三13812345678", "138 1234 5678", "１３８１２３４５６７８", "【暖哨】已恢复",
    "http://x.cn/a www.x.cn", "hthttps://tps://x.cn", "\x00\x1b[31m\r\nBcc: a@b.cn", "\u202e号21组3",
    "村\u2028村", "👩\u200d👩\u200d👧🔥村", "\ud800", "𠮷田村" * 30,
    "很长的村名" * 100, "${do}{do}%s{0}",
    "<b>&amp;</b>", "ᠮᠣᠩᠭᠣᠯ\u202f᠎ᠤᠨ ᠲᠣᠭ᠎ᠠ", "\ufeff\u200b\u2066x\u2069",
    "(((（（（", "（）", "）…", "）" * 50,
]  # fmt: skip
names = st.sampled_from(HOSTILE) | st.text(max_size=60)


def everything(rule: Rule, place: Place, language: str, who: str) -> Iterator[Sample]:
    yield from of_rule(rule, language, place)
    asked = messages.help_asked(rule, place, 5, SINCE, who=who, level="village", zone=ZONE, language=language)
    yield Sample(rule.id, "help", "critical", asked)
    say = messages.gateway_silent(place.village, place.home, 1, 2, SINCE, hint=who, zone=ZONE)
    yield Sample("incident", "gateway_silent", "routine", say(language))
    say = messages.model_fault(place.village, place.home, who, 5, 3, SINCE, zone=ZONE)
    yield Sample("incident", "model_fault", "routine", say(language))


@settings(max_examples=200, deadline=None)
@given(
    village=names, home=names, who=names, role=names, rule=st.sampled_from(ALL_RULES),
    language=st.sampled_from([*LANGUAGE, "fr"]), way=st.sampled_from(WAYS), which=st.integers(0, 10),
)  # fmt: skip
def test_whatever_anything_is_called_no_message_breaks(
    village: str, home: str, who: str, role: str, rule: Rule, language: str, way: Way, which: int
) -> None:
    place = Place(village, home, "tl-0001-co", call=Person(7, who, role))
    for sample in [*everything(rule, place, language, who)][which : which + 1]:
        shown = show(sample, way, language, frame=None, sign="暖哨")
        assert shown.refused == (), shown
        inner = shown.text.removeprefix("【暖哨】").removesuffix(LINK)
        assert not MOBILE.search(inner)
        assert not URL.search(inner)
        assert not BRACKETS.search(inner)
        assert "\x00" not in inner
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x09\x0b-\x1f\ud800-\udfff]", inner)
        lines = 1 if way in {"sms", "voice"} else 9
        assert inner.count("\n") <= lines - 1
        carried = messages.values(way, language, sample.params)
        json.dumps(carried).encode()
        assert all(carried[name] for name in ("place", "home", "what", "since", "do"))
        if way in MOST_BYTES:
            assert len(shown.text.encode()) <= MOST_BYTES[way]


@settings(deadline=None)
@given(st.sampled_from(HOSTILE) | st.text(), st.integers(5, 80))
def test_plain_is_plain_and_short_is_short(value: str, most: int) -> None:
    assert plain(plain(value)) == plain(value)
    assert length(shortened(value, most)) <= most
    fitted = fit({"place": value, "ack": value, "call": value, "answer": value})
    assert fit(fitted) == fitted
    assert check(fitted) == []
    assert "$" not in render("critical", fit({"what": value.replace("$", "")}))


def test_mongolian_keeps_its_own_signs() -> None:
    word = "ᠲᠣᠭ\u180eᠠ\u202fᠤᠨ"
    assert plain(word) == word
    assert length("𠮷") == 2, "as the carrier counts it"
    assert length(fit({"place": "𠮷" * 30})["place"]) <= LONGEST_VALUE


# -- the command ------------------------------------------------------------------------------------------------------


def test_preview_shows_a_rule_in_full_and_says_what_a_language_lacks() -> None:
    found = CliRunner().invoke(messages_app, ["preview", "--rule", "co_300", "--way", "sms", "--sign", "暖哨"])
    assert found.exit_code == 0
    assert "-- raised, sms, critical: 2 SMS, 92 characters" in found.output
    assert "【暖哨】取暖警报：巴彦塔拉嘎查村，3组12号，一氧化碳超过300ppm（现356ppm）" in found.output
    lacking = CliRunner().invoke(
        messages_app, ["preview", "--language", "mn", "--way", "sms", "--template", "critical"]
    )
    assert lacking.exit_code == 0
    assert "mn lacks " in lacking.output
    assert "village_silent" not in lacking.output.split("lacks")[0], "routine"
    as_json = json.loads(CliRunner().invoke(messages_app, ["preview", "--rule", "co_300", "--json"]).output)
    assert {one["way"] for one in as_json["messages"]} == set(WAYS)
    assert as_json["missing"] == []


def test_preview_fails_where_a_carrier_would_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MOST_BYTES, "wecom", 300)
    found = CliRunner().invoke(messages_app, ["preview", "--rule", "co_300", "--way", "wecom"])
    assert found.exit_code == 1
    assert re.search(r"refused: co_300 \w+ wecom: \d+ bytes, at most 300", found.output)


@pytest.mark.parametrize("wrong", [["--language", "fr"], ["--way", "pigeon"], ["--template", "x"], ["--rule", "x"]])
def test_preview_names_what_there_is(wrong: list[str]) -> None:
    found = CliRunner().invoke(messages_app, ["preview", *wrong])
    assert "there is no" in str(found.exception) or "has no rule" in str(found.exception)


def test_templates_are_printed_as_each_carrier_writes_them() -> None:
    aliyun = CliRunner().invoke(messages_app, ["templates", "--language", "zh-CN"])
    assert TEMPLATES["critical"] in aliyun.output
    assert calls.ASKS in aliyun.output
    tencent = CliRunner().invoke(messages_app, ["templates", "--carrier", "tencent"])
    assert "取暖警报：{1}，{2}，{3}，{4}起。处置：{5}。回复{6}确认，{7}误报，{8}求助。" in tencent.output
    assert "mn sms" not in tencent.output, "nobody has written it yet"
