"""The two SMS templates as they are to be approved at Aliyun, and how values are made to fit them.

Critical and routine are separate templates on purpose: the carrier's quota is per number + signature + template,
so a storm of routine messages can never use up the place of a carbon monoxide alarm.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Template

from alerts.channels.channel import TemplateName
from foundation.logs import mask_phone

# fixed words between all variables: templates of bare variable combinations are not approved
TEMPLATES: dict[TemplateName, str] = {
    "critical": "取暖警报：${place}，${home}，${what}，${since}起。处置：${do}。收到请回复1。",
    "routine": "取暖提醒：${place}，${home}，${what}，时间${since}。处置：${do}。",
}

FALLBACKS: dict[str, str] = {
    "place": "未登记村",
    "home": "全村",
    "what": "取暖设备报警",
    "since": "刚刚",
    "do": "请马上查看",
}
"""The five variables, and what stands in for an empty one (the carrier refuses those). No home: the whole village."""

LONGEST_VALUE = 35
"""Characters that a free variable may hold."""

SINGLE_SMS = 70
SEGMENT = 67
"""Up to 70 characters are one SMS, signature included; longer ones are cut into 67 each."""

_MOBILE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
_URL = re.compile(r"https?://|www\.", re.IGNORECASE)
_BRACKETS = re.compile(r"[【】]")

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("【〖「『[", "（"),
        **dict.fromkeys("】〗」』]", "）"),
        **dict.fromkeys("★※●#", ""),
        "℃": "度",
        "→": "至",
        "²": "2",
        "³": "3",
        "•": "·",
    }
)
"""Signs that templates must not hold, in plain writing."""


def render(template: TemplateName, params: Mapping[str, str]) -> str:
    """The text of the message without the signature; a variable that is missing stays visible as ${name}."""
    return Template(TEMPLATES[template]).safe_substitute(params)


def check(params: Mapping[str, str]) -> list[str]:
    """What the carrier would refuse, one line each; numbers are masked. Empty when all is well."""
    problems = [f"{name}: missing" for name in FALLBACKS if not params.get(name, "").strip()]
    for name, value in params.items():
        if len(value) > LONGEST_VALUE:
            problems.append(f"{name}: {len(value)} characters, at most {LONGEST_VALUE}")
        if _BRACKETS.search(value):
            problems.append(f"{name}: 【】 belong to the signature")
        problems += [f"{name}: holds the mobile number {mask_phone(number)}" for number in _MOBILE.findall(value)]
        if _URL.search(value):
            problems.append(f"{name}: holds an address on the web")
    return problems


def fit(params: Mapping[str, str]) -> dict[str, str]:
    """The same values, made acceptable: an alarm is never refused for the form of a name. Idempotent."""
    fitted = {name: _fit(params.get(name, "")) or fallback for name, fallback in FALLBACKS.items()}
    return fitted | {name: _fit(value) for name, value in params.items() if name not in FALLBACKS}


def segments(sign_name: str, text: str) -> int:
    """How many SMS are billed for a text under this signature."""
    length = len(text) + len(sign_name) + 2
    return 1 if length <= SINGLE_SMS else -(-length // SEGMENT)


def _fit(value: str) -> str:
    plain = _URL.sub("", " ".join(value.translate(_PLAIN).split()))
    plain = _MOBILE.sub(lambda match: mask_phone(match[0]), plain)
    # the template brings its own full stop
    plain = plain.strip(" 。.；;，,")
    return plain if len(plain) <= LONGEST_VALUE else plain[: LONGEST_VALUE - 1] + "…"
