"""Which of our values goes into which field of the Official Account's template, and how long it may be there. Pure.

Source: developers.weixin.qq.com, template messages: a field's name begins with its type. What is too long is refused
(47003), so it is cut.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from foundation.errors import SettingsError

PARAMS: Final = ("place", "home", "what", "since", "do")
LONGEST: Final[dict[str, int]] = {"thing": 20, "short_thing": 5, "phrase": 5, "name": 10, "const": 20}
"""Characters by type; a type that is not named here is not cut."""
NOTHING: Final = "—"
"""An empty field is refused too."""

_ENTRY = re.compile(r"([a-z][a-z_]*)(\d*)=([a-z_]+(?:\+[a-z_]+)*)")


@dataclass(frozen=True)
class Field:
    """A field of the template and the names of the values that it shows."""

    name: str
    longest: int | None
    params: tuple[str, ...]


def fields_in(setting: str, text: str) -> tuple[Field, ...]:
    """`thing1=place+home,thing2=what`. Raises SettingsError that names `setting` and the entry."""
    fields = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        found = _ENTRY.fullmatch(entry)
        params = tuple(found[3].split("+")) if found else ()
        if found is None or not set(params) <= set(PARAMS):
            raise SettingsError(
                f"{setting}: {entry!r} is no field", do=f"write field=value, with values of {', '.join(PARAMS)}"
            )
        fields.append(Field(found[1] + found[2], LONGEST.get(found[1]), params))
    if not fields:
        raise SettingsError(f"{setting} names no field", do="write it as thing1=place+home,thing2=what")
    return tuple(fields)


def data(fields: tuple[Field, ...], params: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The `data` of a template message."""
    return {field.name: {"value": _value(field, params)} for field in fields}


def _value(field: Field, params: Mapping[str, str]) -> str:
    words = " ".join(value for name in field.params if (value := " ".join(params.get(name, "").split())))
    if field.longest is not None and len(words) > field.longest:
        words = words[: field.longest - 1] + "…"
    return words or NOTHING
