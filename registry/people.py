"""Who is told, as files have it: whom a contact belongs to, what it is known by, duty days. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Final

from registry.cells import Cell, Wrong, code, shown, text
from registry.phones import phone
from store.registry_rows import ContactRef

OWNERS: Final = ("region", "organisation", "home")
ADDRESSES: Final = ("phone", "wecom_id", "wechat_id", "email", "endpoint")
"""A contact is known by the first of these that it has."""
LANGUAGES: Final[dict[str, str]] = {"zh-CN": "中文", "en": "英文"}
DAYS: Final[dict[str, str]] = {"every": "每天", "workdays": "工作日", "rest_days": "休息日"}
WEEKDAYS: Final[dict[str, str]] = dict(
    zip(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "一二三四五六日", strict=True)
)
WITHIN_A_DAY: Final = "00:00"

_BETWEEN: Final = re.compile(r"[\s,，、;；/]+")
_WEEKDAY: Final = re.compile(r"(?:周|星期|礼拜)?([一二三四五六日天])")
_MISTYPED: Final = re.compile(r"[+01][\d()-]{9,}")
"""No id, but a number that somebody tried to type."""
_ENDPOINT: Final = re.compile(r"(?:wecom_robot|webhook):[A-Za-z0-9][A-Za-z0-9_.-]*")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")


class WrongRow(Wrong):
    """Why a row as a whole cannot be used; `column`: where to look."""

    def __init__(self, column: str, why: str, expected: str) -> None:
        super().__init__(why, expected)
        self.column = column


def email(cell: Cell) -> str:
    """A mail address. Raises Wrong."""
    found = text(cell)
    if not _EMAIL.fullmatch(found):
        raise Wrong("is no mail address", "one such as wang@example.cn")
    return found


def endpoint(cell: Cell) -> str:
    """The name of a group robot or webhook of ours. Raises Wrong."""
    found = text(cell)
    if not _ENDPOINT.fullmatch(found):
        raise Wrong(f"{shown(found)} names no endpoint", "wecom_robot:NAME or webhook:NAME, as in the settings")
    return found


def address(cell: Cell) -> str:
    """What a contact is known by: its phone, or else its WeCom id, openid, mail address or endpoint. Raises Wrong."""
    try:
        return phone(cell)
    except Wrong:
        found = code(cell)
        if _MISTYPED.fullmatch(found):
            raise
        return found


def zones(cell: Cell) -> str:
    """Codes of regions, sorted, with a space between. Raises Wrong."""
    found = cell if not isinstance(cell, str) else [part for part in _BETWEEN.split(cell) if part]
    return " ".join(sorted({code(part) for part in found} if isinstance(found, list) else {code(found)}))


def days(cell: Cell) -> str:
    """On which days a shift begins: every, workdays, rest_days, or weekdays as `mon,thu`. Raises Wrong."""
    found = text(cell).casefold()
    named = {name: name for name in DAYS} | {zh: name for name, zh in DAYS.items()} | {"节假日": "rest_days"}
    if found in named:
        return named[found]
    by_zh = {zh: name for name, zh in WEEKDAYS.items()} | {"天": "sun"}
    chosen = set()
    for part in filter(None, _BETWEEN.split(found)):
        match = _WEEKDAY.fullmatch(part)
        name = by_zh[match[1]] if match else part[:3]
        if name not in WEEKDAYS:
            raise Wrong(f"{shown(part)} is no day", f"{', '.join(DAYS)}, or weekdays such as mon,thu or 周一、周四")
        chosen.add(name)
    return ",".join(name for name in WEEKDAYS if name in chosen)


def owner_of(given: Mapping[str, object]) -> str:
    """Whom a row belongs to: a region's code, `organisation:CODE` or `home:CODE`. Raises WrongRow."""
    named = [name for name in OWNERS if given.get(name)]
    if len(named) != 1:
        column = named[1] if named else OWNERS[0]
        why = f"stands beside {named[0]}" if named else "nobody is named that it belongs to"
        possible = [name for name in OWNERS if name in given] or ["region", "organisation"]
        raise WrongRow(column, why, f"exactly one of {', '.join(possible)}")
    return owner_label(named[0], str(given[named[0]]))


def owner_label(name: str, owner: str) -> str:
    """How an owner stands in a key."""
    return owner if name == "region" else f"{name}:{owner}"


def contact_key(given: Mapping[str, object]) -> tuple[str, ...]:
    """Owner and address. Raises WrongRow where there is no address."""
    owner = owner_of(given)
    known_by = next((str(given[name]) for name in ADDRESSES if given.get(name)), None)
    if known_by is None:
        raise WrongRow("phone", "there is no way to reach it", f"one of {', '.join(ADDRESSES)}")
    return owner, known_by


def contact_ref(given: Mapping[str, object]) -> ContactRef:
    """The contact that a row of contacts is."""
    region, organisation, home = (_text(given.get(name)) for name in OWNERS)
    number = _text(given.get("phone"))
    other = None if number else next((str(given[name]) for name in ADDRESSES if given.get(name)), None)
    return ContactRef(region, organisation, home, number, other)


def ref_in_roster(given: Mapping[str, object], column: str = "contact") -> ContactRef:
    """The contact that a row of a roster names in a column; it may be known by a phone or by something else."""
    named = _text(given[column])
    return ContactRef(_text(given.get("region")), _text(given.get("organisation")), None, named, named)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def duty_key(given: Mapping[str, object]) -> tuple[str, ...]:
    """Owner, contact, first day, days and beginning: the rest of a row of a roster can be changed. Raises WrongRow."""
    _in_order(given)
    begins, on = given.get("begins", WITHIN_A_DAY), given.get("days", "every")
    return owner_of(given), str(given["contact"]), f"{given['first_day']}", f"{on}", f"{begins}"


def substitute_key(given: Mapping[str, object]) -> tuple[str, ...]:
    """Owner, contact, substitute and first day. Raises WrongRow."""
    _in_order(given)
    if given["contact"] == given["substitute"]:
        raise WrongRow("substitute", "stands in for itself", "another contact of the same region or organisation")
    return owner_of(given), str(given["contact"]), str(given["substitute"]), f"{given['first_day']}"


def _in_order(given: Mapping[str, object]) -> None:
    first, last = given["first_day"], given.get("last_day")
    if isinstance(first, date) and isinstance(last, date) and last < first:
        raise WrongRow("last_day", f"{last} lies before {first}", "a day from the first on, or an empty cell")
