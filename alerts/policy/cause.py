"""What a message tells, as it stands now, and what its reader has had already."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from alerts.channels.channel import TemplateName, Way

Kind = Literal["raised", "escalation", "cleared", "incident", "recovery", "flapping", "digest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One row of the query `causes_of`."""

    kind: Kind
    way: Way = "sms"
    template: TemplateName = "routine"
    created_at: datetime
    condition: str | None = None
    latching: bool | None = None
    priority: str | None = None
    life_safety: bool = False
    """Whether it tells of what passes every cap, quiet hour and grouping."""
    acknowledged: bool = False
    closed: bool = False
    incident_over: bool = False
    first_told: bool = True
    """Whether the recipient has had the message that this one takes back."""
    first_waiting: bool = False
    """Whether that message is still under way to the carrier."""
    drill_over: bool = False
    """Whether it is of a drill that has ended."""
    real_alarm: bool = False
    """Whether it is of a drill in a home that has a real alarm, critical or high, now; silence alone is none."""
    told_of_drills: int = 0
    """If it is of a drill: how many messages of drills its number has had in a day."""
    canary: Literal["", "account", "phone"] = ""
    """If it is the canary's: how far it is to go."""
    suppressed: str = ""
    """Why people are not told of its alarm now (alerts/suppression.py), if so; it is told when that is over."""
    last_hour: int = 0
    """Messages of this template that its reader has had this way in an hour, or that are just being sent."""
    last_day: int = 0
    """The same in 24 hours."""
    waiting: int = 1
    """Routine messages to this reader, this way, that are due now and have never been sent; with this one."""
    last_digest_at: datetime | None = None
    """When its reader was written the last digest."""
