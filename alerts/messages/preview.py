"""Messages as their readers will see them, how long they are, and what a carrier would say to that. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Final, get_args

from alerts.cause import HINTS
from alerts.channels.aliyun_templates import LONGEST_TEXT, check, frame_of, segments
from alerts.channels.channel import TemplateName, Way
from alerts.channels.plain import BRACKETS, length
from alerts.messages.compose import LONGEST_SPOKEN, SPOKEN, compose, subject, values
from alerts.messages.samples import LINK, Sample, of_incidents, of_rule
from catalogue.faults import FAULTS
from catalogue.language import Language
from catalogue.rules import Rule

MOST_BYTES: Final[dict[Way, int]] = {"wecom": 2048, "wecom_robot": 2048}
"""Bytes of a text message (WeCom's documents; longer ones are refused with 40058)."""
MOST_SUBJECT: Final = 200
"""Characters of a subject: a line of a mail has at most 998 bytes encoded (RFC 5322, 2.1.1); below that our choice."""
WITH_LINK: Final[tuple[Way, ...]] = ("wecom", "wecom_robot", "wechat", "email", "webhook")


@dataclass(frozen=True, slots=True)
class Shown:
    """One message by one way. `refused`: what its carrier would refuse; `cut`: values that had to be shortened.

    `segments`: SMS that are billed; 0 for other ways.
    """

    about: str
    kind: str
    way: Way
    language: str
    template: TemplateName
    text: str
    characters: int
    bytes: int
    segments: int
    refused: tuple[str, ...]
    cut: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """As it is printed."""
        return asdict(self)


def show(sample: Sample, way: Way, language: str, *, frame: str | None, sign: str) -> Shown:
    """A sample by this way. `frame`: in which language the SMS template is approved; `sign`: the SMS signature."""
    link = LINK if "ack" in sample.params and way in WITH_LINK else ""
    text = compose(way, sample.template, language, sample.params, frame=frame, link=link)
    shown = values(way, language, sample.params)
    if way == "sms":
        text = f"【{sign}】{text}"
    return Shown(
        sample.about, sample.kind, way, language, sample.template, text,
        length(text), len(text.encode()), segments(sign, text.removeprefix(f"【{sign}】")) if way == "sms" else 0,
        tuple(_refused(sample, way, language, text, shown, sign)),
        tuple(name for name, value in shown.items() if value.endswith("…")),
    )  # fmt: skip


def preview(
    rules: Iterable[Rule],
    ways: Iterable[Way],
    language: str,
    *,
    codes: dict[str, dict[TemplateName, str]] | None,
    sign: str,
    incidents: bool,
) -> Iterator[Shown]:
    """Every message of these rules, and of incidents, by each way.

    `codes`: the SMS templates that the deployment has, by language; None shows the language's own.
    """
    samples = [sample for rule in rules for sample in of_rule(rule, language)]
    samples += of_incidents(language) if incidents else ()
    for way in ways:
        for sample in samples:
            frame = None if codes is None else frame_of(codes, language, sample.template)
            yield show(sample, way, language, frame=frame, sign=sign)


def missing(language: Language, rules: Iterable[Rule]) -> list[str]:
    """What the language lacks: names of phrases, and Chinese words of the catalogue."""
    words = [word for rule in rules for word in (rule.zh, rule.do)]
    words += [word for fault in FAULTS for word in (fault.zh, fault.do)]
    words += [hint.zh for hint in HINTS.values()]
    return [*language.missing, *language.untranslated(words)]


def templates() -> tuple[TemplateName, ...]:
    """The names of the templates."""
    return get_args(TemplateName)


def _refused(
    sample: Sample, way: Way, language: str, text: str, shown: dict[str, str], sign: str
) -> Iterator[str]:  # fmt: skip
    if way == "sms":
        yield from _refused_sms(text, sign)
        yield from check(shown, sample.template)
    elif way == "voice":
        for name in SPOKEN:
            if not 0 < length(shown.get(name, "")) <= LONGEST_SPOKEN:
                yield f"{name}: missing, or more than {LONGEST_SPOKEN} characters"
    elif way == "email":
        line = subject(language, sample.template, sample.params)
        if length(line) > MOST_SUBJECT:
            yield f"subject: {length(line)} characters, at most {MOST_SUBJECT}"
    if (most := MOST_BYTES.get(way)) is not None and len(text.encode()) > most:
        yield f"{len(text.encode())} bytes, at most {most}"


def _refused_sms(text: str, sign: str) -> Iterator[str]:
    if BRACKETS.search(text.removeprefix(f"【{sign}】")):
        yield "【】 belong to the signature"
    if length(text) > LONGEST_TEXT:
        yield f"{length(text)} characters, at most {LONGEST_TEXT}"
