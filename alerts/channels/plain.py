"""Values in plain writing: whatever a home or a person is called, no message breaks, lies or tells a number by it."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from foundation.logs import mask_phone

MOBILE: Final = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
URL: Final = re.compile(r"https?://|www\.", re.IGNORECASE)
BRACKETS: Final = re.compile(r"[【】]")

_SPACED_MOBILE: Final = re.compile(r"(?<!\d)1[3-9]\d(?:[ -]?\d{4}){2}(?!\d)")
_PLAIN: Final = str.maketrans(
    {
        **dict.fromkeys("【〖「『[", "（"),
        **dict.fromkeys("】〗」』]", "）"),
        **dict.fromkeys("★※●#", ""),
        **{chr(ord("０") + digit): str(digit) for digit in range(10)},
        "℃": "度",
        "→": "至",
        "²": "2",
        "³": "3",
        "•": "·",
    }
)
"""Signs that templates must not hold, and digits that a search for numbers would miss."""
_MONGOLIAN: Final = frozenset("\u180e\u200c\u200d\u202f")
"""Vowel separator, joiners and the narrow space before suffixes: letters of the traditional script, in effect."""
_EMOJI_FROM: Final = "\U0001f000"
_VARIATIONS: Final = frozenset(map(chr, range(0xFE00, 0xFE10)))
_ONE_UNIT: Final = "\uffff"
_SIGNS: Final = r"[一-鿿A-Za-z0-9，、：；。…（）()·%.,:;/+°!?'&=-]+"
_ORDINARY: Final = re.compile(rf"(?i)(?!.*(?:\d[ -]?){{11}})(?!.*(?:://|www\.)){_SIGNS}(?: {_SIGNS})*")
"""What needs no look sign by sign, which is slow: nearly everything that is ever told."""
_LONGEST_READ: Final = 500
"""Nothing that is told is looked at beyond so many characters."""
_TAIL: Final = re.compile(r"\s*[（(][^（(]*[)）]$")
_ENDS: Final = " 。.；;，,"


def plain(value: str) -> str:
    """The value without controls, emoji, web addresses or the signature's brackets; mobile numbers masked. Idempotent.

    Signs that change the direction of what follows go too.
    """
    while _ORDINARY.fullmatch(value) is None:
        read = value.translate(_PLAIN)
        read = "".join(sign if _stays(sign) else " " if sign.isspace() else "" for sign in read)
        read = URL.sub("", re.sub(" +", " ", read))
        read = _SPACED_MOBILE.sub(lambda match: mask_phone(re.sub(r"\D", "", match[0])), read)
        read = read.strip(_ENDS)  # templates bring their own full stop
        if read == value:
            return read
        value = read
    return value.strip(_ENDS)


def length(text: str) -> int:
    """Characters as a carrier counts them: UTF-16 units, of which a rare Chinese character takes two."""
    return len(text) + sum(sign > _ONE_UNIT for sign in text)


def shortened(value: str, most: int) -> str:
    """The value in at most `most` characters: a remark in brackets at its end goes first, then it is cut, visibly."""
    if length(value) <= most:
        return value
    without = _TAIL.sub("", value)
    if without and length(without) <= most:
        return without
    kept = value[: most - 1]
    while length(kept) > most - 1:
        kept = kept[:-1]
    return f"{kept}…"


def in_plain(value: str, most: int) -> str:
    """Both. What is cut off may leave a number that was none before, so until nothing changes."""
    value = value[:_LONGEST_READ]
    while (read := shortened(plain(value), most)) != value:
        value = read
    return read


def _stays(sign: str) -> bool:
    if sign in _MONGOLIAN:
        return True
    kind = unicodedata.category(sign)
    if kind in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} or (sign.isspace() and sign != " "):
        return False
    return not (sign >= _EMOJI_FROM and kind in {"So", "Sk"}) and sign not in _VARIATIONS
