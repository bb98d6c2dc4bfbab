"""The two SMS templates as they are to be approved at Tencent: the same words, with numbered places."""

from __future__ import annotations

from collections.abc import Mapping
from string import Template
from typing import Final

from alerts.channels.aliyun_templates import FALLBACKS, fit
from alerts.channels.aliyun_templates import TEMPLATES as NAMED
from alerts.channels.channel import TemplateName

ORDER: Final = tuple(FALLBACKS)
"""place, home, what, since, do: {1} to {5}."""

_PLACES = {name: f"{{{number}}}" for number, name in enumerate(ORDER, 1)}
TEMPLATES: Final[dict[TemplateName, str]] = {name: Template(words).substitute(_PLACES) for name, words in NAMED.items()}


def values(params: Mapping[str, str]) -> list[str]:
    """The values of a message in the order of the places, made acceptable."""
    fitted = fit(params)
    return [fitted[name] for name in ORDER]
