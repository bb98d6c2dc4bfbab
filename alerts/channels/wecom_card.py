"""What a WeCom application sends: a card with three buttons where answers can come back, else a text. Pure.

Source: developer.work.weixin.qq.com/document/path/90236 (button_interaction; task_id once per application).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from alerts.channels.byte_limit import with_link
from alerts.channels.channel import Message

if TYPE_CHECKING:  # a channel stands below what is answered to it
    from alerts.answer import Verb

TEXT_BYTES: Final = 2048
"""Beyond these WeCom cuts a text without a word."""
TITLE, DESCRIPTION, BODY = 36, 44, 160
"""Characters of a card that every client shows."""
TASK_ID = re.compile(r"[0-9A-Za-z_@-]{1,128}")
"""Our key travels as the task id."""

BUTTONS: Final[dict[str, tuple[tuple[Verb, str, int], ...]]] = {
    "zh-CN": (("have_it", "收到", 1), ("false_alarm", "误报", 2), ("need_help", "求助", 3)),
    "en": (("have_it", "Got it", 1), ("false_alarm", "False", 2), ("need_help", "Help", 3)),
}
"""Verb, words and style (1 blue, 2 grey, 3 red) by language; another language has the first one's."""


def wants_answer(message: Message) -> bool:
    """Whether a card suits it: there is something to answer, and the key can be the task id."""
    return bool(message.template == "critical" or message.link) and bool(TASK_ID.fullmatch(message.key))


def text(message: Message) -> dict[str, object]:
    """A text with its link; markdown would not be shown in WeChat."""
    return {"msgtype": "text", "text": {"content": with_link(message.text, message.link, TEXT_BYTES)}}


def card(message: Message) -> dict[str, object]:
    """A card whose buttons say have_it, false_alarm and need_help; a tap beside them opens the link."""
    params = message.params
    where = " ".join(part for part in (params.get("place", ""), params.get("home", "")) if part)
    body: dict[str, object] = {
        "card_type": "button_interaction",
        "main_title": {
            "title": _short(params.get("what", "") or message.text, TITLE),
            "desc": _short(where, DESCRIPTION),
        },
        "sub_title_text": _short(message.text, BODY),
        "task_id": message.key,
        "button_list": [
            {"text": words, "style": style, "key": button_key(verb, message.language)}
            for verb, words, style in BUTTONS.get(message.language, BUTTONS["zh-CN"])
        ],
    }
    if message.link:
        body["card_action"] = {"type": 1, "url": message.link}
    return {"msgtype": "template_card", "template_card": body}


def button_key(verb: Verb, language: str) -> str:
    """What a pressed button says: the verb, and in which language its reader is answered."""
    return f"{verb}@{language}"


def _short(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"
