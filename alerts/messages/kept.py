"""A message that is kept until it may be told: in every language, because who reads it then is not known yet. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from alerts.messages.place import Params
from catalogue.language import LANGUAGE, SOURCE, language_of

Say = Callable[[str], Params]
"""Language → the parameters of a message in it."""


def kept(say: Say) -> dict[str, Params]:
    """The parameters by language, as JSON takes them."""
    return {code: say(code) for code in LANGUAGE}


def say_kept(stored: Mapping[str, Any]) -> Say:
    """How it is said after all. What was stored before there were languages is Chinese for everybody."""

    def say(language: str) -> Params:
        by_language = {SOURCE: stored} if "what" in stored else stored
        return dict(by_language.get(language_of(language).code) or by_language[SOURCE])

    return say
