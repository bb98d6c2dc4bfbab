"""What a message says of an incident that is not a village's: a gateway, an area, a model's fault, clocks. Pure.

Values as in alerts/message.py: at most 35 characters, shortened by the channel where a name is longer.
"""

from __future__ import annotations

from datetime import datetime

from alerts.message import local_time
from catalogue.faults import FAULT

_LOCKOUT = "故障锁定"


def gateway_silent(
    village: str, gateway: str, homes: int, of_homes: int, began_at: datetime, *, hint: str, zone: str
) -> dict[str, str]:
    """The parameters of "what is behind this gateway is silent, the rest of the village reports"."""
    what = f"{hint}，{of_homes}户中{homes}户失联"
    return _params(village, f"网关{gateway}", what, local_time(began_at, zone), "请检查网关的电源、网线和上网卡")


def gateway_back(village: str, gateway: str, homes: int, of_homes: int, at: datetime, *, zone: str) -> dict[str, str]:
    """The paired recovery."""
    what = f"已恢复，{of_homes}户中{homes}户重新上线"
    return _params(village, f"网关{gateway}", what, local_time(at, zone), "无需处理")


def area_silent(
    area: str, villages: int, homes: int, of_homes: int, began_at: datetime, *, hint: str, zone: str, grown: bool
) -> dict[str, str]:
    """One digest for a county: so many villages dark at once."""
    what = f"{'范围扩大，' if grown else ''}{hint}，{of_homes}户中{homes}户失联"
    do = "请联系供电和通信部门，各村已分别通知"
    return _params(area, f"{villages}个村同时失联", what, local_time(began_at, zone), do)


def area_back(area: str, villages: int, of_villages: int, at: datetime, *, zone: str) -> dict[str, str]:
    """Its paired recovery."""
    what = f"已恢复，{of_villages}个村中{villages}个村重新上线"
    return _params(area, f"{of_villages}个村", what, local_time(at, zone), "请关注未恢复的村")


def model_fault(
    region: str, model: str, fault: str, devices: int, villages: int, began_at: datetime, *, zone: str
) -> dict[str, str]:
    """The parameters of "the same fault is new on many devices of one model". `fault`: canonical, or a maker's code."""
    what = f"{villages}个村{devices}台新报同一故障：{_words(fault)}"
    do = "疑似固件或批次问题，请联系厂家暂停升级"
    return _params(region, f"型号{model}", what, local_time(began_at, zone), do)


def model_fault_over(region: str, model: str, fault: str, devices: int, at: datetime, *, zone: str) -> dict[str, str]:
    """Its paired end."""
    what = f"24小时无新增，共{devices}台：{_words(fault)}"
    return _params(region, f"型号{model}", what, local_time(at, zone), "请逐台确认已修复")


def clock_wrong(region: str, whose: str, devices: int, began_at: datetime, *, zone: str) -> dict[str, str]:
    """The parameters of "the clocks of these are wrong". `whose`: `网关…` or `型号…`."""
    do = "请联系厂家校准时钟；报警按接收时间判断"
    return _params(region, whose, f"{devices}台设备时钟不准", local_time(began_at, zone), do)


def clock_right(region: str, whose: str, devices: int, of_devices: int, at: datetime, *, zone: str) -> dict[str, str]:
    """Its paired end."""
    what = f"{of_devices}台中{devices}台时钟已恢复"
    return _params(region, whose, what, local_time(at, zone), "无需处理")


def escalation_late(region: str, late: int, since: datetime, *, zone: str) -> dict[str, str]:
    """The parameters of "what nobody has answered is not told further": our own fault, told to the top of the tree."""
    what = f"{late}条无人应答的报警未能按时上报"
    return _params(region, "告警平台", what, local_time(since, zone), "请人工查看报警并检查告警服务")


def escalation_in_time(region: str, at: datetime, *, zone: str) -> dict[str, str]:
    """Its paired end."""
    return _params(region, "告警平台", "报警上报已恢复正常", local_time(at, zone), "请核对未应答的报警")


def _words(fault: str) -> str:
    if fault == "lockout":
        return _LOCKOUT
    return FAULT[fault].zh if fault in FAULT else f"代码{fault}"


def _params(place: str, home: str, what: str, since: str, do: str) -> dict[str, str]:
    return {"place": place, "home": home, "what": what, "since": since, "do": do}
