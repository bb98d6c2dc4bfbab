"""Rules in words, as `docs/catalogue.md` has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from catalogue.metrics import METRIC
from catalogue.rules import (
    CountRule,
    EventRule,
    ExposureRule,
    FaultRule,
    ForecastRule,
    LevelRule,
    RateRule,
    Rule,
    ShareRule,
    SilenceRule,
    StuckRule,
    ThresholdRule,
)
from catalogue.rules.levels import Given
from demo.markdown import code

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600


def raised_when(rule: Rule) -> str:
    """What raises its alarm."""
    match rule:
        case EventRule():
            return f"the device says `{rule.event}` is on"
        case CountRule():
            return f"`{rule.event}` came on {rule.at_least} times within {_time(rule.within_s)}"
        case FaultRule():
            return f"the device reports {', '.join(map(code, rule.faults))}"
        case SilenceRule():
            return f"nothing heard for {rule.intervals:g} intervals, at least {_time(rule.at_least_s)}"
        case LevelRule():
            return _beyond(rule) + _given(rule.given)
        case StuckRule():
            but = f" (not at {', '.join(f'{value:g}' for value in rule.except_values)})" if rule.except_values else ""
            on_average = _given(rule.given_avg).replace(" while ", " while on average ", 1)
            return f"{code(rule.metric)} unchanged to the last digit for {_time(rule.over_s)}{but}{on_average}"
        case ShareRule():
            level = f"{'≥' if rule.direction == 'above' else '<'} {rule.level:g} {METRIC[rule.metric].unit}".strip()
            own = f", or the region's {code(rule.parameter)}" if rule.parameter else ""
            empty = "" if rule.vacant_homes else "; not in vacant homes"
            return f"{code(rule.metric)} {level}{own} in {rule.share:.0%} of {_time(rule.over_s)}{empty}"
        case ForecastRule():
            return (
                f"a home whose heaters have been silent for {_time(rule.silent_for_s)} cools to {rule.level_c:g} °C"
                f" within {rule.hours_left:g} h, by its building class and the weather"
            )
        case _:
            return ""


def normal_when(rule: Rule) -> str:
    """What clears it."""
    match rule:
        case EventRule() | CountRule():
            return f"it says `{rule.event}` is off"
        case FaultRule():
            return "it reports none of them"
        case SilenceRule():
            return "heard again"
        case StuckRule():
            return "it changes"
        case ShareRule():
            return f"in {rule.clear_share:.0%} of {_time(rule.over_s)} or less"
        case ForecastRule():
            return f"a heater is heard again, or more than {rule.clear_hours_left:g} h are left"
        case LevelRule():
            text = f"{'<' if rule.direction == 'above' else '≥'} {_level(rule, rule.clear_at)}"
            return f"{text} for {_time(rule.off_delay_s)}" if rule.off_delay_s else text
        case _:
            return ""


def whom(rule: Rule) -> str:
    """Which devices it looks at and when, in brackets; empty for all that measure its metric, always."""
    said = []
    if rule.types:
        said.append(", ".join(code(name) for name in rule.types))
    if rule.except_types:
        said.append(f"all but {', '.join(code(name) for name in rule.except_types)}")
    for word, names in (("models", rule.models), ("buildings", rule.building_classes), ("regions", rule.regions)):
        if names:
            said.append(f"{word} {', '.join(map(code, names))}")
    if rule.season is not None:
        said.append(f"{rule.season.begins} to {rule.season.ends}")
    if rule.hours is not None:
        said.append(f"{rule.hours.since} to {rule.hours.until} o'clock")
    return f" ({'; '.join(said)})" if said else ""


def _beyond(rule: LevelRule) -> str:
    what = code(rule.metric) + (f" − {code(rule.minus)}" if rule.minus else "")
    text = f"{what} {'≥' if rule.direction == 'above' else '<'} {_level(rule, rule.raise_at)}"
    if rule.nameplate:
        text += ", or the limit of its model or type"
    match rule:
        case ThresholdRule(on_delay_s=delay) if delay:
            text += f" for {_time(delay)}"
        case ThresholdRule(confirm_s=confirm) if confirm:
            near = "" if rule.confirm_at is None else f" at ≥ {_level(rule, rule.confirm_at)}"
            text += f", confirmed within {_time(confirm)}{near} (at once where the device samples slower)"
        case ExposureRule():
            text += f", and the mean since then ≥ {_level(rule, rule.mean_at)} for {_time(rule.on_delay_s)}"
        case RateRule():
            way = "risen" if rule.direction == "above" else "fallen"
            text += f" and {way} by {_level(rule, rule.by)} within {_time(rule.within_s)}"
    return text


def _given(conditions: Mapping[str, Given]) -> str:
    said = []
    for name, given in conditions.items():
        if given.at_least == given.at_most:
            said.append(f"{code(name)} is {given.at_least:g}")
            continue
        if "at_least" in given.model_fields_set:
            said.append(f"{code(name)} ≥ {given.at_least:g}")
        if "at_most" in given.model_fields_set:
            said.append(f"{code(name)} ≤ {given.at_most:g}")
    return f" while {' and '.join(said)}" if said else ""


def _level(rule: LevelRule, value: float) -> str:
    return f"{value:g} {METRIC[rule.metric].unit}".strip()


def _time(seconds: float) -> str:
    for size, unit in ((_HOUR_S, "h"), (_MINUTE_S, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
