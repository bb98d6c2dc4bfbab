"""The signed link in a message: who has it can answer this one message, for a day, without an account.

Off while NUANSHAO_PUBLIC_URL is not set. The link holds the message's number and when it was made, no name, no number.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final, Literal
from urllib.parse import urlsplit

from itsdangerous import BadSignature, Signer

from foundation.errors import SettingsError
from foundation.loopback import is_loopback
from foundation.settings import Settings, settings

LASTS: Final = timedelta(hours=24)
"""Our choice; as long as a message is tried (alerts/delivery.py)."""
SHORTEST_KEY: Final = 32
"""Characters; `openssl rand -hex 24` makes 48."""
_LONGEST_TOKEN: Final = 120
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def link_for(notification_id: int, now: datetime) -> str:
    """The address at which this message can be answered from now on for a day; empty where links are off.

    Raises SettingsError as `check_links`.
    """
    signer = check_links(settings())
    if signer is None:
        return ""
    token = signer.sign(f"{_base36(notification_id)}.{_base36(int(now.timestamp()))}").decode()
    return f"{settings().public_url.rstrip('/')}/a/{token}"


def read(token: str, now: datetime) -> int | Literal["expired", "forged"]:
    """The message that the token of a link is about. Also `forged`: where links are off."""
    signer = check_links(settings())
    if signer is None or len(token) > _LONGEST_TOKEN:
        return "forged"
    try:
        number, made = signer.unsign(token).decode().split(".")
        notification_id, made_s = int(number, 36), int(made, 36)
    except (BadSignature, ValueError):
        return "forged"
    return "expired" if now.timestamp() >= made_s + LASTS.total_seconds() else notification_id


def check_links(chosen: Settings) -> Signer | None:
    """What signs links, or None where there are none.

    Raises SettingsError for an address that would carry them in clear beyond this machine, and for a key that is
    missing or short.
    """
    if not chosen.public_url:
        return None
    parts = urlsplit(chosen.public_url)
    if parts.scheme not in ("https", "http") or not parts.hostname or "@" in parts.netloc:
        raise SettingsError("NUANSHAO_PUBLIC_URL is no web address", do="write it as https://host")
    if parts.query or parts.fragment:
        raise SettingsError("NUANSHAO_PUBLIC_URL has a query", do="write it as https://host or https://host/path")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise SettingsError("NUANSHAO_PUBLIC_URL would carry links in clear", do="use https:// beyond loopback")
    key = chosen.link_key.get_secret_value()
    if len(key) < SHORTEST_KEY:
        raise SettingsError(
            f"NUANSHAO_LINK_KEY has fewer than {SHORTEST_KEY} characters", do="make one: openssl rand -hex 24"
        )
    return Signer(key, salt="nuanshao.answer", digest_method=hashlib.sha256)


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
