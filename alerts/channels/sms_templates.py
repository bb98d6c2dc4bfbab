"""The texts that carriers approve, by language, and the order of their variables.

The words stand in `catalogue/messages/<language>.yaml`. Critical and routine are separate templates on purpose: the
carrier's quota is per number + signature + template, so a storm of routine messages can never use up the place of a
carbon monoxide alarm.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, get_args

from alerts.channels.channel import TemplateName
from catalogue.language import LANGUAGE, SOURCE, Language, language_of

_PLACE: Final = re.compile(r"\{(\w+)\}")
NAMES: Final[tuple[TemplateName, ...]] = get_args(TemplateName)

ORDER: Final[dict[TemplateName, tuple[str, ...]]] = {
    name: tuple(_PLACE.findall(LANGUAGE[SOURCE].phrases[f"sms_{name}"])) for name in NAMES
}
"""The variables of each SMS template in the order of the Chinese text: what a carrier with numbered places is handed.

A language whose text has them in another order has numbers in that order: {2} before {1}.
"""


@cache
def named(template: TemplateName, language: str = SOURCE) -> str:
    """The text as Aliyun has it approved: `${place}`."""
    return _PLACE.sub(r"${\1}", _text(language_of(language), template))


def numbered(template: TemplateName, language: str = SOURCE) -> str:
    """The SMS text as Tencent has it approved: `{1}` is the first of ORDER."""
    places = {name: str(number) for number, name in enumerate(ORDER[template], start=1)}
    return _PLACE.sub(lambda found: f"{{{places[found[1]]}}}", _text(language_of(language), template))


def _text(language: Language, template: TemplateName) -> str:
    return language.phrases[f"sms_{template}"]
