"""Whether a sensor is stuck: one value, to the last digit, for hours. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerts.looks.verdict import Verdict
from catalogue.rules import QUARTER_S, StuckRule

KNOWN_SHARE: Final = 0.9
"""So many of the quarters in which a reading was due must have one: a gap may hide a change (source: our choice)."""
FEWEST_READINGS: Final = 6
"""A device that spoke less often has not been seen to be stuck (source: our choice)."""


@dataclass(frozen=True, slots=True)
class Quarters:
    """What a device measured of one metric over some quarters of an hour.

    `quarters`: how many held a reading with a value; `averages` are those of other metrics, None where there was none.
    """

    lowest: float | None
    highest: float | None
    quarters: int
    readings: int
    averages: Mapping[str, float | None]


def may_be_stuck(lowest: float | None, highest: float | None, rule: StuckRule) -> bool:
    """Whether the newest quarter alone leaves it possible: for almost all devices that is the end of it."""
    return lowest is not None and lowest == highest and lowest not in rule.except_values


def judge_stuck(rule: StuckRule, interval_s: float, seen: Quarters, since: datetime) -> Verdict:
    """`seen` is the rule's whole time, which began at `since`."""
    if seen.lowest is None or seen.highest is None:
        return Verdict("keep", "not_heard_of_late")
    if seen.lowest != seen.highest:
        return Verdict("clear", "changed_again", seen.highest)
    if seen.lowest in rule.except_values:
        return Verdict("clear", "at_rest", seen.lowest)
    expected = min(rule.over_s / QUARTER_S, rule.over_s / interval_s)
    if seen.readings < FEWEST_READINGS or seen.quarters < KNOWN_SHARE * expected:
        return Verdict("keep", "too_little_known", seen.lowest)
    if not all(given.holds(seen.averages.get(name)) for name, given in rule.given_avg.items()):
        # an alarm that stands goes on: a sensor is not mended by a heater that stands still
        return Verdict("keep", "heater_not_running", seen.lowest)
    return Verdict("raise", "unchanged_for_hours", seen.lowest, since)
