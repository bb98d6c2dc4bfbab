"""What people read of gateways, areas, models and clocks; each value is one that the carrier takes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alerts import incident_message, message
from alerts.cause import HINTS
from alerts.channels.aliyun_templates import FALLBACKS, check, fit, render
from catalogue.faults import FAULT

NOW = datetime(2026, 1, 15, 18, 15, tzinfo=UTC)
ZONE = "Asia/Shanghai"
LONGEST = max((hint.zh for hint in HINTS.values()), key=len)
FAULTS = max(FAULT, key=lambda name: len(FAULT[name].zh))


@pytest.mark.parametrize(
    "params",
    [
        message.village_silent("科尔沁左翼中旗村", 1234, 1250, NOW, zone=ZONE, hint=LONGEST),
        incident_message.gateway_silent("巴彦塔拉嘎查村", "gw-0123456789", 137, 140, NOW, hint=LONGEST, zone=ZONE),
        incident_message.gateway_back("巴彦塔拉嘎查村", "gw-0123456789", 137, 140, NOW, zone=ZONE),
        incident_message.area_silent("科尔沁左翼中旗", 100, 99999, 99999, NOW, hint=LONGEST, zone=ZONE, grown=True),
        incident_message.area_back("科尔沁左翼中旗宝龙山镇", 90, 100, NOW, zone=ZONE),
        incident_message.model_fault("通辽市", "acme A1", FAULTS, 1234, 123, NOW, zone=ZONE),
        incident_message.model_fault_over("通辽市", "acme A1", FAULTS, 1234, NOW, zone=ZONE),
        incident_message.clock_wrong("通辽市", "网关gw-0123456789", 123, NOW, zone=ZONE),
        incident_message.clock_right("通辽市", "网关gw-0123456789", 111, 123, NOW, zone=ZONE),
    ],
)
def test_nothing_of_it_is_cut_off(params: dict[str, str]) -> None:
    whole = {**params, "home": params["home"] or FALLBACKS["home"]}
    assert check(whole) == []
    assert fit(whole) == whole


def test_as_it_is_read() -> None:
    one = incident_message.gateway_silent("向阳村", "gw-1", 37, 40, NOW, hint="疑似网关断电或断网", zone=ZONE)
    assert render("routine", one) == (
        "取暖提醒：向阳村，网关gw-1，疑似网关断电或断网，40户中37户失联，时间1月16日02:15。"
        "处置：请检查网关的电源、网线和上网卡。"
    )
    area = incident_message.area_silent("科左中旗", 12, 450, 480, NOW, hint=HINTS["power"].zh, zone=ZONE, grown=False)
    assert render("routine", area) == (
        "取暖提醒：科左中旗，12个村同时失联，疑似停电，480户中450户失联，时间1月16日02:15。"
        "处置：请联系供电和通信部门，各村已分别通知。"
    )


def test_a_fault_has_its_name_and_an_unknown_code_itself() -> None:
    def what(fault: str) -> str:
        return incident_message.model_fault("市", "A", fault, 9, 3, NOW, zone=ZONE)["what"]

    assert what("ignition_failed") == "3个村9台新报同一故障：点火失败"
    assert what("F 5") == "3个村9台新报同一故障：代码F 5"
    assert what("lockout") == "3个村9台新报同一故障：故障锁定"
