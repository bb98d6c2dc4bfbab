"""The clock, injected wherever a decision depends on time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the present moment, timezone-aware, UTC."""


def from_ms(ms: float) -> datetime:
    """The moment so many ms after the beginning of 1970."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def utc_now() -> datetime:
    """The wall clock in UTC."""
    return datetime.now(UTC)
