"""One cell of a file → a value, or why not. Knows what Excel does to codes, dates and phone numbers. Pure."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from catalogue.wire import is_uid
from foundation.logs import mask_phone
from store.registry import DRILLS, RESERVED

Cell = str | int | float | bool | datetime | date | time | timedelta | None
"""What a file holds in a cell. CSV holds text only."""
Parse = Callable[[Cell], object]
"""A cell that is not blank → its value. Raises Wrong."""

LONGEST_TEXT: Final = 200
LONGEST_CODE: Final = 64
LONGEST_SHOWN: Final = 40
DECIMALS: Final = 3
"""Of a number that was measured by hand; a workbook keeps at most fifteen digits in all."""
EXCEL_DIGITS: Final = 15
"""Excel keeps this many digits of a number and writes zeros for the rest."""

_FULL_WIDTH: Final = {
    sign: sign - 0xFEE0 for first, last in ("０９", "ＡＺ", "ａｚ") for sign in range(ord(first), ord(last) + 1)
}
"""Full-width digits and letters; Chinese punctuation stays as it was typed."""
_UNSEEN: Final = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060\ufeff]")
"""Signs without width that come along from a web page; the joiners stay, Mongolian is written with them."""
_NO_SIGN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane * 0x10000 + last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)
"""Control characters, halves of a sign, and the places of Unicode that are none: no file can hold them all."""
_SPACES: Final = re.compile("[^\\S\u202f]+")
"""Any space but the narrow one that Mongolian puts before a suffix."""
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.ASCII)
_MOBILE: Final = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)", re.ASCII)
_AS_FLOAT: Final = re.compile(r"(\d+)\.0+")
_AS_POWER: Final = re.compile(r"(\d)(?:\.(\d+))?[Ee]\+(\d{2,})")
_DATE: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T]0?0:00(?::00)?)?")
_TIME: Final = re.compile(r"(\d{1,2})(?::|点|时)(?:(\d{1,2})分?)?(?::00)?")
_YES: Final = frozenset({"true", "yes", "y", "1", "是", "有", "√", "✓"})
_NO: Final = frozenset({"false", "no", "n", "0", "否", "无", "×", "✗"})
_OLDEST: Final = date(1990, 1, 1)


class Wrong(ValueError):
    """Why a cell cannot be used, and what was expected."""

    def __init__(self, why: str, expected: str) -> None:
        super().__init__(why)
        self.why = why
        self.expected = expected


class Unreadable(str):
    """A cell that a spreadsheet program could not fill itself: a formula without a value, an error."""

    __slots__ = ()


def is_blank(cell: Cell) -> bool:
    """Whether nothing is in the cell that a person would see."""
    return cell is None or (isinstance(cell, str) and not tidy(cell))


def tidy(text: str) -> str:
    """Without invisible signs, with single spaces, full-width digits and letters made ordinary."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip(" ")  # nearly every cell
    return _SPACES.sub(" ", _UNSEEN.sub("", text).translate(_FULL_WIDTH)).strip(" ")


def text(cell: Cell) -> str:
    """Free text on one line. Raises Wrong for control characters, and where it is too long."""
    found = tidy(_plain(cell))
    if bad := _NO_SIGN.search(found):
        raise Wrong(f"holds the sign U+{ord(bad[0]):04X}", "text without control characters")
    if len(found) > LONGEST_TEXT:
        raise Wrong(f"has {len(found)} signs", f"at most {LONGEST_TEXT}")
    return found


def code(cell: Cell) -> str:
    """A code: letters, digits and signs without spaces; a number only where Excel has kept all its digits."""
    found = _digits(cell, "code")
    if not found[:1].isalnum() or not all(sign.isprintable() and not sign.isspace() for sign in found):
        raise Wrong(f"{shown(found)} cannot be a code", "letters and digits first, no spaces")
    if len(found) > LONGEST_CODE:
        raise Wrong(f"has {len(found)} signs", f"a code of at most {LONGEST_CODE}")
    return found


def uid(cell: Cell) -> str:
    """What a device logs in as. Raises Wrong for what the wire contract does not allow, and for reserved names."""
    found = _digits(cell, "uid")
    if not is_uid(found):
        raise Wrong(f"{shown(found)} cannot name a device", "4-32 of a-z, 0-9 and -, not starting with -")
    if found.startswith((RESERVED, DRILLS)):
        raise Wrong(f"{shown(found)} is reserved", f"a uid that starts neither with {RESERVED} nor with {DRILLS}")
    return found


def flag(cell: Cell) -> bool:
    """Yes or no."""
    found = _key(cell)
    if found in _YES:
        return True
    if found in _NO:
        return False
    raise Wrong(f"{shown(found)} is neither yes nor no", "yes or no, 是 or 否, 1 or 0")


def number(low: float, high: float, unit: str) -> Parse:
    """A number between `low` and `high` (both included)."""

    def parse(cell: Cell) -> float:
        expected = f"a number from {low:g} to {high:g}, in {unit}"
        if not _NUMBER.fullmatch(_key(cell)):
            raise Wrong(f"{shown(_plain(cell))} is no number", expected)
        found = float(_key(cell))
        if not math.isfinite(found) or not low <= found <= high:
            raise Wrong(f"{found:g} is out of range", expected)
        return round(found, DECIMALS)

    return parse


def whole(low: int, high: int, unit: str) -> Parse:
    """A whole number between `low` and `high` (both included)."""
    fraction = number(low, high, unit)

    def parse(cell: Cell) -> int:
        found = fraction(cell)
        assert isinstance(found, float)  # noqa: S101 - what the function above returns
        if not found.is_integer():
            raise Wrong(f"{found:g} is no whole number", f"a whole number from {low} to {high}, in {unit}")
        return int(found)

    return parse


def day(cell: Cell) -> date:
    """A day: 2025-10-01, 2025/10/1, 2025年10月1日, or Excel's own date."""
    if isinstance(cell, datetime):
        found = cell.date()
    elif isinstance(cell, date):
        found = cell
    else:
        expected = "a day such as 2025-10-01"
        match = _DATE.fullmatch(_key(cell))
        if match is None:
            raise Wrong(f"{shown(_key(cell))} is no day", expected)
        try:
            found = date(int(match[1]), int(match[2]), int(match[3]))
        except ValueError:
            raise Wrong(f"{shown(_key(cell))} is not in the calendar", expected) from None
    if found < _OLDEST:
        raise Wrong(f"{found} is too long ago", f"a day since {_OLDEST}")
    return found


def time_of_day(cell: Cell) -> str:
    """A time of day as HH:MM: 8:00, 20:30, 8点, 24:00 (the same as 00:00), or Excel's own time."""
    if isinstance(cell, datetime):
        cell = cell.time()
    if isinstance(cell, timedelta):
        hours, minutes = divmod(int(cell.total_seconds()) // 60, 60)
    elif isinstance(cell, time):
        hours, minutes = cell.hour, cell.minute
    else:
        match = _TIME.fullmatch(_key(cell))
        if match is None:
            raise Wrong(f"{shown(_key(cell))} is no time of day", "a time such as 08:00")
        hours, minutes = int(match[1]), int(match[2] or 0)
    if (hours, minutes) == (24, 0):
        hours = 0
    if hours > 23 or minutes > 59:  # noqa: PLR2004 (a clock)
        raise Wrong(f"{hours}:{minutes:02} is no time of day", "a time from 00:00 to 24:00")
    return f"{hours:02}:{minutes:02}"


def choice(names: Mapping[str, str]) -> Parse:
    """One of `names` (name → its Chinese), in either language."""
    known = {_key(name): name for name in names} | {_key(zh): name for name, zh in names.items()}

    def parse(cell: Cell) -> str:
        found = known.get(_key(cell))
        if found is None:
            raise Wrong(f"{shown(_plain(cell))} is none of them", f"one of {', '.join(names)}")
        return found

    return parse


def shown(found: str) -> str:
    """What may be repeated in a result: short, and without what looks like somebody's phone number."""
    masked = _MOBILE.sub(lambda match: mask_phone(match[0]), found)
    return repr(masked if len(masked) <= LONGEST_SHOWN else f"{masked[:LONGEST_SHOWN]}…")


def digits_of(cell: Cell, what: str) -> str:
    """A cell that holds digits which are no quantity, as text. Raises Wrong where Excel has lost some of them."""
    return _digits(cell, what)


def _digits(cell: Cell, what: str) -> str:
    found = unicodedata.normalize("NFKC", tidy(_plain(cell, what)))
    if match := _AS_FLOAT.fullmatch(found):
        found = match[1]
    elif match := _AS_POWER.fullmatch(found):
        power = int(match[3])
        if len(match[2] or "") < power:
            raise Wrong(f"Excel has shortened it to {found}", f"all digits of the {what}: format the column as text")
        value = Decimal(found)
        if value != value.to_integral_value():
            raise Wrong(f"{found} is no whole number", f"the digits of the {what}")
        found = str(int(value))
    return found


def _plain(cell: Cell, what: str = "text") -> str:
    """The cell as the person who typed it saw it. Raises Wrong for what has been made into something else."""
    if isinstance(cell, Unreadable):
        raise Wrong(str(cell), "a value: open the file in Excel, mend the cell, save")
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        if isinstance(cell, float) and not math.isfinite(cell):
            raise Wrong("is no number", f"the {what}")
        if abs(cell) >= 10**EXCEL_DIGITS:
            raise Wrong(
                f"Excel keeps {EXCEL_DIGITS} digits of a number and has lost the others",
                f"all digits of the {what}: format the column as text",
            )
        return str(int(cell)) if float(cell).is_integer() else repr(cell)
    raise Wrong(f"Excel has made a date of it ({cell})", f"the {what} itself: format the column as text")


def _key(cell: Cell) -> str:
    return unicodedata.normalize("NFKC", tidy(_plain(cell))).casefold()
