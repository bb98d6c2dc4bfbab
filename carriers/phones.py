"""The phones at the far end: what each one received, what it answered, and how delivery went."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Literal

from foundation.logs import mask_phone

CHINA = timezone(timedelta(hours=8))
"""The carriers write +08:00 without saying so."""


CarrierName = Literal["aliyun_sms", "aliyun_voice", "tencent_sms"]


class Delivery(StrEnum):
    """Where a message is between the carrier and the phone."""

    waiting = "waiting"
    delivered = "delivered"
    failed = "failed"


@dataclass
class Sms:
    """One message to one phone; `text` is what the screen shows, signature included."""

    phone: str
    template: str
    text: str
    out_id: str
    biz_id: str
    accepted_at: datetime
    delivery: Delivery = Delivery.waiting
    err_code: str = ""
    reported_at: datetime | None = None
    receipt_told: bool = False
    carrier: CarrierName = "aliyun_sms"

    @property
    def way(self) -> str:
        """How it reaches the phone: sms or voice."""
        return "sms"

    @property
    def details(self) -> dict[str, object]:
        """What `/messages.json` tells beside the fields of every message."""
        return {}

    @property
    def arrives_with(self) -> frozenset[str]:
        """The codes with which its carrier writes success."""
        return frozenset({"DELIVERED" if self.carrier == "aliyun_sms" else "DELIVRD"})

    def end(self, at: datetime, err_code: str) -> None:
        """Delivery has ended, with the carrier's code for how."""
        self.delivery = Delivery.delivered if err_code in self.arrives_with else Delivery.failed
        self.err_code = err_code
        self.reported_at = at


@dataclass(frozen=True)
class Reply:
    """What a person typed back."""

    phone: str
    content: str
    at: datetime
    sequence: int


@dataclass
class Phones:
    """The last `keep` messages and replies of all phones."""

    keep: int
    _messages: deque[Sms] = field(init=False)
    _replies: deque[Reply] = field(init=False)
    _sequence: itertools.count[int] = field(init=False)
    accepted: int = 0

    def __post_init__(self) -> None:
        self._messages = deque(maxlen=self.keep)
        self._replies = deque(maxlen=self.keep)
        self._sequence = itertools.count(1)

    def receive(self, sms: Sms) -> None:
        """Put a message that the carrier took into the phone's list."""
        self._messages.append(sms)
        self.accepted += 1

    def answer(self, phone: str, content: str, at: datetime) -> Reply:
        """A person replies from `phone`."""
        reply = Reply(phone, content, at, next(self._sequence))
        self._replies.append(reply)
        return reply

    def newest(self, limit: int) -> list[Sms]:
        """The newest messages first."""
        return list(itertools.islice(reversed(self._messages), limit))

    def replies(self, limit: int) -> list[Reply]:
        """The newest replies first."""
        return list(itertools.islice(reversed(self._replies), limit))

    def sent_to(self, phone: str, carrier: CarrierName) -> Iterator[Sms]:
        """What `phone` was sent by one carrier, newest first."""
        return (sms for sms in reversed(self._messages) if sms.phone == phone and sms.carrier == carrier)

    def on_day(self, phone: str, day: date) -> list[Sms]:
        """What `phone` was sent by Aliyun SMS on a China day, newest first."""
        sent = self.sent_to(phone, "aliyun_sms")
        return [sms for sms in sent if sms.accepted_at.astimezone(CHINA).date() == day]

    def last_texted_by(self, phone: str) -> CarrierName:
        """Who sent the newest SMS that `phone` has, and so gets its reply; Aliyun where it has none."""
        mine = (sms.carrier for sms in reversed(self._messages) if sms.phone == phone and sms.way == "sms")
        return next(mine, "aliyun_sms")


def china_time(moment: datetime) -> str:
    """`2026-01-07 23:10:05`, +08:00 and without saying so, as carriers write it."""
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def sms_as_json(sms: Sms) -> dict[str, object]:
    """One row of `/messages.json`: an SMS or a call."""
    return {
        "phone": sms.phone,
        "phone_masked": mask_phone(sms.phone),
        "text": sms.text,
        "template": sms.template,
        "out_id": sms.out_id,
        "biz_id": sms.biz_id,
        "accepted_at": _utc(sms.accepted_at),
        "delivered": sms.delivery is Delivery.delivered,
        "delivery": sms.delivery.value,
        "err_code": sms.err_code,
        "reported_at": _utc(sms.reported_at) if sms.reported_at else None,
        "receipt_told": sms.receipt_told,
        "carrier": sms.carrier,
        "way": sms.way,
        **sms.details,
    }


def reply_as_json(reply: Reply) -> dict[str, object]:
    """One row of `/replies.json`."""
    return {
        "phone": reply.phone,
        "phone_masked": mask_phone(reply.phone),
        "content": reply.content,
        "at": _utc(reply.at),
        "sequence_id": str(reply.sequence),
    }


def _utc(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
