"""Whether a quantity was beyond a level for too much of the time, as a room that is too cold. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from alerts.looks.verdict import Verdict
from catalogue.rules import QUARTER_S, ShareRule

KNOWN_SHARE: Final = 0.75
"""So much of the time must be known; what nobody measured counts neither way (source: our choice)."""


def judge_share(
    rule: ShareRule, *, beyond: int, known: int, beyond_now: bool, in_service_since: datetime, now: datetime
) -> Verdict:
    """`beyond` of the `known` quarters of the rule's time were beyond the level, the newest among them or not."""
    over = timedelta(seconds=rule.over_s)
    if now - in_service_since < over:
        return Verdict("keep", "too_new")
    if known < KNOWN_SHARE * rule.over_s / QUARTER_S:
        return Verdict("keep", "too_little_known")
    share = beyond / known
    if share <= rule.clear_share:
        return Verdict("clear", "back_within_its_share", share)
    if share < rule.share:
        return Verdict("keep", "within_its_share", share)
    if not beyond_now:
        return Verdict("keep", "not_beyond_now", share)  # nobody is told of what is over
    return Verdict("raise", "beyond_most_of_the_time", share, now - over)
