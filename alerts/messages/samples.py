"""Messages as they could be: every rule and every kind of message of an invented home, for preview and tests. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from alerts.channels.channel import TemplateName
from alerts.messages import alarm, incident
from alerts.messages.digest import digest
from alerts.messages.kept import Say
from alerts.messages.place import Params, Person, Place
from catalogue.rules import FaultRule, ForecastRule, LevelRule, Rule, ShareRule, StuckRule

ZONE: Final = "Asia/Shanghai"
SINCE: Final = datetime(2026, 1, 15, 18, 15, tzinfo=UTC)
HOME: Final = Place("巴彦塔拉嘎查村", "3组12号", "150521101201-012-co")
"""A village name of usual length. In messages to those above, with the person to call."""
LINK: Final = "https://nuanshao.example/a/0123456789abcdefghijklmnopqrstuvwxyz0123"
_CALL: Final = Person(1, "包图雅", "村主任")


@dataclass(frozen=True, slots=True)
class Sample:
    """One message. `about`: a rule, incident or digest. `kind`: raised, late, drill, … or what the incident is."""

    about: str
    kind: str
    template: TemplateName
    params: Params


def of_rule(rule: Rule, language: str, home: Place = HOME) -> Iterator[Sample]:
    """Every message that an alarm of this rule can make."""
    value = _value(rule)
    called = replace(home, call=_CALL)
    detail = rule.faults[0] if isinstance(rule, FaultRule) else ""
    real: TemplateName = "critical" if rule.priority == "critical" else "routine"
    drilled = replace(home, uid="drill-7-1-co", drill=True)

    def raised(place: Place, *, late: bool = False) -> Params:
        return alarm.raised(
            rule, place, None if late else value, SINCE, late=late, zone=ZONE, language=language, detail=detail
        )

    yield Sample(rule.id, "raised", real, raised(home))
    yield Sample(rule.id, "late", real, raised(home, late=True))
    yield Sample(rule.id, "drill", "routine", raised(drilled))
    yield Sample(rule.id, "cleared", "routine", alarm.cleared(rule, home, SINCE, zone=ZONE, language=language))
    yield Sample(rule.id, "flapping", "routine", alarm.flapping(rule, home, SINCE, zone=ZONE, language=language))
    unanswered = alarm.escalated(
        rule, called, value, SINCE, minutes=15, level="township", zone=ZONE, language=language, detail=detail
    )
    yield Sample(rule.id, "unanswered", real, unanswered)
    asked = alarm.help_asked(
        rule, called, value, SINCE, who=_CALL.name, level="county", zone=ZONE, language=language, detail=detail
    )
    yield Sample(rule.id, "help", real, asked)
    again = alarm.reopened(
        rule, home, value, SINCE, minutes=30, who=_CALL.name, zone=ZONE, language=language, detail=detail
    )
    yield Sample(rule.id, "reopened", real, again)


def of_incidents(language: str) -> Iterator[Sample]:
    """Every message that an incident can make, and a digest."""
    village, area, gateway = HOME.village, "科左中旗", "gw-0123"
    power, unknown = "疑似停电", "疑似停电或断网"
    told: tuple[tuple[str, Say], ...] = (
        ("village_silent", incident.village_silent(village, 37, 40, SINCE, zone=ZONE, hint=unknown)),
        ("village_silent_drill", incident.village_silent(village, 37, 40, SINCE, zone=ZONE, hint=unknown, drill=True)),
        ("village_back", incident.village_back(village, 36, 37, SINCE, zone=ZONE)),
        ("gateway_silent", incident.gateway_silent(village, gateway, 37, 40, SINCE, hint=unknown, zone=ZONE)),
        ("gateway_back", incident.gateway_back(village, gateway, 36, 37, SINCE, zone=ZONE)),
        ("area_silent", incident.area_silent(area, 12, 450, 480, SINCE, hint=power, zone=ZONE, grown=False)),
        ("area_grown", incident.area_silent(area, 24, 900, 960, SINCE, hint=power, zone=ZONE, grown=True)),
        ("area_back", incident.area_back(area, 11, 12, SINCE, zone=ZONE)),
        ("model_fault", incident.model_fault("通辽市", "acme A1", "ignition_failed", 40, 12, SINCE, zone=ZONE)),
        ("model_fault_over", incident.model_fault_over("通辽市", "acme A1", "ignition_failed", 40, SINCE, zone=ZONE)),
        ("clock_wrong", incident.clock_wrong("通辽市", gateway, 37, SINCE, of_gateway=True, zone=ZONE)),
        ("clock_right", incident.clock_right("通辽市", gateway, 36, 37, SINCE, of_gateway=True, zone=ZONE)),
    )
    for kind, say in told:
        yield Sample("incident", kind, "routine", say(language))
    counts = {"设备离线": 300, "室温低于5℃达1小时": 17, "设备自报过热": 3}
    yield Sample("digest", "digest", "routine", digest(counts, 12, SINCE, language, place=area, zone=ZONE))


def _value(rule: Rule) -> float | None:
    if isinstance(rule, LevelRule):
        return rule.raise_at + (56 if rule.metric == "co_ppm" else 0) if rule.raise_at is not None else None
    if isinstance(rule, ShareRule):
        return rule.share
    if isinstance(rule, ForecastRule):
        return rule.hours_left
    return 0.0 if isinstance(rule, StuckRule) else None
