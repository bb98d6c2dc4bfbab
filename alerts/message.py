"""What a message says: what, where, since when, what to do now. Pure; lengths are the channel's business.

A message of a drill says so three times: before the place, before what happened, and in what to do. It never holds the
rule's own advice, because a person who only reads the end must not call an ambulance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from catalogue.faults import FAULT
from catalogue.metrics import METRIC
from catalogue.rules import ForecastRule, LevelRule, Rule, ShareRule, StuckRule

_HIGHEST_SHOWN = 9999
_LONGEST_LIST = 24
DRILL = "演练"
CANARY = "自检"
_IN_A_DRILL = "演练，无需报警：本条非真实警情，请按预案演练"
_AFTER_A_DRILL = "演练，本条非真实警情，无需处理"
_FROM_THE_CANARY = "自检，本条非真实警情，无需处理"


@dataclass(frozen=True)
class Place:
    """Where a device is, in words that its village knows. Empty where the registry does not say."""

    village: str
    home: str
    uid: str
    drill: bool = False
    """Whether the device is only there for a drill: nothing real has happened."""
    canary: bool = False
    """Whether it is the canary, which is a drill too: the system tries itself out."""


def local_time(moment: datetime, zone: str) -> str:
    """`11月23日02:15`: as short as a person on a phone needs."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local.month}月{local.day}日{local:%H:%M}"


def raised(
    rule: Rule, place: Place, value: float | None, measured_at: datetime, *, late: bool, zone: str, detail: str = ""
) -> dict[str, str]:
    """The parameters of "this is happening"; `detail` is the fault, of a rule on faults."""
    fault = FAULT.get(detail)
    what = f"{rule.zh}：{fault.zh}" if fault is not None else f"{rule.zh}{_shown(rule, value)}"
    advice = fault.do if fault is not None else rule.do
    do = f"{_IN_A_DRILL}{'并回复1' if rule.latching else ''}" if place.drill else advice
    if place.canary:
        do = _FROM_THE_CANARY
    return _params(place, f"补报：{what}" if late else what, local_time(measured_at, zone), do)


def cleared(rule: Rule, place: Place, cleared_at: datetime, *, zone: str) -> dict[str, str]:
    """The parameters of "this is over", to the same people."""
    do = "请回复1确认" if rule.latching else "无需处理"
    if place.drill:
        do = f"{_AFTER_A_DRILL}{'，请回复1确认' if rule.latching else ''}"
    if place.canary:
        do = _FROM_THE_CANARY
    return _params(place, f"已恢复正常：{rule.zh}"[:35], local_time(cleared_at, zone), do)


def escalated(params: dict[str, str], reason: str, minutes: int) -> dict[str, str]:
    """The same message to those who hear of it next; `reason` as in alerts/escalation/climbing.py."""
    words = {
        "help_asked": "现场求助",
        "nobody_reached": "未能通知到村",
        "still_dangerous": "确认后仍未解除",
    }
    return params | {"what": f"{words.get(reason, f'{minutes}分钟无人应答')}：{params['what']}"}


def digest(counts: Mapping[str, int], villages: int, since: datetime, *, zone: str) -> dict[str, str]:
    """Many messages in one: how often what was said, in how many villages, since when."""
    total, named = sum(counts.values()), sorted(counts.items(), key=lambda one: -one[1])
    parts: list[str] = []
    left = total
    for what, times in named:
        if len("、".join([*parts, f"{what}{times}"])) > _LONGEST_LIST:
            break
        parts.append(f"{what}{times}")
        left -= times
    said = "、".join([*parts, *([f"其他{left}"] if left else [])])
    return {
        "place": f"{villages}个村",
        "home": "汇总",
        "what": f"{total}条提醒：{said}",
        "since": local_time(since, zone),
        "do": "明细请看平台，或致电值班室",
    }


def flapping(rule: Rule, place: Place, since: datetime, *, zone: str) -> dict[str, str]:
    """The parameters of "this comes and goes": told once, not each time."""
    do = _IN_A_DRILL if place.drill else "稳定前不再逐条通知，请上门检查设备"
    return _params(place, f"反复报警：{rule.zh}"[:35], local_time(since, zone), do)


def village_silent(
    village: str,
    homes: int,
    of_homes: int,
    began_at: datetime,
    *,
    zone: str,
    drill: bool = False,
    hint: str = "疑似停电或断网",
) -> dict[str, str]:
    """The parameters of "this village has fallen silent": one message for all its homes. `hint`: alerts/cause.py."""
    what = f"{hint}，{of_homes}户中{homes}户失联"
    do = _IN_A_DRILL if drill else "请核实供电和网络，关注老人病人"
    return _params(Place(village, "", "", drill), what, local_time(began_at, zone), do)


def village_back(
    village: str, homes: int, of_homes: int, ended_at: datetime, *, zone: str, drill: bool = False
) -> dict[str, str]:
    """The parameters of the paired recovery."""
    what = f"已恢复，{of_homes}户中{homes}户重新上线"
    do = _AFTER_A_DRILL if drill else "请抽查取暖设备运行情况"
    return _params(Place(village, "", "", drill), what, local_time(ended_at, zone), do)


def _params(place: Place, what: str, since: str, do: str) -> dict[str, str]:
    village = place.village
    if place.drill:
        mark = CANARY if place.canary else DRILL
        village = f"{mark}·{village}" if village else mark
        what = f"{mark}：{what}"
    return {"place": village, "home": place.home or place.uid, "what": what, "since": since, "do": do}


def _shown(rule: Rule, value: float | None) -> str:
    """The measured value, where the rule is about one: `（现356ppm）`; hours, where it is about what will be."""
    if value is None or abs(value) > _HIGHEST_SHOWN:
        return ""
    if isinstance(rule, ForecastRule):
        return f"（约{math.floor(value)}小时后）" if value >= 1 else "（1小时内）"
    if isinstance(rule, ShareRule):
        return f"（{value:.0%}时间）"
    if not isinstance(rule, LevelRule | StuckRule):
        return ""
    metric = METRIC[rule.metric]
    unit = "℃" if metric.unit == "°C" else metric.unit
    return f"（现{value:.{metric.decimals}f}{unit}）"
