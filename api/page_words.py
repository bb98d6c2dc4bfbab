"""What the page says, in each language that it speaks; Chinese stands first everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CHINESE: Final = "zh-CN"
WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "have_it": {CHINESE: "收到，我来处理", "en": "I have it"},
    "false_alarm": {CHINESE: "误报", "en": "False alarm"},
    "need_help": {CHINESE: "需要支援", "en": "I need help"},
    "where": {CHINESE: "地点", "en": "Where"},
    "since": {CHINESE: "时间", "en": "Since"},
    "do": {CHINESE: "怎么办", "en": "What to do"},
    "drill": {CHINESE: "演练：没有真实险情", "en": "Drill: nothing real has happened"},
    # how it stands
    "dangerous": {CHINESE: "现在仍有危险", "en": "Still dangerous now"},
    "under_way": {CHINESE: "尚未恢复", "en": "Not over yet"},
    "unheard": {CHINESE: "设备已失联，按仍有危险处理", "en": "The device is silent: take it as still dangerous"},
    "recovering": {CHINESE: "正在恢复，尚未解除", "en": "Getting better, not over yet"},
    "normal": {CHINESE: "数值已恢复正常，请确认", "en": "Normal again; please confirm"},
    "over": {CHINESE: "已结束，无需再处理", "en": "Over; nothing more to do"},
    # who has said what
    "has_it": {CHINESE: "已收到", "en": "has it"},
    "nobody": {CHINESE: "还没有人确认收到", "en": "Nobody has it yet"},
    "said_false": {CHINESE: "认为是误报", "en": "says it is a false alarm"},
    "asked_for_help": {CHINESE: "请求了支援", "en": "has asked for help"},
    # what the button has done
    "acknowledged": {CHINESE: "已记下：由您处理", "en": "Noted: you have it"},
    "acknowledged_before": {CHINESE: "已有人确认收到", "en": "Somebody has it already"},
    "noted_false": {CHINESE: "已记下：您认为是误报", "en": "Noted: you say it is a false alarm"},
    "closed_before": {CHINESE: "该警报已经结束", "en": "It was over already"},
    "nothing_to_acknowledge": {CHINESE: "没有需要确认的警报", "en": "There is nothing to answer"},
    "help_asked": {CHINESE: "已请求支援，正在通知上级", "en": "Help is asked for; the next level is being told"},
    "emergency": {CHINESE: "有人受伤或被困，请立即拨打", "en": "If anybody is hurt or trapped, call"},
    # instead of the page
    "expired": {CHINESE: "链接已过期（24小时内有效）", "en": "This link has expired (it lasts 24 hours)"},
    "unknown": {CHINESE: "链接无效", "en": "This link is not valid"},
    "away": {CHINESE: "系统暂时无法打开", "en": "This page cannot be shown now"},
    "too_often": {CHINESE: "打开太频繁，请一分钟后再试", "en": "Too often: try again in a minute"},
    "instead": {
        CHINESE: "请直接回复短信：1 收到，2 误报，3 需要支援。短信里有三位数字的，照着回复。",
        "en": "Answer the SMS instead: 1 I have it, 2 false alarm, 3 I need help. Type three digits if it says so.",
    },
    "call": {
        CHINESE: "有生命危险，请先拨打 119 或 120，并告诉村委会值班人员。",
        "en": "In danger of life call 119 or 120 first, then whoever is on duty at the village committee.",
    },
}


def words(name: str, language: str) -> tuple[str, str]:
    """In Chinese, and in the reader's language where that is another one that the page speaks; otherwise empty."""
    said = WORDS[name]
    return said[CHINESE], "" if language == CHINESE else said.get(language, "")
