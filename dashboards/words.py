"""Words and colours of states, the same on every board: Chinese first."""

from __future__ import annotations

from dashboards.panels import ValueMapping, value_map

PRIORITIES: dict[str, tuple[str, str]] = {
    "critical": ("紧急 critical", "red"),
    "high": ("高 high", "orange"),
    "medium": ("中 medium", "yellow"),
    "low": ("低 low", "blue"),
}
MESSAGE_STATES: dict[str, tuple[str, str]] = {
    "pending": ("待发 pending", "yellow"),
    "sending": ("发送中 sending", "yellow"),
    "accepted": ("已受理 accepted", "blue"),
    "delivered": ("已送达 delivered", "green"),
    "handed_over": ("已交付 handed over", "green"),
    "failed": ("失败 failed", "red"),
    "superseded": ("已取代 superseded", "text"),
}
CONDITIONS: dict[str, tuple[str, str]] = {
    "pending": ("待确认 pending", "text"),
    "active": ("进行中 active", "red"),
    "recovering": ("恢复中 recovering", "yellow"),
    "normal": ("已恢复 normal", "green"),
    "stale": ("数据中断 data stale", "purple"),
    "shelved": ("已搁置 shelved", "text"),
    "inhibited": ("已抑制 inhibited", "text"),
    "out_of_service": ("停用 out of service", "text"),
    "closed": ("已关闭 closed", "green"),
}
MESSAGE_KINDS: dict[str, tuple[str, str]] = {
    "raised": ("报警 raised", "orange"),
    "cleared": ("解除 cleared", "green"),
    "incident": ("事件 incident", "purple"),
    "recovery": ("恢复 recovery", "green"),
}


def shown_as(words: dict[str, tuple[str, str]]) -> list[ValueMapping]:
    """The value mapping of a column that holds one of `words`."""
    return [value_map(**words)]
