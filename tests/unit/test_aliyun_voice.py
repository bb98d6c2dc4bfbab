from __future__ import annotations

import re
from typing import Any

import pytest

from alerts.channels.aliyun_call_reports import ANSWERED, REASONS, out_id, parse_call_reports
from alerts.channels.aliyun_outcomes import judge
from alerts.channels.aliyun_voice_outcomes import VOICE_OUTCOMES
from alerts.channels.aliyun_voice_templates import (
    ANSWERS,
    ASKS,
    LONGEST_SPOKEN,
    SAID,
    SPEAKS,
    VERBS,
    call_params,
    spoken,
    verb_of,
)
from alerts.channels.channel import Accepted, Refused

ENDED: dict[str, Any] = {
    "call_id": "1226^1",
    "out_id": "0123456789abcde",
    "callee": "13800000001",
    "status_code": "200000",
    "status_msg": "执行完成",
    "duration": "10",
    "originate_time": "2026-01-08 00:10:00",
    "end_time": "2026-01-08 00:10:20",
    "voice_type": "voice",
}
UNDER_WAY = {"call_id": "1226^1", "status_code": "300000", "dtmf": "1", "status_time": "2026-01-08 00:10:12"}


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("一氧化碳超标（现356ppm）", "一氧化碳超标，现356ppm"),
        ("1月7日23:10", "1月7日23点10分"),
        ("1月7日07:00", "1月7日7点"),
        ("离线（80%时间）", "离线，百分之80时间"),
        ("室温-5.3度", "室温零下5.3度"),
        ("co-000", "co 000"),
        ("演练·向阳村", "演练，向阳村"),
        ("演练：锅炉故障：E1", "演练，锅炉故障，E1"),
        ("请马上开窗，收到请回复1", "请马上开窗"),
        ("演练，无需报警并回复1", "演练，无需报警"),
        ("请回复1确认", ""),
        ("★【】#/:-%¥", ""),
        ("马上开窗 & 离屋+~", "马上开窗 离屋"),
    ],
)
def test_what_is_written_becomes_what_can_be_read_aloud(written: str, heard: str) -> None:
    assert spoken(written) == heard


def test_a_call_has_two_variables_and_never_an_empty_or_endless_one() -> None:
    params = {"place": "向阳村", "home": "王大爷家", "what": "一氧化碳超标", "since": "1月7日23:10", "do": "马上开窗"}
    assert call_params(params) == {"where": "向阳村，王大爷家", "what": "一氧化碳超标，从1月7日23点10分起，马上开窗"}
    for hostile in ({}, dict.fromkeys(params, "★"), dict.fromkeys(params, "长" * 500)):
        for value in call_params(hostile).values():
            assert 0 < len(value) <= LONGEST_SPOKEN
            assert not re.search(r"[#/:\-%¥【】]", value)


def test_the_texts_hold_what_the_carrier_approves() -> None:
    for text in (SPEAKS, ASKS, ANSWERS):
        words = re.sub(r"\$\{\w+\}", "", text)
        assert not re.search(r"[#/:\-%¥【】]", words)
        assert not re.search(r"\}[，。、]*\$\{", text), "variables side by side are not approved"
    assert len(re.findall(r"\$\{", ASKS)) == 2
    assert all(key in ASKS for key in VERBS)
    assert set(SAID) == set(VERBS.values())


@pytest.mark.parametrize(
    ("pressed", "verb"),
    [("1", "have_it"), ("2", "false_alarm"), ("3", "need_help"), ("21", "have_it"), ("1#", "have_it"), ("9", None),
     ("", None)],
)  # fmt: skip
def test_keys(pressed: str, verb: str | None) -> None:
    assert verb_of(pressed) == verb


@pytest.mark.parametrize(
    ("changes", "answered", "reason", "verb"),
    [
        ({}, True, "call_heard", None),
        ({"status_code": "200001"}, True, "call_hung_up_early", None),
        ({"status_code": "200008"}, True, "call_heard_no_key", None),
        ({"status_code": "200002"}, False, "call_busy", None),
        ({"status_code": "200003", "end_time": ""}, False, "call_not_answered", None),
        ({"status_code": "200010"}, False, "phone_off_or_out_of_reach", None),
        ({"status_code": "7"}, False, "call_failed_other", None),
        ({"dtmf": "3"}, True, "call_heard", "need_help"),
        ({"status_code": "200005", "dtmf": "1"}, True, "call_heard", "have_it"),
    ],
)
def test_how_a_call_ended(changes: dict[str, str], answered: bool, reason: str, verb: str | None) -> None:  # noqa: FBT001 - a case
    (report,) = parse_call_reports([ENDED | changes]).reports
    assert (report.answered, report.reason, report.verb) == (answered, reason, verb)


def test_a_key_is_told_while_the_call_is_under_way_and_junk_costs_itself() -> None:
    junk: list[object] = [None, 7, {}, ENDED | {"status_code": ""}, ENDED | {"call_id": "", "out_id": ""},
                          ENDED | {"originate_time": "soon", "end_time": ""}]  # fmt: skip
    found = parse_call_reports([*junk, UNDER_WAY, UNDER_WAY | {"status_code": "200102", "dtmf": ""}])
    assert found.skipped == len(junk)
    assert [(report.answered, report.verb) for report in found.reports] == [(None, "have_it"), (None, None)]


def test_reasons_are_bounded_and_answered_calls_are_not_failures() -> None:
    assert not set(ANSWERED) & set(REASONS)
    for reason in [*ANSWERED.values(), *REASONS.values(), *(outcome.reason for outcome in VOICE_OUTCOMES.values())]:
        assert re.fullmatch(r"[a-z_]+", reason)
    for outcome in VOICE_OUTCOMES.values():
        if isinstance(outcome, Refused):
            assert outcome.retryable == (outcome.after_s > 0)


def test_the_body_of_a_call_names_it_and_its_codes_have_rows() -> None:
    assert judge(200, {"Code": "OK", "CallId": "9^1"}, rows=VOICE_OUTCOMES, named="CallId") == Accepted("9^1")
    refused = judge(200, {"Code": "isv.TTS_TEMPLATE_ILLEGAL"}, rows=VOICE_OUTCOMES, named="CallId")
    assert refused == Refused("template_refused", retryable=True, after_s=600, elsewhere=True)


def test_the_name_of_a_call_fits_into_15_bytes_and_tells_keys_apart() -> None:
    names = {out_id(f"alarm-{number}-raised-1768510000-3-voice") for number in range(1000)}
    assert len(names) == 1000
    assert {len(name.encode()) for name in names} == {15}
