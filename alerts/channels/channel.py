"""What a channel is: it hands one message to a carrier and says how that ended. It never raises for a refusal."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, get_args

TemplateName = Literal["critical", "routine"]
Way = Literal["sms", "voice", "wecom", "wecom_robot", "wechat", "email", "webhook"]
"""How somebody is reached; several carriers may offer the same way."""
WAYS: tuple[Way, ...] = get_args(Way)


@dataclass(frozen=True)
class Message:
    """One message to one recipient. `key` makes a repetition recognisable; carriers echo it in receipts.

    `to`: phone number, WeCom user id, openid, mail address, or the name of a robot or webhook.
    `params`: place, home, what, since, do and the answers, in `language`, for carriers with templates of their own.
    `text`: the whole message as its reader sees it, without a signature, for all others.
    `link`: where it can be acknowledged on a page; empty where there is nothing to acknowledge.
    `carrier_id`: the carrier's own name for it, where it has had it and we were told: what some can only be asked by.
    """

    to: str = field(repr=False)
    template: TemplateName
    params: dict[str, str]
    key: str
    text: str = ""
    language: str = "zh-CN"
    link: str = field(default="", repr=False)
    carrier_id: str = ""


@dataclass(frozen=True)
class Accepted:
    """The carrier took the message; `carrier_id` is its own name for it, `carrier` which one took it, of several."""

    carrier_id: str
    carrier: str = ""


@dataclass(frozen=True)
class Refused:
    """The carrier said no: `reason` is bounded (a metric label), `after_s` the wait before a retry, if any.

    `elsewhere`: the reason lies with this carrier or our account there, so another carrier may take the same message.
    """

    reason: str
    retryable: bool
    after_s: float = 0.0
    elsewhere: bool = False


@dataclass(frozen=True)
class Unknown:
    """No answer that can be believed: it may have been sent. Look it up before sending it again."""

    reason: str


Outcome = Accepted | Refused | Unknown


@dataclass(frozen=True)
class Receipt:
    """The carrier's word on delivery. `key` is our idempotency key, as far as the carrier echoes it."""

    carrier_id: str
    key: str
    delivered: bool
    reason: str
    at: datetime


class Channel(Protocol):
    """One carrier for one way.

    `receipts`: whether the carrier ever says that a message has arrived; without, a message ends as `handed_over`.
    `remembers`: whether it can be asked about a message (`lookup`), or recognises a repeated `key` by itself.
    """

    name: str
    way: Way
    receipts: bool
    remembers: bool

    async def send(self, message: Message) -> Outcome:
        """Hand the message to the carrier, once."""
        ...

    async def lookup(self, message: Message, sent_at: datetime) -> Receipt | Accepted | None:
        """What the carrier knows of a message: its receipt, that it is on its way, or None if it never had it.

        Raises `LookupFailed` when the carrier cannot be asked. A carrier that cannot be asked at all says None.
        """
        ...

    async def close(self) -> None:
        """Let connections go."""
        ...


class LookupFailed(Exception):
    """The carrier cannot be asked now; ask again later."""
