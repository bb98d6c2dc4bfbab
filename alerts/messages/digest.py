"""Many messages in one: over budget, or kept through the quiet hours. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from alerts.channels.aliyun_templates import LONGEST_VALUE
from alerts.channels.plain import length
from alerts.messages.place import Params, Place, local_time, params_of
from alerts.messages.words import said, what_of
from catalogue.language import Language, language_of
from catalogue.rules import Rule


def digest(
    counts: Mapping[str, int],
    villages: int,
    since: datetime,
    language: str,
    *,
    place: str = "",
    zone: str = "Asia/Shanghai",
    rules: Mapping[str, Rule] | None = None,
) -> Params:
    """The parameters of "so many messages in one": how many of what, in how many villages, since when.

    `counts`: by what happened, as a rule's id where `rules` knows it, else as the catalogue's Chinese words. The most
    frequent stand first; those for which an SMS has no room are summed up as "and more". `place`: the region of all.
    """
    reader = language_of(language)
    where = place or reader.phrase("digest_place", villages=villages)
    home = reader.phrase("digest_home", messages=sum(counts.values()))
    if place:
        home = f"{reader.phrase('digest_place', villages=villages)} {home}"
    what = _most_frequent(reader, counts, rules or {})
    do = reader.phrases["digest_do"]
    return params_of(reader, Place(where, home, ""), what, local_time(since, zone, reader), do)


def _most_frequent(reader: Language, counts: Mapping[str, int], rules: Mapping[str, Rule]) -> str:
    said_so_far = ""
    for name, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        words = what_of(reader, rules[name]) if name in rules else said(reader, name)
        item = reader.phrase("digest_item", what=words, count=count)
        longer = f"{said_so_far}{reader.phrases['digest_and']}{item}" if said_so_far else item
        if said_so_far and length(longer) + length(reader.phrases["digest_rest"]) > LONGEST_VALUE:
            return f"{said_so_far}{reader.phrases['digest_rest']}"
        said_so_far = longer
    return said_so_far
