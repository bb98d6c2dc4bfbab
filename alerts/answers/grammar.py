"""What somebody means who types an answer into a phone. Pure.

`1`, `2`, `3`, with a short code behind where several alarms are open: `123`, `1 23`, `1-23`. Or the word for it. Read
generously only where it cannot be mistaken: a question, a denial or a second number is not understood. A call for help
is heard out of a sentence also, because one too many costs less than one too few.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from alerts.answers.verbs import Verb

FIRST_CODE, LAST_CODE = 10, 99
"""Two digits; which of them are given away: `give_code` in store/migrations/0022."""

_BY_DIGIT: Final[Mapping[str, Verb]] = {"1": "have_it", "2": "false_alarm", "3": "need_help"}
_WORDS: Final[Mapping[Verb, tuple[str, ...]]] = {
    "have_it": ("收到", "知道", "明白", "一", "gotit", "haveit", "ihaveit"),
    "false_alarm": ("误报", "误报警", "假警报", "二", "falsealarm"),
    "need_help": (
        "求助", "求救", "救命", "求支援", "需要支援", "请求支援", "需要帮助", "三",
        "help", "needhelp", "ineedhelp", "sos",
    ),
}  # fmt: skip
_POLITE: Final = ("好的", "好", "嗯", "ok", "谢谢", "了", "已", "已经", "我", "我们", "请", "回复", "回", "please")
"""What stands around an answer and changes nothing in it."""
_POLITENESS: Final = f"(?:{'|'.join(_POLITE)})*"
_SAYS: Final = {verb: re.compile(f"{_POLITENESS}(?:{'|'.join(words)}){_POLITENESS}") for verb, words in _WORDS.items()}
_ONLY_POLITE: Final = re.compile(_POLITENESS)
_HELP: Final = re.compile("救命|求救|求助|需要支援|请求支援|需要帮助")
_ASKS: Final = "?¿؟՞"
_DENIES: Final = re.compile(rf"[不没無无未勿别吗嘛么{_ASKS}]|误报")
_PIECES: Final = re.compile(r"[0-9]+|[^\W\d_]+")
_ODD: Final = re.compile(r"[^\w ]|_")
_TOGETHER: Final = re.compile(r"[123][1-9][0-9]")
_CODE: Final = re.compile(r"[1-9][0-9]")
_SEPARATES: Final = frozenset("+~|=`^$")
"""Signs that are no punctuation for Unicode, and mean nothing in an answer either."""


@dataclass(frozen=True, slots=True)
class Meant:
    """What an answer says; without a code it is about the newest that its sender was told."""

    verb: Verb
    code: int | None = None


def read_answer(text: str) -> Meant | None:
    """What the text means, or None where that is not certain."""
    plain = _plain(text)
    pieces = _PIECES.findall(plain)
    digits = tuple(piece for piece in pieces if piece[0] in "0123456789")
    words = "".join(piece for piece in pieces if piece[0] not in "0123456789")
    by_word = next((verb for verb, says in _SAYS.items() if says.fullmatch(words)), None)
    bare = not _ODD.search(plain) and (by_word is not None or _ONLY_POLITE.fullmatch(words))
    return (_agreed(digits, by_word) if bare else None) or _call_for_help(plain, digits)


def _agreed(digits: tuple[str, ...], by_word: Verb | None) -> Meant | None:
    """Digits and word, where they do not contradict each other."""
    if not digits:
        return Meant(by_word) if by_word else None
    by_digits = _by_digits(digits)
    if by_digits is None:
        alone = by_word and len(digits) == 1 and _CODE.fullmatch(digits[0])
        return Meant(by_word, int(digits[0])) if by_word and alone else None
    return by_digits if by_word in (None, by_digits.verb) else None


def _by_digits(digits: tuple[str, ...]) -> Meant | None:
    if len(digits) == 1 and digits[0] in _BY_DIGIT:
        return Meant(_BY_DIGIT[digits[0]])
    if len(digits) == 1 and _TOGETHER.fullmatch(digits[0]):
        return Meant(_BY_DIGIT[digits[0][0]], int(digits[0][1:]))
    if len(digits) == 2 and digits[0] in _BY_DIGIT and _CODE.fullmatch(digits[1]):  # noqa: PLR2004 (verb and code)
        return Meant(_BY_DIGIT[digits[0]], int(digits[1]))
    return None


def _call_for_help(plain: str, digits: tuple[str, ...]) -> Meant | None:
    """Out of a whole sentence; a code counts only where it is written like one."""
    if not _HELP.search(plain) or _DENIES.search(plain):
        return None
    by_digits = _by_digits(digits)
    if by_digits is not None and by_digits.verb == "false_alarm":
        return None
    return Meant("need_help", by_digits.code if by_digits else None)


def _plain(text: str) -> str:
    """In ordinary digits and small letters; signs that say nothing are spaces, others stay: `?`, a heart, a cross."""
    plain = []
    for sign in unicodedata.normalize("NFKC", text).casefold():
        kind = unicodedata.category(sign)
        if kind == "Nd":
            plain.append(str(unicodedata.decimal(sign)))
        elif kind[0] in "ZCM" or sign in _SEPARATES or (kind[0] == "P" and sign not in _ASKS):
            plain.append(" ")
        else:
            plain.append(sign)
    return "".join(plain)
