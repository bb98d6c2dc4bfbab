"""The catalogue's words in a language: what a rule or a fault is called, what to do, what was measured. Pure."""

from __future__ import annotations

import math
from typing import Final

from catalogue.faults import FAULT
from catalogue.language import SOURCE, Language
from catalogue.metrics import METRIC
from catalogue.rules import ForecastRule, LevelRule, Rule, ShareRule, StuckRule

_HIGHEST_SHOWN: Final = 9999
_ENGLISH: Final = "en"
ALL: Final = ("ack", "wrong", "help")
"""An alarm can be taken, be called false, or be more than one can cope with."""


def said(language: Language, zh: str, en: str = "") -> str:
    """Words of the catalogue: translated, or its own English for an English reader, or its Chinese."""
    return language.said.get(zh) or (en if language.code == _ENGLISH and en else zh)


def what_of(language: Language, rule: Rule, value: float | None = None, detail: str = "") -> str:
    """What happened: the rule with its measured value, or with its fault."""
    what = said(language, rule.zh, rule.en)
    if (fault := FAULT.get(detail)) is not None:
        return language.phrase("with_fault", what=what, fault=said(language, fault.zh, fault.en))
    return f"{what}{_shown(language, rule, value)}"


def advice_of(language: Language, rule: Rule, detail: str = "") -> str:
    """What to do: the fault's line, else the rule's; a general one where that is not translated (language files)."""
    fault = FAULT.get(detail)
    advice = fault.do if fault is not None else rule.do
    if language.code == SOURCE:
        return advice
    return language.said.get(advice) or language.general_do or advice


def fault_of(language: Language, fault: str) -> str:
    """The words for a canonical fault, for the lock-out, or for a code that no table knows."""
    if fault == "lockout":
        return language.phrases["lockout"]
    known = FAULT.get(fault)
    return said(language, known.zh, known.en) if known is not None else language.phrase("code", code=fault)


def _shown(language: Language, rule: Rule, value: float | None) -> str:
    """The measured value, where the rule is about one: `（现356ppm）`; hours, where it is about what will be."""
    if value is None or not abs(value) <= _HIGHEST_SHOWN:
        return ""
    if isinstance(rule, ForecastRule):
        if value < 1:
            return language.phrases["within_the_hour"]
        return language.phrase("hours_ahead", hours=math.floor(value))
    if isinstance(rule, ShareRule):
        return language.phrase("share_of_time", share=f"{value:.0%}")
    if not isinstance(rule, LevelRule | StuckRule):
        return ""
    metric = METRIC[rule.metric]
    number = f"{value:.{metric.decimals}f}"
    unit = language.phrases["celsius"] if metric.unit == "°C" else metric.unit
    return language.phrase("now", value=language.phrase("measured", number=number, unit=unit).strip())
