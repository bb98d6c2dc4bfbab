"""What a channel is: it hands one message to a carrier and says how that ended. It never raises for a refusal."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

TemplateName = Literal["critical", "routine"]


@dataclass(frozen=True)
class Message:
    """One message to one recipient. `key` makes a repetition recognisable; carriers echo it in receipts."""

    phone: str = field(repr=False)
    template: TemplateName
    params: dict[str, str]
    key: str


@dataclass(frozen=True)
class Accepted:
    """The carrier took the message; `carrier_id` is its own name for it."""

    carrier_id: str


@dataclass(frozen=True)
class Refused:
    """The carrier said no: `reason` is bounded (a metric label), `after_s` the wait before a retry, if any."""

    reason: str
    retryable: bool
    after_s: float = 0.0


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
    """A way to reach a person."""

    name: str

    async def send(self, message: Message) -> Outcome:
        """Hand the message to the carrier, once."""
        ...

    async def lookup(self, message: Message, sent_at: datetime) -> Receipt | Accepted | None:
        """What the carrier knows of a message: its receipt, that it is on its way, or None if it never had it.

        Raises `LookupFailed` when the carrier cannot be asked.
        """
        ...

    async def close(self) -> None:
        """Let connections go."""
        ...


class LookupFailed(Exception):
    """The carrier cannot be asked now; ask again later."""
