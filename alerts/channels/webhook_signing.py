"""Signs a webhook as Standard Webhooks 1.0 says (v1, HMAC-SHA256). Pure: the moment comes from outside.

Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md, read 2026.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"
SHORTEST_BYTES: Final = 24
LONGEST_BYTES: Final = 64
"""Of a key, by the specification."""

_NO_ID = re.compile(r"[^A-Za-z0-9_-]")


def key_of(secret: str) -> bytes:
    """The bytes of `whsec_<base64>`. Raises ValueError, which never repeats it."""
    if not secret.startswith(PREFIX):
        raise ValueError(f"a secret begins with {PREFIX}")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"what follows {PREFIX} is base64") from None
    if not SHORTEST_BYTES <= len(key) <= LONGEST_BYTES:
        raise ValueError(f"a key has {SHORTEST_BYTES} to {LONGEST_BYTES} bytes")
    return key


def id_of(key: str) -> str:
    """Our key as `webhook-id`: the specification allows no full stop there, and a header no other writing."""
    return _NO_ID.sub("_", key)


def signed_headers(keys: Sequence[bytes], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers; a signature for each key, so that a receiver can change from one to the other."""
    stamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode("ascii"), stamp.encode("ascii"), body))
    signatures = (base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode("ascii") for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
