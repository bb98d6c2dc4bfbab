"""Telephone numbers at rest: sealed with a key that is in no database, and marks by which they are found unread.

A sealed number is `p1:<key id>:<base64 of nonce, AES-256-GCM ciphertext and tag>`. What has no such beginning is a
number from before, and passes through `unseal`. The mark of a number is an HMAC of its last eleven digits: whoever
lacks the key can neither read a number nor try all of them.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from foundation.errors import SettingsError
from foundation.logs import mask_phone
from foundation.settings import PREFIX, settings

SETTING: Final = f"{PREFIX}PHONE_KEY"
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
"""Random, of the length that GCM is made for; one key may seal 2^32 numbers (NIST SP 800-38D, 8.3)."""
MARK_DIGITS: Final = 32
"""128 bits: two of a million numbers share a mark once in 10^26 deployments."""
SUBSCRIBER_DIGITS: Final = 11
"""The last eleven digits are the subscriber; carriers write the country in front or not."""
_VERSION: Final = "p1"
_SEALED: Final = re.compile(r"p\d+:")
_BETWEEN: Final = re.compile(r"\D+")
_MAKE: Final = "make one with `openssl rand -hex 32` and keep a copy outside this machine"


class NumberUnreadable(SettingsError):
    """A number is sealed with a key that this process does not have, or is damaged. It is never shown."""


@dataclass(frozen=True, slots=True)
class _Key:
    """What is derived from one secret: a cipher, a key for marks, and a name that gives nothing of it away."""

    beginning: str
    cipher: AESGCM = field(repr=False)
    marking: bytes = field(repr=False)

    def seal(self, text: str) -> str:
        nonce = os.urandom(NONCE_BYTES)
        box = self.cipher.encrypt(nonce, text.encode(), self.beginning.encode())
        return self.beginning + base64.b64encode(nonce + box).decode("ascii")

    def unseal(self, sealed: str) -> str:
        try:
            box = base64.b64decode(sealed[len(self.beginning) :], validate=True)
            return self.cipher.decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], self.beginning.encode()).decode()
        except (InvalidTag, ValueError):  # binascii.Error and a nonce that is cut off are ValueErrors
            raise NumberUnreadable("a sealed telephone number is damaged", do="import its contact again") from None

    def mark(self, digits: str) -> str:
        return hmac.digest(self.marking, digits.encode(), "sha256").hex()[:MARK_DIGITS]


_held: list[str] = []


@contextmanager
def held(secret: str) -> Iterator[None]:
    """Within the block this process seals with `secret`, whatever its settings say: those are read once.

    For who starts a deployment of its own (runtime/services.py). Raises SettingsError for what is no key.
    """
    _key(secret, SETTING)
    _held.append(secret)
    try:
        yield
    finally:
        _held.remove(secret)


def check() -> None:
    """Raises SettingsError where the key is missing or is none: better at the start than with the first alarm."""
    _keys()


def seal(number: str) -> str:
    """The number as it is kept; each time another text. Raises SettingsError without a key."""
    return _keys()[0].seal(number)


def unseal(kept: str) -> str:
    """The number as it is dialled. Raises NumberUnreadable, SettingsError without a key."""
    if _SEALED.match(kept) is None:
        return kept
    keys = _keys()
    for key in keys:
        if kept.startswith(key.beginning):
            return key.unseal(kept)
    raise NumberUnreadable(
        f"a telephone number is sealed with another key ({kept[:11]}… and {SETTING} is {keys[0].beginning[:-1]})",
        do=f"set {SETTING} to the key that it was sealed with, or import the contacts again if that is lost",
    )


def masked(kept: str) -> str:
    """As logs and pages may show what is kept: `138****0001`; `unreadable` where the key is another one."""
    try:
        return mask_phone(unseal(kept))
    except NumberUnreadable:
        return "unreadable"


def mark(number: str) -> str:
    """What is equal for equal numbers, however they are written, and says nothing else. Raises SettingsError."""
    return _keys()[0].mark(_digits(number))


def marks(number: str) -> list[str]:
    """The mark, and that of the old key while numbers may still be sealed with it."""
    digits = _digits(number)
    return [key.mark(digits) for key in _keys()]


def beginnings() -> list[str]:
    """How numbers begin that this process can read; the first is what it writes. Raises SettingsError without a key."""
    return [key.beginning for key in _keys()]


def has_key() -> bool:
    """Whether this process was given one; some of ours need none."""
    return bool(_held or settings().phone_key.get_secret_value())


def _digits(number: str) -> str:
    return _BETWEEN.sub("", number)[-SUBSCRIBER_DIGITS:]


def _keys() -> list[_Key]:
    """The key in force, then the old one if there is one."""
    secret = _held[-1] if _held else settings().phone_key.get_secret_value()
    if not secret:
        raise SettingsError(
            f"{SETTING} is not set, and telephone numbers are kept under no other lock", do=f"set it; {_MAKE}"
        )
    old = settings().phone_key_old.get_secret_value()
    keys = [_key(secret, SETTING)]
    return [*keys, _key(old, f"{SETTING}_OLD")] if old else keys


@lru_cache(maxsize=8)
def _key(secret: str, setting: str) -> _Key:
    raw = _bytes(secret)
    if raw is None:
        raise SettingsError(f"{setting} is no key: it wants 64 hex digits, or base64 of 32 bytes", do=_MAKE)
    return _Key(
        f"{_VERSION}:{_derived(raw, 'name', 4).hex()}:", AESGCM(_derived(raw, "seal", 32)), _derived(raw, "mark", 32)
    )


def _bytes(secret: str) -> bytes | None:
    try:
        if re.fullmatch(r"[0-9a-fA-F]{64}", secret):
            return bytes.fromhex(secret)
        raw = base64.b64decode(secret.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == KEY_BYTES else None


def _derived(raw: bytes, purpose: str, length: int) -> bytes:
    """Keys for different purposes that say nothing of each other (RFC 5869)."""
    return HKDF(SHA256(), length, salt=None, info=f"nuanshao phone {purpose} 1".encode()).derive(raw)
