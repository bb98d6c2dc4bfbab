"""Languages: files of words. What one lacks is told in Chinese; what stands there by mistake is named."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alerts import messages
from alerts.channels.aliyun_templates import LONGEST_VALUE
from alerts.channels.plain import length
from alerts.messages import Place
from alerts.messages.preview import missing
from catalogue.faults import FAULTS
from catalogue.language import LANGUAGE, SOURCE, is_known, language_of, parse_language
from catalogue.rules import Rule, default_pack, shipped_pack, shipped_packs
from foundation.errors import CatalogueError

NOW = datetime(2026, 1, 15, 18, 15, tzinfo=UTC)
RULE = default_pack().by_id
ALL_RULES = [rule for name in shipped_packs() for rule in shipped_pack(name).rules]
CHINESE = LANGUAGE[SOURCE]


def raised(rule: Rule, language: str, *, value: float | None = 356, detail: str = "") -> dict[str, str]:
    place = Place("Xiangyang", "3-12", "co-1")
    return messages.raised(rule, place, value, NOW, late=False, zone="Asia/Shanghai", language=language, detail=detail)


def test_english_is_complete_for_every_rule_of_every_pack_and_every_fault() -> None:
    assert missing(LANGUAGE["en"], ALL_RULES) == []
    words = {word for rule in ALL_RULES for word in (rule.zh, rule.do)}
    words |= {word for fault in FAULTS for word in (fault.zh, fault.do)}
    spare = set(LANGUAGE["en"].said) - words
    assert {word for word in spare if "失联" not in word and "疑似" not in word} == set(), "nobody says that any more"
    assert all(length(words) <= LONGEST_VALUE for words in LANGUAGE["en"].said.values())


def test_chinese_lacks_nothing_and_mongolian_may_lack_everything() -> None:
    assert missing(CHINESE, ALL_RULES) == []
    lacking = missing(LANGUAGE["mn"], ALL_RULES)
    assert {"sms_critical", "一氧化碳超过300ppm", "立即开窗、全员撤到室外并拨打120", "疑似停电"} <= set(lacking)
    assert raised(RULE["co_300"], "mn") == raised(RULE["co_300"], SOURCE)


def test_a_half_filled_language_is_told_phrase_by_phrase() -> None:
    half = parse_language(
        "language: xx\nname: Half\nphrases: {late: 'LATE {what}'}\nsaid: {一氧化碳探测器报警: CO!}", "xx.yaml", CHINESE
    )
    assert half.phrase("late", what="CO!") == "LATE CO!"
    assert half.phrase("with_fault", what="a", fault="b") == "a：b"
    assert "late" not in half.missing
    assert "with_fault" in half.missing
    assert half.untranslated(["一氧化碳探测器报警", "设备离线", "设备离线"]) == ("设备离线",)
    assert half.months == ()


@pytest.mark.parametrize(
    ("asked", "told", "known"),
    [("zh-CN", "zh-CN", True), ("zh", "zh-CN", True), ("zh-TW", "zh-CN", True), ("en-GB", "en", True),
     ("EN", "en", True), ("mn", "mn", True), ("mn-Mong-CN", "mn", True), ("fr", "zh-CN", False), ("", "zh-CN", False)],
)  # fmt: skip
def test_a_reader_is_told_in_the_nearest_language(asked: str, told: str, *, known: bool) -> None:
    assert language_of(asked).code == told
    assert is_known(asked) is known


def test_a_rule_of_an_operators_own_is_told_in_its_own_english_with_general_advice() -> None:
    own = RULE["co_300"].model_copy(update={"zh": "一氧化碳超过250ppm", "en": "CO at 250 ppm", "do": "请找老王"})
    told = raised(own, "en")
    assert (told["what"], told["do"]) == ("CO at 250 ppm (now 356 ppm)", "Visit the home and look at once")
    assert raised(own, SOURCE)["do"] == raised(own, "mn")["do"] == "请找老王"
    changed = RULE["co_300"].model_copy(update={"do": "请找老王"})
    assert raised(changed, "en")["what"] == "CO 300 ppm or more (now 356 ppm)", "what is as it was keeps its words"


def test_english_as_it_is_read() -> None:
    assert raised(RULE["co_300"], "en") == {
        "place": "Xiangyang", "home": "3-12", "what": "CO 300 ppm or more (now 356 ppm)", "since": "16 Jan 02:15",
        "do": "Open windows, all out, call 120", "ack": "1", "wrong": "2", "help": "3",
    }  # fmt: skip
    told = raised(RULE["fault_life"], "en", detail="flue_blocked")
    assert told["what"] == "device danger: flue blocked"
    assert told["do"] == "Off, air, clear flue end, repair"
    silent = messages.village_silent("Xiangyang", 37, 40, NOW, zone="Asia/Shanghai", hint="疑似停电")("en")
    assert silent["what"] == "power cut? 37/40 silent"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("language: xx\nname: X\nphrases: {lat: a}", "there is no phrase 'lat'"),
        ("language: xx\nname: X\nphrases: {late: '{waht}'}", "late: {waht} is not filled in there"),
        ("language: xx\nname: X\nphrases: {sms_critical: '{place}'}", "sms_critical: {ack}, {do}, "),
        ("language: xx\nname: X\nphrases: {late: '{what'}", "phrases: "),
        ("language: xx\nname: X\nphrases: {time: '{day} {month_name}'}", "time needs months"),
        ("language: xx\nname: X\nmonths: [Jan]", "months are twelve"),
        ("language: xx\nname: X\nspoken: [['(', '']]", "spoken '('"),
        ("language: Chinese\nname: X", "language: "),
        ("language: xx\nname: X\nwords: {}", "words: "),
        ("language: [", "xx.yaml: "),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_is_named(text: str, says: str) -> None:
    with pytest.raises(CatalogueError, match=r"xx\.yaml") as raised_error:
        parse_language(text, "xx.yaml", CHINESE)
    assert says in str(raised_error.value)
