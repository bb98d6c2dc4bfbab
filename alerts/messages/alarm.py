"""What a message says of an alarm: what, where, since when, what to do now. Pure; lengths are the channel's."""

from __future__ import annotations

from datetime import datetime

from alerts.messages.place import Params, Place, in_a_drill, local_time, params_of
from alerts.messages.words import ALL, advice_of, what_of
from catalogue.escalation import Level
from catalogue.language import Language, language_of
from catalogue.rules import Rule


def raised(
    rule: Rule,
    place: Place,
    value: float | None,
    measured_at: datetime,
    *,
    late: bool,
    zone: str,
    language: str,
    detail: str = "",
) -> Params:
    """The parameters of "this is happening"; `detail` is the fault, of a rule on faults."""
    reader = language_of(language)
    what = what_of(reader, rule, value, detail)
    if late:
        what = reader.phrase("late", what=what)
    do = in_a_drill(reader, place, advice_of(reader, rule, detail))
    return params_of(reader, place, what, local_time(measured_at, zone, reader), do, answers=ALL)


def cleared(rule: Rule, place: Place, cleared_at: datetime, *, zone: str, language: str) -> Params:
    """The parameters of "this is over", to the same people. A latching alarm waits for one of them to say so too."""
    reader = language_of(language)
    what = reader.phrase("cleared", what=what_of(reader, rule))
    do = in_a_drill(reader, place, reader.phrases["cleared_latching_do" if rule.latching else "cleared_do"], over=True)
    answers = ("ack",) if rule.latching else ()
    return params_of(reader, place, what, local_time(cleared_at, zone, reader), do, answers=answers)


def flapping(rule: Rule, place: Place, since: datetime, *, zone: str, language: str) -> Params:
    """The parameters of "this comes and goes": told once, not each time."""
    reader = language_of(language)
    what = reader.phrase("flapping", what=what_of(reader, rule))
    do = in_a_drill(reader, place, reader.phrases["flapping_do"])
    return params_of(reader, place, what, local_time(since, zone, reader), do)


def escalated(
    rule: Rule,
    place: Place,
    value: float | None,
    measured_at: datetime,
    *,
    minutes: int,
    level: Level,
    zone: str,
    language: str,
    detail: str = "",
) -> Params:
    """The parameters of "nobody has answered for so many minutes", to those of this level."""
    reader = language_of(language)
    what = reader.phrase("unanswered", minutes=minutes, what=what_of(reader, rule, value, detail))
    do = _from(level, reader, place, rule, detail)
    return params_of(reader, place, what, local_time(measured_at, zone, reader), do, answers=ALL)


def help_asked(
    rule: Rule,
    place: Place,
    value: float | None,
    measured_at: datetime,
    *,
    who: str = "",
    level: Level,
    zone: str,
    language: str,
    detail: str = "",
) -> Params:
    """The parameters of "somebody there has asked for help"; `who` by name, where that is known."""
    reader = language_of(language)
    name = "help_asked_by" if who else "help_asked"
    what = reader.phrase(name, who=who, what=what_of(reader, rule, value, detail))
    do = _from(level, reader, place, rule, detail)
    return params_of(reader, place, what, local_time(measured_at, zone, reader), do, answers=ALL)


def reopened(
    rule: Rule,
    place: Place,
    value: float | None,
    measured_at: datetime,
    *,
    minutes: int,
    who: str = "",
    zone: str,
    language: str,
    detail: str = "",
) -> Params:
    """The parameters of "still dangerous so many minutes after `who` had it"."""
    reader = language_of(language)
    name = "reopened_by" if who else "reopened"
    what = reader.phrase(name, who=who, minutes=minutes, what=what_of(reader, rule, value, detail))
    do = in_a_drill(reader, place, advice_of(reader, rule, detail))
    return params_of(reader, place, what, local_time(measured_at, zone, reader), do, answers=ALL)


def _from(level: Level, reader: Language, place: Place, rule: Rule, detail: str) -> str:
    advice = advice_of(reader, rule, detail)
    if level != "village":
        advice = reader.phrase("send_someone_do", do=advice)
    return in_a_drill(reader, place, advice)
