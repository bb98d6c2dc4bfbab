"""Whether people are told of an alarm now, and what becomes of a message that was held back. Pure: named reasons.

Condition and acknowledgement are not touched: a suppressed alarm is raised, seen and cleared as any other (ISA-18.2's
third axis). Rules with `life_safety` pass everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from catalogue.rules import Rule, SilenceRule

Suppression = Literal["none", "shelved", "inhibited", "out_of_service", "by_design"]
Kind = Literal["raised", "cleared"]
Outcome = Literal[
    "told",
    "over_before_it_was_told",
    "closed_before_it_was_told",
    "acknowledged_before_it_was_told",
    "raised_again",
]
IN_SERVICE: Final = "in_service"


@dataclass(frozen=True, slots=True)
class Facts:
    """What may suppress one alarm, at one moment."""

    incident: int | None = None
    """The open incident that has its device, if any."""
    state: str = IN_SERVICE
    """Of its device, as in registry/lifecycle.py."""
    vacant: bool = False
    maintenance_until: datetime | None = None
    shelved_until: datetime | None = None
    shelved_scope: Literal["alarm", "rule", "device"] | None = None
    flapping_until: datetime | None = None
    going_on: tuple[str, ...] = ()
    """Rules of the device's other alarms that are active and told."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The suppression of an alarm, why, and when it ends by itself (None: when its cause does)."""

    suppression: Suppression
    reason: str
    until: datetime | None = None
    incident: int | None = None

    @property
    def told(self) -> bool:
        """Whether people are told now."""
        return self.suppression == "none"


TOLD: Final = Verdict("none", "")


def judge(rule: Rule, facts: Facts) -> Verdict:
    """What suppresses an alarm of this rule. Of several causes the one that a person can do least about is named."""
    if rule.life_safety:
        return TOLD
    by = rule.suppressed_by
    if facts.incident is not None and isinstance(rule, SilenceRule):
        return Verdict("inhibited", "incident", None, facts.incident)
    if facts.state != IN_SERVICE and "out_of_service" in by:
        return Verdict("out_of_service", f"device_{facts.state}")
    if facts.maintenance_until is not None and "maintenance" in by:
        return Verdict("out_of_service", "maintenance", facts.maintenance_until)
    # a device takes nothing critical along to the shelf: that is shelved by name, and for an hour
    shelved = facts.shelved_scope != "device" or rule.priority != "critical"
    if facts.shelved_until is not None and shelved and "shelving" in by:
        return Verdict("shelved", f"{facts.shelved_scope}_shelved", facts.shelved_until)
    if facts.vacant and "vacant" in by:
        return Verdict("by_design", "vacant_home")
    if facts.flapping_until is not None and "flapping" in by:
        return Verdict("by_design", "flapping", facts.flapping_until)
    worse = next((one for one in rule.covered_by if one in facts.going_on), None)
    if worse is not None:
        return Verdict("by_design", f"covered_by_{worse}")
    return TOLD


def after_suppression(
    kind: Kind, *, condition: str, closed: bool, acknowledged: bool, priority: str, raised_again: bool
) -> Outcome:
    """What becomes of a message that was held back, now that nothing suppresses its alarm: told if it is still so.

    `raised_again`: a newer alarm of the same rule on the same device is going on, or has its own end to tell.
    """
    if kind == "cleared":
        return "raised_again" if raised_again or condition != "normal" else "told"
    if closed:
        return "closed_before_it_was_told"
    if condition not in {"active", "recovering"}:
        return "over_before_it_was_told"
    # as for messages that wait in the outbox: of what is critical the others hear, too
    if acknowledged and priority != "critical":
        return "acknowledged_before_it_was_told"
    return "told"
