"""What is done with a message now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Go:
    """Send it now."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Of the canary: everything as for a message that is sent, but the carrier is only asked something."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not yet."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Not by itself: at `until` it is told in a digest, with what else is held for its reader (alerts/digests.py)."""

    until: datetime
    reason: Literal["quiet_hours", "grouped", "over_budget"]


@dataclass(frozen=True, slots=True)
class Covered:
    """It was told while the database was away (alerts/standby), and is written down as that."""


@dataclass(frozen=True, slots=True)
class End:
    """It has an end, with a named reason."""

    state: Literal["delivered", "failed", "superseded"]
    reason: str


Verdict = Go | Ask | Wait | Hold | End
