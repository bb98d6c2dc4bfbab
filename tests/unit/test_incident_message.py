"""What people read of gateways, areas, models and clocks; each value is one that the carrier takes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alerts import messages
from alerts.cause import HINTS
from alerts.channels.aliyun_templates import FALLBACKS, check, fit, render
from alerts.messages import Say, kept, say_kept
from catalogue.faults import FAULT

NOW = datetime(2026, 1, 15, 18, 15, tzinfo=UTC)
ZONE = "Asia/Shanghai"
LONGEST = max((hint.zh for hint in HINTS.values()), key=len)
FAULTS = max(FAULT, key=lambda name: len(FAULT[name].zh))


@pytest.mark.parametrize(
    "say",
    [
        messages.village_silent("科尔沁左翼中旗村", 1234, 1250, NOW, zone=ZONE, hint=LONGEST),
        messages.gateway_silent("巴彦塔拉嘎查村", "gw-0123456789", 137, 140, NOW, hint=LONGEST, zone=ZONE),
        messages.gateway_back("巴彦塔拉嘎查村", "gw-0123456789", 137, 140, NOW, zone=ZONE),
        messages.area_silent("科尔沁左翼中旗", 100, 99999, 99999, NOW, hint=LONGEST, zone=ZONE, grown=True),
        messages.area_back("科尔沁左翼中旗宝龙山镇", 90, 100, NOW, zone=ZONE),
        messages.model_fault("通辽市", "acme A1", FAULTS, 1234, 123, NOW, zone=ZONE),
        messages.model_fault_over("通辽市", "acme A1", FAULTS, 1234, NOW, zone=ZONE),
        messages.clock_wrong("通辽市", "gw-0123456789", 123, NOW, of_gateway=True, zone=ZONE),
        messages.clock_right("通辽市", "gw-0123456789", 111, 123, NOW, of_gateway=True, zone=ZONE),
    ],
)
def test_nothing_of_it_is_cut_off(say: Say) -> None:
    params = fit(say("zh-CN"))
    assert not any(value.endswith("…") for value in params.values())
    params = say("zh-CN") | {"answer": "无需回复"}
    whole = {**params, "home": params["home"] or FALLBACKS["home"]}
    assert check(whole) == []
    assert fit(whole) == whole


def test_as_it_is_read() -> None:
    one = messages.gateway_silent("向阳村", "gw-1", 37, 40, NOW, hint="疑似网关断电或断网", zone=ZONE)
    assert render("routine", fit(one("zh-CN"))) == (
        "取暖提醒：向阳村，网关gw-1，疑似网关断电或断网，40户中37户失联，时间1月16日02:15。"
        "处置：请检查网关的电源、网线和上网卡。无需回复。"
    )
    area = messages.area_silent("科左中旗", 12, 450, 480, NOW, hint=HINTS["power"].zh, zone=ZONE, grown=False)
    assert render("routine", fit(area("zh-CN"))) == (
        "取暖提醒：科左中旗，12个村同时失联，疑似停电，480户中450户失联，时间1月16日02:15。"
        "处置：请联系供电和通信部门，各村已分别通知。无需回复。"
    )


def test_a_fault_has_its_name_and_an_unknown_code_itself() -> None:
    def what(fault: str) -> str:
        return messages.model_fault("市", "A", fault, 9, 3, NOW, zone=ZONE)("zh-CN")["what"]

    assert what("ignition_failed") == "3个村9台新报同一故障：点火失败"
    assert what("F 5") == "3个村9台新报同一故障：代码F 5"
    assert what("lockout") == "3个村9台新报同一故障：故障锁定"


def test_what_is_kept_is_told_later_in_the_language_of_whoever_reads_it_then() -> None:
    say = messages.village_silent("向阳村", 37, 40, NOW, zone=ZONE)
    later = say_kept(kept(say))
    assert later("zh-CN") == say("zh-CN")
    assert later("en") == say("en") != say("zh-CN")
    assert later("fr") == later("mn") == say("zh-CN")
    before = {"place": "向阳村", "home": "", "what": "疑似停电", "since": "1月16日02:15", "do": "请核实"}
    assert say_kept(before)("en") == before, "held back by the version before this one"
