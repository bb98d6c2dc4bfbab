"""Languages of messages: `messages/<language>.yaml`, read and checked at import. What one lacks is said in Chinese."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Formatter
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from foundation.errors import CatalogueError

SOURCE: Final = "zh-CN"
"""The language that the catalogue is written in and all others fall back to."""
_FILES: Final = files("catalogue").joinpath("messages")
_WHOLE: Final = ("sms_",)
"""Phrases that a carrier approves: there a place that is left out would be a variable without a use."""

_Words = Annotated[str, StringConstraints(min_length=1)]


class _File(BaseModel):
    """A file. The head of `zh-CN.yaml` explains its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,8})*$")]
    name: _Words
    phrases: dict[str, _Words] = Field(default_factory=dict)
    months: tuple[_Words, ...] = ()
    spoken: tuple[tuple[str, str], ...] = ()
    said: dict[_Words, _Words] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _can_be_used(self) -> _File:
        if len(self.months) not in {0, 12}:
            raise ValueError("months are twelve")
        if not self.months and "month_name" in places_in(self.phrases.get("time", "")):
            raise ValueError("time needs months for {month_name}")
        for pattern, replacement in self.spoken:
            try:
                re.sub(pattern, replacement, "")
            except re.error as wrong:
                raise ValueError(f"spoken {pattern!r}: {wrong}") from None
        return self


@dataclass(frozen=True)
class Language:
    """A language as it can be written: all phrases, those that it lacks in Chinese.

    `missing`: names of phrases that it lacks. `general_do`: advice where a rule's own is not translated; None where
    readers know Chinese.
    """

    code: str
    name: str
    phrases: Mapping[str, str]
    months: tuple[str, ...]
    spoken: tuple[tuple[re.Pattern[str], str], ...]
    said: Mapping[str, str]
    missing: tuple[str, ...]
    general_do: str | None

    def phrase(self, name: str, /, **words: object) -> str:
        """A phrase with its places filled in."""
        return self.phrases[name].format_map(words)

    def untranslated(self, words: Iterable[str]) -> tuple[str, ...]:
        """Which of these words of the catalogue it has no words for."""
        return () if self.code == SOURCE else tuple(dict.fromkeys(one for one in words if one not in self.said))


def places_in(phrase: str) -> set[str]:
    """The names in braces. Raises ValueError where the braces do not match."""
    return {name for _, name, _, _ in Formatter().parse(phrase) if name is not None}


def parse_language(text: str, file: str, source: Language | None = None) -> Language:
    """The language in `text`; `source` is Chinese, None when that itself is read.

    Raises CatalogueError that names the file and the field.
    """
    try:
        own = _File.model_validate(yaml.load(text, Loader=yaml.CSafeLoader))
        phrases = dict(source.phrases) if source is not None else own.phrases
        for name, phrase in own.phrases.items():
            _check(name, phrase, phrases)
    except yaml.YAMLError as wrong:
        raise CatalogueError(f"{file}: {' '.join(str(wrong).split())}", do="mend the YAML") from None
    except ValidationError as wrong:
        first = wrong.errors()[0]
        field = ".".join(map(str, first["loc"])) or "file"
        raise CatalogueError(f"{file}, {field}: {first['msg']}", do="mend the file") from None
    except ValueError as wrong:
        raise CatalogueError(f"{file}, phrases: {wrong}", do="mend the phrase") from None
    spoken = tuple((re.compile(pattern), replacement) for pattern, replacement in own.spoken)
    return Language(
        code=own.language,
        name=own.name,
        phrases=phrases | own.phrases,
        months=own.months or (source.months if source is not None else ()),
        # a language without rules of its own may still hold Chinese phrases
        spoken=spoken or (source.spoken if source is not None else ()),
        said=own.said,
        missing=tuple(name for name in phrases if name not in own.phrases and name != "general_do"),
        general_do=own.phrases.get("general_do"),
    )


def language_of(code: str) -> Language:
    """The language of a reader. `en-GB` is `en`, `zh` is `zh-CN`; one that we do not have is Chinese."""
    return LANGUAGE.get(code) or _BY_SUBTAG.get(code.partition("-")[0].lower(), LANGUAGE[SOURCE])


def is_known(code: str) -> bool:
    """Whether a reader of this language is told in it."""
    return code in LANGUAGE or code.partition("-")[0].lower() in _BY_SUBTAG


def _check(name: str, phrase: str, source: Mapping[str, str]) -> None:
    if name not in source:
        raise ValueError(f"there is no phrase {name!r}")
    have, may = places_in(phrase), places_in(source[name])
    may |= {"month_name"} if name == "time" else set()
    if unknown := have - may:
        raise ValueError(f"{name}: {{{'}, {'.join(sorted(unknown))}}} is not filled in there")
    if name.startswith(_WHOLE) and have != may:
        raise ValueError(f"{name}: {{{'}, {'.join(sorted(may - have))}}} is missing")


def _read() -> dict[str, Language]:
    texts = {one.name: one.read_text(encoding="utf-8") for one in _FILES.iterdir() if one.name.endswith(".yaml")}
    source = parse_language(texts.pop(f"{SOURCE}.yaml"), f"{SOURCE}.yaml")
    others = [parse_language(text, file, source) for file, text in sorted(texts.items())]
    return {one.code: one for one in (source, *others)}


LANGUAGE: Final[dict[str, Language]] = _read()
_BY_SUBTAG: Final = {code.partition("-")[0]: language for code, language in LANGUAGE.items()}
