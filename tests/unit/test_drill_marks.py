"""Drills without a database: what people read, what is sent, who may say that a reading is of a drill."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import messages
from alerts.channels.aliyun_templates import TEMPLATES, check, fit, render
from alerts.channels.channel import TemplateName
from alerts.messages import Place
from alerts.policy.cause import Cause
from alerts.policy.stages import MOST_OF_DRILLS, Policy
from alerts.policy.stages import judge as judge_message
from alerts.policy.verdict import End, Go
from broker.delivery import Delivery
from catalogue.device_types import DEVICE_TYPE
from catalogue.flags import Flag
from catalogue.metrics import METRIC
from catalogue.rules import Rule, ThresholdRule, default_pack
from catalogue.wire import is_uid
from demo.drill import as_json, as_line
from ingest.decode import decode_event, decode_readings
from ingest.judge import judge, judge_event
from ingest.reject import Reject
from store.drill import Listed, twin_uid
from store.registry import KnownDevice

RULES = default_pack().rules
RULE = {rule.id: rule for rule in RULES}
ZONE = "Asia/Shanghai"
NOW = datetime(2026, 1, 15, 18, 15, 59, tzinfo=UTC)
TWIN_PLACE = Place("向阳嘎查", "3组12号", "drill-7-1-co-detector", drill=True)
REAL = KnownDevice(1, "tl-0001-co", "co_detector", 300, "in_service", None)
TWIN = KnownDevice(2, "drill-7-1-co-detector", "co_detector", 300, "in_service", "drill-7-gw", int(Flag.DRILL))


def raised(rule: Rule, value: float | None = None, *, place: Place = TWIN_PLACE, late: bool = False) -> dict[str, str]:
    return messages.raised(rule, place, value, NOW, late=late, zone=ZONE, language="zh-CN")


# -- what people read -----------------------------------------------------------------------------------------------


def test_a_message_of_a_drill_as_its_reader_sees_it() -> None:
    assert render("routine", fit(raised(RULE["co_300"], 356))) == (
        "取暖提醒：演练·向阳嘎查，3组12号，演练：一氧化碳超过300ppm（现356ppm），时间1月16日02:15。"
        "处置：演练，无需报警：本条非真实警情，请按预案演练。回复1确认，2误报，3求助。"
    )
    over = messages.cleared(RULE["co_300"], TWIN_PLACE, NOW, zone=ZONE, language="zh-CN")
    assert render("routine", fit(over)) == (
        "取暖提醒：演练·向阳嘎查，3组12号，演练：已恢复正常：一氧化碳超过300ppm，时间1月16日02:15。"
        "处置：演练，本条非真实警情，无需处理。回复1确认。"
    )
    silent = messages.village_silent("向阳嘎查", 37, 40, NOW, zone=ZONE, drill=True)("zh-CN")
    assert render("routine", fit(silent)) == (
        "取暖提醒：演练·向阳嘎查，全村，演练：疑似停电或断网，40户中37户失联，时间1月16日02:15。"
        "处置：演练，无需报警：本条非真实警情，请按预案演练。无需回复。"
    )
    back = messages.village_back("向阳嘎查", 36, 37, NOW, zone=ZONE, drill=True)("zh-CN")
    assert render("routine", fit(back)) == (
        "取暖提醒：演练·向阳嘎查，全村，演练：已恢复，37户中36户重新上线，时间1月16日02:15。"
        "处置：演练，本条非真实警情，无需处理。无需回复。"
    )


def values_worth_telling(rule: Rule) -> list[float | None]:
    if not isinstance(rule, ThresholdRule):
        return [None]
    return [None, rule.raise_at, METRIC[rule.metric].low, METRIC[rule.metric].high, -123.456, 9999]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_default_rule_can_be_drilled_uncut_and_says_so_three_times(rule: Rule, *, late: bool) -> None:
    told = [raised(rule, value, late=late) for value in values_worth_telling(rule)]
    told.append(messages.cleared(rule, TWIN_PLACE, NOW, zone=ZONE, language="zh-CN"))
    for params in told:
        fitted = fit(params)
        assert check(fitted) == []
        assert not any(text.endswith("…") for text in fitted.values()), fitted
        for place in ("place", "what", "do"):
            assert fitted[place].startswith("演练"), fitted
        assert "非真实" in fitted["do"]
        assert rule.do not in fitted["do"], "nobody is told to call an ambulance"


@pytest.mark.parametrize("template", ["critical", "routine"])
def test_the_first_word_of_the_first_variable_is_drill(template: TemplateName) -> None:
    first = re.search(r"\$\{(\w+)\}", TEMPLATES[template])
    assert first is not None
    assert fit(raised(RULE["co_300"], 356))[first[1]].startswith("演练")


@given(village=st.text(max_size=50), home=st.text(max_size=50), rule=st.sampled_from(RULES), value=st.floats())
def test_whatever_a_place_is_called_the_mark_stays(village: str, home: str, rule: Rule, value: float) -> None:
    fitted = fit(raised(rule, value, place=Place(village, home, "drill-7-1-co", drill=True)))
    assert check(fitted) == []
    assert all(fitted[place].startswith("演练") for place in ("place", "what", "do"))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_what_is_real_never_speaks_of_a_drill(rule: Rule) -> None:
    place = Place("向阳嘎查", "3组12号", "tl-0001-co")
    told = [raised(rule, 5, place=place), messages.cleared(rule, place, NOW, zone=ZONE, language="zh-CN")]
    told += [
        messages.village_silent("向阳嘎查", 37, 40, NOW, zone=ZONE)("zh-CN"),
        messages.village_back("向", 1, 2, NOW, zone=ZONE)("zh-CN"),
    ]
    assert "演练" not in str(told)


# -- what is sent ---------------------------------------------------------------------------------------------------


def cause(**more: Any) -> Cause:
    usual: dict[str, Any] = {
        "kind": "raised", "created_at": NOW, "condition": "active", "latching": True, "priority": "critical",
        "acknowledged": False,
        "closed": False, "incident_over": False, "first_told": True, "first_waiting": False,
    }  # fmt: skip
    return Cause(**{**usual, **more})


@pytest.mark.parametrize("kind", ["raised", "cleared", "incident", "recovery"])
def test_a_drill_goes_quiet_when_it_ends_when_it_gets_real_and_when_it_was_enough(kind: str) -> None:
    def drilled(**more: Any) -> object:
        return judge_message(
            cause(kind=kind, condition="normal" if kind == "cleared" else "active", **more), Policy(), NOW
        )

    assert drilled() == drilled(told_of_drills=MOST_OF_DRILLS - 1) == Go()
    assert drilled(drill_over=True) == End("superseded", "drill_ended")
    assert drilled(real_alarm=True) == End("superseded", "real_alarm_in_this_home")
    assert drilled(told_of_drills=MOST_OF_DRILLS) == End("superseded", "enough_of_drills_today")


# -- who says that it is a drill --------------------------------------------------------------------------------------


def judged(device: KnownDevice, payload: bytes) -> Flag:
    delivery = Delivery(1, 1, "heat/v1/x/telemetry", payload, False, int(NOW.timestamp() * 1000))
    (reading,) = decode_readings(payload)
    assert not isinstance(reading, Reject)
    return Flag(judge(reading, device, delivery, backfill=False).flags)


CLAIMS = b'{"ts": 1768500959000, "m": {"co_ppm": 400}, "flags": %s, "drill": %s, "drill_id": 7}'


@pytest.mark.parametrize("claim", [(b"2048", b"true"), (b"0", b"false"), (b'"drill"', b"[1]")])
def test_nothing_in_a_payload_makes_a_drill_or_hides_one(claim: tuple[bytes, bytes]) -> None:
    assert Flag.DRILL not in judged(REAL, CLAIMS % claim)
    assert Flag.DRILL in judged(TWIN, CLAIMS % claim)


def test_an_event_and_a_reading_with_a_dead_clock_carry_the_mark_too() -> None:
    payload = b'{"ts": 0, "type": "co_alarm", "on": true}'
    event = decode_event(payload)
    assert not isinstance(event, Reject)
    delivery = Delivery(1, 1, "heat/v1/x/event", payload, False, int(NOW.timestamp() * 1000))
    assert judge_event(event, TWIN, delivery).flags == Flag.CLOCK_BEHIND | Flag.DRILL
    assert judge_event(event, REAL, delivery).flags == Flag.CLOCK_BEHIND
    assert judged(TWIN, b'{"ts": 0, "m": {"co_ppm": 1}}') == Flag.CLOCK_BEHIND | Flag.DRILL
    assert (TWIN.drill, REAL.drill) == (True, False)


# -- names and lists --------------------------------------------------------------------------------------------------


@given(st.integers(1, 2**31 - 1), st.integers(1, 99_999), st.sampled_from(sorted(DEVICE_TYPE)))
def test_a_twin_has_a_name_of_its_own_that_devices_may_have(drill_id: int, number: int, device_type: str) -> None:
    uid = twin_uid(drill_id, number, device_type)
    assert is_uid(uid)
    assert uid.startswith(f"drill-{drill_id}-{number}")
    assert uid != twin_uid(drill_id, number + 1, device_type) != f"drill-{drill_id}-gw"


def listed(**more: Any) -> Listed:
    usual: dict[str, Any] = {
        "id": 7, "name": "冬季演练", "scenario": "co-night", "homes": 12, "started_by": "王某某", "started_at": NOW,
        "ends_at": NOW + timedelta(hours=1), "ended_at": None, "alarms": 3, "told": 2,
    }  # fmt: skip
    return Listed(**{**usual, **more})


def test_the_list_says_what_runs_what_should_have_ended_and_what_has() -> None:
    later = NOW + timedelta(minutes=30)
    assert as_line(listed(), later) == (
        "   7  RUNNING until 2026-01-16 03:15  冬季演练  (co-night, 12 homes, by 王某某 at 2026-01-16 02:15;"
        " 3 alarms, 2 messages)"
    )
    assert "(overdue)" in as_line(listed(), NOW + timedelta(hours=2))
    assert "ended 2026-01-16 02:45" in as_line(listed(ended_at=later), NOW + timedelta(hours=2))
    assert (as_json(listed())["running"], as_json(listed(ended_at=later))["running"]) == (True, False)
    assert as_json(listed())["ends_at"] == "2026-01-15T19:15:59+00:00"
