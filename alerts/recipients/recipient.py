"""Somebody who is told, and the ways in which. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from alerts.channels.channel import TemplateName, Way

QUICK: Final[tuple[Way, ...]] = ("sms", "wecom", "wecom_robot", "wechat", "webhook", "email")
"""A critical message goes each of these ways at once: the carrier of one of them may be down, or lie."""
CHEAP: Final[tuple[Way, ...]] = ("wecom_robot", "webhook", "wecom", "wechat", "sms", "email")
"""A routine message goes the first of these ways; an SMS costs money and a place in the quota."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A contact. `ways`: those for which it has an address and the deployment an account."""

    contact_id: int
    language: str
    ways: tuple[Way, ...]
    why: str = "contact"
    """Named reason why this one is told: contact, on_duty, substitute, nobody_on_duty, region_above, organisation,
    relative, canary."""


def ways_for(recipient: Recipient, template: TemplateName) -> tuple[Way, ...]:
    """Which ways a message of this template goes to this recipient. Voice is the escalation's own."""
    if template == "critical":
        return tuple(way for way in QUICK if way in recipient.ways)
    return next(((way,) for way in CHEAP if way in recipient.ways), ())
