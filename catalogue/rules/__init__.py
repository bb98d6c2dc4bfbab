"""Rules: what raises and what clears an alarm. One file a family of kinds; a pack is a versioned set of them."""

from catalogue.rules.events import CountRule, EventRule, FaultRule
from catalogue.rules.levels import ExposureRule, LevelRule, RateRule, ThresholdRule
from catalogue.rules.looks import QUARTER_S, ForecastRule, LookRule, ShareRule, StuckRule
from catalogue.rules.pack import READING_KINDS, AnyRule, RulePack
from catalogue.rules.pack_files import (
    default_pack,
    named_pack,
    pack_in_force,
    parse_pack,
    read_pack,
    shipped_pack,
    shipped_packs,
)
from catalogue.rules.rule import Hours, Priority, Rule, Seconds
from catalogue.rules.silence import SilenceRule

__all__ = [
    "QUARTER_S",
    "READING_KINDS",
    "AnyRule",
    "CountRule",
    "EventRule",
    "ExposureRule",
    "FaultRule",
    "ForecastRule",
    "Hours",
    "LevelRule",
    "LookRule",
    "Priority",
    "RateRule",
    "Rule",
    "RulePack",
    "Seconds",
    "ShareRule",
    "SilenceRule",
    "StuckRule",
    "ThresholdRule",
    "default_pack",
    "named_pack",
    "pack_in_force",
    "parse_pack",
    "read_pack",
    "shipped_pack",
    "shipped_packs",
]
