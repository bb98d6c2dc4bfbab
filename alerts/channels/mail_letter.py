"""A message as an e-mail: subject with urgency and place, plain text, the link. Pure.

What comes from the registry may hold anything; it cannot begin a header of its own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

from alerts.channels.channel import Message, TemplateName

LONGEST_SUBJECT: Final = 120
"""Characters; phones show fewer (our choice)."""

URGENCY: Final[Mapping[str, Mapping[TemplateName, str]]] = {
    "zh-CN": {"critical": "【紧急】取暖警报", "routine": "【一般】取暖提醒"},
    "en": {"critical": "[CRITICAL] heating alarm", "routine": "[routine] heating notice"},
}
"""The beginning of a subject, by language; another language has that of zh-CN."""

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*")
_LANGUAGE = re.compile(r"[A-Za-z0-9]{1,8}(?:-[A-Za-z0-9]{1,8})*")
_LONGEST_ID = 200
_NO_ID = re.compile(r"[^A-Za-z0-9_-]")


def is_address(text: str) -> bool:
    """Whether it is one plain ASCII mail address, without a name."""
    return _ADDRESS.fullmatch(text) is not None


def sender(text: str) -> Address:
    """`暖哨 <alarm@example.cn>` or the address alone. Raises ValueError for what is neither."""
    name, opened, rest = text.strip().rpartition("<")
    plain = rest.removesuffix(">") if opened else rest
    if not is_address(plain) or bool(opened) != rest.endswith(">"):
        raise ValueError("no mail address")
    return Address(display_name=in_one_line(name).strip('"'), addr_spec=plain)


def in_one_line(text: str) -> str:
    """Without line ends, control signs and what changes the direction of writing."""
    return " ".join("".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in text).split())


def letter(message: Message, of: Address, at: datetime) -> EmailMessage:
    """The e-mail. Its Message-ID comes from the key: the same message again has the same one."""
    made = EmailMessage(policy=SMTP)
    made["From"] = of
    made["To"] = Address(addr_spec=message.to)
    made["Subject"] = subject(message)
    made["Date"] = at
    made["Message-ID"] = f"<{_NO_ID.sub('_', message.key)[:_LONGEST_ID]}@{of.domain}>"
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine answers it
    if _LANGUAGE.fullmatch(message.language):
        made["Content-Language"] = message.language
    if message.template == "critical":
        made["Importance"] = "high"
        made["X-Priority"] = "1"
    text = message.text if not message.link or message.link in message.text else f"{message.text}\n\n{message.link}"
    made.set_content(f"{text}\n", charset="utf-8", cte="base64")
    return made


def subject(message: Message) -> str:
    """`【紧急】取暖警报：巴彦塔拉嘎查村，一氧化碳超标`: how urgent, where, what."""
    urgency = URGENCY.get(message.language, URGENCY["zh-CN"])[message.template]
    told = [in_one_line(message.params.get(name, "")) for name in ("place", "what")]
    comma, colon = ("，", "：") if urgency.startswith("【") else (", ", ": ")
    whole = colon.join(part for part in (urgency, comma.join(filter(None, told))) if part)
    return whole if len(whole) <= LONGEST_SUBJECT else whole[: LONGEST_SUBJECT - 1] + "…"
