"""The two SMS templates as they are to be approved at Tencent: the same words as everywhere, with numbered places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from alerts.channels.aliyun_templates import fit, variables
from alerts.channels.channel import TemplateName
from alerts.channels.sms_templates import NAMES, ORDER, numbered
from catalogue.language import SOURCE

TEMPLATES: Final[dict[TemplateName, str]] = {name: numbered(name) for name in NAMES}
"""In Chinese: a reader of another language gets his values in these words."""


def values(template: TemplateName, params: Mapping[str, str], language: str = SOURCE) -> list[str]:
    """The values of a message in the order of the places, made acceptable."""
    fitted = variables(template, fit(params, language))
    return [fitted[name] for name in ORDER[template]]
