"""What comes from the broker and what is said of it: the seam behind which another source of messages would fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple


class Delivery(NamedTuple):
    """One message as received. `connection` and `packet_id` are what an acknowledgement needs."""

    connection: int
    packet_id: int
    topic: str
    payload: bytes
    duplicate: bool
    received_ms: int


RejectReason = Literal[
    "empty",
    "too_large",
    "not_utf8",
    "not_json",
    "not_a_reading",
    "not_an_event",
    "not_a_status",
    "too_many_readings",
    "wrong_type",
    "bad_topic",
    "unknown_device",
    "retired_device",
    "not_behind_gateway",
    "unknown_event",
    "not_storable",
]


@dataclass(frozen=True, slots=True)
class Reject:
    """Something that is not stored: a bounded reason, and what exactly was wrong."""

    reason: RejectReason
    detail: str
    excerpt: bytes | None = None
    """The bytes that it is about, where they are a part of the payload only."""
