"""The whole text of a message as its reader sees or hears it, for each way. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from alerts.channels import aliyun_voice_templates as calls
from alerts.channels.aliyun_templates import fallbacks, fit, render
from alerts.channels.channel import TemplateName, Way
from alerts.channels.plain import in_plain, plain
from alerts.messages.place import Params
from catalogue.language import Language, language_of

LONGEST_ELSEWHERE: Final = 80
"""Characters of a value where no carrier counts them: six in Chinese, their labels and a link stay below WeCom's 2048
bytes."""

SPOKEN: Final = ("place", "home", "what", "since", "do")
"""What is read aloud of a message; how to answer stands in the call's own words."""

LONGEST_SPOKEN: Final = 100
"""Characters of a value as it is read aloud: 35 before numbers and units are written as words (our choice: no document
that we know says how many a voice template takes)."""


def values(way: Way, language: str, params: Mapping[str, str]) -> Params:
    """The parameters as this way carries them, for carriers with templates of their own and for `compose`."""
    if way == "sms":
        return fit(params, language)
    reader = language_of(language)
    if way == "voice":
        fitted = fit({name: value for name, value in params.items() if name not in {"ack", "wrong", "help"}}, language)
        stand_in = fallbacks(reader)
        # of a name that is nothing but signs nothing is left to be read
        return {name: spoken(reader, value) or stand_in[name] for name, value in fitted.items() if name in SPOKEN}
    stand_in = fallbacks(reader)
    read = {name: in_plain(value, LONGEST_ELSEWHERE) for name, value in params.items()}
    return {name: read.get(name) or stand_in[name] for name in ("place", "home", "what", "since", "do")} | {
        name: value for name, value in read.items() if value
    }


def compose(
    way: Way,
    template: TemplateName,
    language: str,
    params: Mapping[str, str],
    *,
    frame: str | None = None,
    link: str = "",
) -> str:
    """The text, without a signature. Of e-mail the first line is the subject, then an empty one.

    `frame`: the language of the words around the values where a carrier has approved the text in another one only.
    `link`: where it can be answered on a page; a line of its own, for ways that have lines.
    """
    shown = values(way, language, params)
    if way == "sms":
        return render(template, shown, frame or language)
    if way == "voice":
        return calls.render(calls.ASKS, calls.call_params(shown))
    reader = language_of(language)
    title = reader.phrases[f"title_{template}"]
    lines = [*_lines(reader, shown), *([link] if link else [])]
    if way == "email":
        return "\n".join([subject(language, template, params), "", *_labelled(reader, {"what": shown["what"]}), *lines])
    return "\n".join([reader.phrase("line", label=title, value=shown["what"]), *lines])


def subject(language: str, template: TemplateName, params: Mapping[str, str]) -> str:
    """One line that says it all: of an e-mail, of a notification on a locked screen."""
    reader = language_of(language)
    return plain(
        reader.phrase("subject", title=reader.phrases[f"title_{template}"], **values("email", language, params))
    )


def fields(language: str, params: Mapping[str, str]) -> list[tuple[str, str]]:
    """Label and value, for what shows a table: a template of the Official Account, a card."""
    reader = language_of(language)
    shown = values("wechat", language, params)
    shown["where"] = reader.phrase("where", **shown)
    return [
        (reader.phrases[f"label_{name}"], shown[name])
        for name in ("what", "where", "since", "do", "call")
        if name in shown
    ]


def spoken(language: Language, value: str) -> str:
    """The value as it is read aloud: `02:15` is 2点15分, `356ppm` is not one word."""
    for pattern, replacement in language.spoken:
        value = pattern.sub(replacement, value)
    return in_plain(value, LONGEST_SPOKEN)


def _lines(reader: Language, shown: Params) -> list[str]:
    where = {"where": reader.phrase("where", **shown)}
    lines = _labelled(reader, where | {name: shown[name] for name in ("since", "do", "call") if name in shown})
    return [*lines, reader.phrases["tap"]] if "ack" in shown else lines


def _labelled(reader: Language, shown: Mapping[str, str]) -> list[str]:
    return [reader.phrase("line", label=reader.phrases[f"label_{name}"], value=value) for name, value in shown.items()]
