"""Why something is not stored: a bounded reason, and what exactly was wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
