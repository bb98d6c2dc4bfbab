"""What is said in a call, as it is to be approved at Aliyun, and how values are made fit to be read aloud. Pure.

Two variables, because a text that is called from the shared pool of numbers may not have more, and words between them.
What to do is in the second: fixed words that told to act would stand in a drill too.
Rules: help.aliyun.com/document_detail/414170.html, read 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Template
from typing import Final

from alerts.answers.verbs import Verb
from alerts.channels.aliyun_templates import fit

SPEAKS: Final = "您好，这里是暖哨取暖安全值守。${where}现在的情况是，${what}。详情见短信。"
ASKS: Final = SPEAKS + "收到请按1，误报请按2，需要帮助请按3。"
ANSWERS: Final = "好的，${answer}，谢谢，再见。"
"""Spoken alone; with a question; and after a key."""

VERBS: Final[dict[str, Verb]] = {"1": "have_it", "2": "false_alarm", "3": "need_help"}
"""Key → what it means."""
SAID: Final[dict[Verb, str]] = {
    "have_it": "已记录您收到",
    "false_alarm": "已记录为误报",
    "need_help": "马上为您联系帮助",
}

LONGEST_SPOKEN: Final = 100
"""Characters of one variable: about 25 seconds of speech (our choice; the vendor publishes no limit but 1000 for a text
as a whole)."""

_REPLY = re.compile(r"[，,。]?(?:收到)?[请并]?回复\d(?:确认)?")
_CLOCK = re.compile(r"(?<!\d)(\d{1,2}):(\d{2})(?!\d)")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%")
_BELOW_ZERO = re.compile(r"(?<![A-Za-z0-9.])-(?=\d+(?:\.\d+)?度)")
_UNSPOKEN = re.compile(r"[^\w，。、.\s]|_")
_PAUSES = re.compile(r"\s*[，、]\s*[，、。\s]*")
_STOPS = str.maketrans(dict.fromkeys("（(）)：:；;！!？?·,", "，"))


def spoken(value: str) -> str:
    """A value in words that can be read aloud: no brackets, colons, per cent signs, hyphens; nothing about replying."""
    words = _REPLY.sub("", value)
    words = _CLOCK.sub(lambda at: f"{int(at[1])}点{at[2]}分" if at[2] != "00" else f"{int(at[1])}点", words)
    words = _BELOW_ZERO.sub("零下", _PERCENT.sub(r"百分之\1", words))
    words = words.translate(_STOPS)
    words = _PAUSES.sub("，", _UNSPOKEN.sub(" ", words))
    return " ".join(words.split()).strip(" ，。、.")


def call_params(params: Mapping[str, str]) -> dict[str, str]:
    """The two variables of a call, out of those of a message."""
    whole = {name: spoken(value) for name, value in fit(params).items()}
    where = "，".join(part for part in (whole["place"], whole["home"]) if part)
    since = f"从{whole['since']}起" if whole["since"] else ""
    what = "，".join(part for part in (whole["what"], since, whole["do"]) if part)
    return {"where": _cut(where) or "未登记村", "what": _cut(what) or "取暖设备报警"}


def verb_of(pressed: str) -> Verb | None:
    """What a person has pressed, or None: the last key that means something, for who corrects himself."""
    return next((VERBS[key] for key in reversed(pressed) if key in VERBS), None)


def render(template: str, params: Mapping[str, str]) -> str:
    """What is spoken."""
    return Template(template).safe_substitute(params)


def _cut(words: str) -> str:
    return words if len(words) <= LONGEST_SPOKEN else words[:LONGEST_SPOKEN].rstrip("，。、. ")
