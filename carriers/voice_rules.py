"""Aliyun's own judgement of a call: callee, texts, variables, keys, number shown. Pure; wording as the vendor's.

help.aliyun.com/document_detail/414170.html (texts), 393519.html and 393521.html (parameters), read 2026.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from carriers.aliyun_rules import Refusal, normal
from carriers.settings import VoiceSettings

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z][A-Za-z0-9_]*)\}")
_UNSPEAKABLE = re.compile(r"[#/:\-%¥【】]|https?", re.IGNORECASE)
_LONGEST_OUT_ID = 15
_MOST_SHARED_VARIABLES = 2
_KEYS = re.compile(r"[0-9*#]")
_ILLEGAL = Refusal("isv.INVALID_PARAMETERS", "参数异常")


@dataclass(frozen=True)
class Spoken:
    """A call that broke no rule: to whom, and what is said; `keys`: what is said after a key."""

    phone: str
    template: str
    text: str
    out_id: str
    show_number: str
    keys: dict[str, str] = field(default_factory=dict)


def judge_single(params: Mapping[str, str], settings: VoiceSettings) -> Spoken | Refusal:
    """Everything that can be said of a SingleCallByTts call without counting."""
    return _judge(params, settings, params["TtsCode"], params.get("TtsParam", ""))


def judge_ivr(params: Mapping[str, str], settings: VoiceSettings) -> Spoken | Refusal:
    """Everything that can be said of an IvrCall without counting."""
    spoken = _judge(params, settings, params["StartCode"], params.get("StartTtsParams", ""))
    if isinstance(spoken, Refusal):
        return spoken
    keys: dict[str, str] = {}
    for place in range(1, 13):
        key = params.get(f"MenuKeyMap.{place}.Key", "")
        if not key:
            break
        # what is spoken after a key is shown under the number that called, so its rules are those of the text itself
        said = _text(
            params.get(f"MenuKeyMap.{place}.Code", ""), params.get(f"MenuKeyMap.{place}.TtsParams", ""), settings
        )
        if isinstance(said, Refusal):
            return said
        if not _KEYS.fullmatch(key) or key in keys:
            return _ILLEGAL
        keys[key] = said
    return Spoken(spoken.phone, spoken.template, spoken.text, spoken.out_id, spoken.show_number, keys)


def _judge(params: Mapping[str, str], settings: VoiceSettings, code: str, raw: str) -> Spoken | Refusal:
    phone, shown = normal(params["CalledNumber"]), params.get("CalledShowNumber", "")
    if not phone:
        return Refusal("isv.MOBILE_NUMBER_ILLEGAL", "号码格式非法")
    if shown and shown not in settings.show_numbers:
        return Refusal("isv.DISPLAY_NUMBER_ILLEGAL", "号显不合法")
    out_id, times = params.get("OutId", ""), params.get("PlayTimes", "1")
    if len(out_id.encode()) > _LONGEST_OUT_ID or times not in ("1", "2", "3"):
        return _ILLEGAL
    text = _text(code, raw, settings, shared=not shown)
    return text if isinstance(text, Refusal) else Spoken(phone, code, text, out_id, shown)


def _text(code: str, raw: str, settings: VoiceSettings, *, shared: bool = False) -> str | Refusal:
    template = settings.templates.get(code)
    if template is None:
        return Refusal("isv.TTS_TEMPLATE_ILLEGAL", "TTS模板不合法")
    wanted = _PLACEHOLDER.findall(template)
    if shared and len(wanted) > _MOST_SHARED_VARIABLES:
        # with a number of the shared pool a text has two variables at most
        return Refusal("isv.TTS_TEMPLATE_ILLEGAL", "TTS模板不合法")
    try:
        values = json.loads(raw or "{}")
    except ValueError:
        return Refusal("isv.INVALID_JSON_PARAM", "JSON参数不合法，只接受字符串值")
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        return Refusal("isv.INVALID_JSON_PARAM", "JSON参数不合法，只接受字符串值")
    for name in wanted:
        value = values.get(name, "")
        if not value.strip():
            return Refusal("isv.TEMPLATE_MISSING_PARAMETERS", "文本转语音模板参数缺失")
        if len(value) > settings.variable_length:
            return Refusal("isv.PARAM_LENGTH_LIMIT", "参数长度受限")
        if _UNSPEAKABLE.search(value):
            return Refusal("isv.TEMPLATE_PARAMS_ILLEGAL", "模板变量非法")
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)
