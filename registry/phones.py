"""Phone numbers that somebody can be told at: mainland mobile, landline with area code, or +country. Pure."""

from __future__ import annotations

import re
from typing import Final

from registry.cells import Cell, Wrong, digits_of

EXPECTED: Final = "a mobile (13800000001), a landline with its area code (0475-8234567), or +country and number"
_MOBILE: Final = re.compile(r"1[3-9]\d{9}")
"""Eleven digits from 13 to 19 (numbering plan of mainland China, M)."""
_LANDLINE: Final = re.compile(r"0(?:10|2\d)[2-8]\d{7}|0[3-9]\d{2}[2-8]\d{6,7}")
"""010 and 02x have eight digits after them, the others seven or eight, the first 2–8 (M)."""
_FOREIGN: Final = re.compile(r"\+[1-9]\d{6,14}")
"""At most fifteen digits with the country (ITU-T E.164)."""
_CHINA: Final = re.compile(r"(?:\+|00)86")
_BETWEEN: Final = re.compile(r"[\s().\-‐–—]")


def phone(cell: Cell) -> str:
    """The number as it is dialled: digits, or + and digits for another country. Raises Wrong, never with the number."""
    found = _BETWEEN.sub("", digits_of(cell, "phone number"))
    national = _CHINA.sub("", found, count=1) if _CHINA.match(found) else found
    if _MOBILE.fullmatch(national) or _LANDLINE.fullmatch(national):
        return national
    if national is not found and _LANDLINE.fullmatch(f"0{national}"):
        return f"0{national}"
    if national is found and _FOREIGN.fullmatch(found):
        return found
    if not re.fullmatch(r"\+?\d+", found):
        raise Wrong("holds more than one number, or signs that cannot be dialled", EXPECTED)
    if _LANDLINE.fullmatch(f"0{found}"):
        raise Wrong("lacks the 0 before the area code; Excel takes it away", EXPECTED)
    raise Wrong(f"{len(found.lstrip('+'))} digits are no phone number that we know", EXPECTED)
