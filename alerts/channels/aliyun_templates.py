"""The SMS templates as they are to be approved at Aliyun, and how values are made to fit them."""

from __future__ import annotations

from collections.abc import Mapping
from string import Template
from typing import Final

from alerts.channels.channel import TemplateName
from alerts.channels.plain import BRACKETS, MOBILE, URL, in_plain, length
from alerts.channels.sms_templates import NAMES, ORDER, named
from catalogue.language import LANGUAGE, SOURCE, Language, language_of
from foundation.logs import mask_phone
from foundation.settings import Settings

TEMPLATES: Final[dict[TemplateName, str]] = {name: named(name) for name in NAMES}
"""The Chinese texts. All languages: `nuanshao messages templates`."""

ANSWERS: Final[dict[str, str]] = {"ack": "1", "wrong": "2", "help": "3"}
"""What is answered: I have it, false alarm, need help. Short codes stand here when several alarms are open."""

LONGEST_VALUE: Final = 35
"""Characters that a free variable may hold."""
LONGEST_TEXT: Final = 500
"""Characters of a template with its values."""
SINGLE_SMS: Final = 70
SEGMENT: Final = 67
"""Up to 70 characters are one SMS, signature included; longer ones are cut into 67 each."""


def fallbacks(language: Language) -> dict[str, str]:
    """What stands in for an empty variable (the carrier refuses those). No home: the whole village."""
    phrases = language.phrases
    shown = {name: phrases[f"no_{name}"] for name in ("place", "home", "what", "since", "do")}
    return shown | ANSWERS | {"answer": phrases["answer_none"]}


FALLBACKS: Final[dict[str, str]] = fallbacks(LANGUAGE[SOURCE])
"""Those of Chinese; the keys are all variables that any template has."""


def approved_codes(chosen: Settings) -> dict[str, dict[TemplateName, str]]:
    """The template codes that the settings name, by language."""
    found: dict[str, dict[TemplateName, str]] = {
        SOURCE: {"critical": chosen.aliyun_sms_template_critical, "routine": chosen.aliyun_sms_template_routine},
        "en": {"critical": chosen.aliyun_sms_template_critical_en, "routine": chosen.aliyun_sms_template_routine_en},
        "mn": {"critical": chosen.aliyun_sms_template_critical_mn, "routine": chosen.aliyun_sms_template_routine_mn},
    }
    return {code: {name: one for name, one in codes.items() if one} for code, codes in found.items()}


def frame_of(codes: Mapping[str, Mapping[TemplateName, str]], language: str, template: TemplateName) -> str:
    """In which language the words around the values are: the reader's where that template is approved, else Chinese."""
    code = language_of(language).code
    return code if codes.get(code, {}).get(template) else SOURCE


def render(template: TemplateName, params: Mapping[str, str], language: str = SOURCE) -> str:
    """The text of the message without the signature; a variable that is missing stays visible as ${name}."""
    return Template(named(template, language)).safe_substitute(variables(template, params) | dict(params))


def variables(template: TemplateName, params: Mapping[str, str]) -> dict[str, str]:
    """The values of this template and no others. Where nothing is said how to answer, as ANSWERS."""
    usual = ANSWERS | {"answer": FALLBACKS["answer"]}
    known = {**usual, **params}
    return {name: known[name] for name in ORDER[template] if name in known}


def check(params: Mapping[str, str], template: TemplateName = "routine") -> list[str]:
    """What the carrier would refuse, one line each; numbers are masked. Empty when all is well."""
    problems = [f"{name}: missing" for name in ORDER[template] if not params.get(name, "").strip()]
    for name, value in params.items():
        if length(value) > LONGEST_VALUE:
            problems.append(f"{name}: {length(value)} characters, at most {LONGEST_VALUE}")
        if BRACKETS.search(value):
            problems.append(f"{name}: 【】 belong to the signature")
        problems += [f"{name}: holds the mobile number {mask_phone(number)}" for number in MOBILE.findall(value)]
        if URL.search(value):
            problems.append(f"{name}: holds an address on the web")
    return problems


def fit(params: Mapping[str, str], language: str = SOURCE) -> dict[str, str]:
    """The same values, made acceptable: an alarm is never refused for the form of a name. Idempotent.

    `call`, whom to call, goes into the place where there is room. `answer` says in words what ack, wrong and help hold.
    """
    reader = language_of(language)
    stand_in = fallbacks(reader)
    values = {name: in_plain(value, LONGEST_VALUE) for name, value in params.items()}
    fitted = {name: value or stand_in[name] for name, value in values.items() if name in stand_in}
    for name in ("place", "home", "what", "since", "do"):
        fitted.setdefault(name, stand_in[name])
    if call := values.pop("call", ""):
        fitted["place"] = in_plain(reader.phrase("place_call", place=fitted["place"], call=call), LONGEST_VALUE)
    fitted["answer"] = in_plain(_answer(reader, fitted), LONGEST_VALUE)
    return {**{name: value for name, value in values.items() if name not in stand_in}, **fitted}


def segments(sign_name: str, text: str) -> int:
    """How many SMS are billed for a text under this signature."""
    characters = length(text) + len(sign_name) + 2
    return 1 if characters <= SINGLE_SMS else -(-characters // SEGMENT)


def _answer(language: Language, fitted: Mapping[str, str]) -> str:
    """How it is answered; a message that says it already, or asks for nothing, is left as it is."""
    if {"ack", "wrong", "help"} <= fitted.keys():
        return language.phrase("answer", **fitted)
    if "ack" in fitted:
        return language.phrase("answer_ack", ack=fitted["ack"])
    return fitted.get("answer", language.phrases["answer_none"])
