"""Signs a call to Aliyun's RPC gateway with ACS3-HMAC-SHA256. Pure: date and nonce come from outside.

Source: "V3 request structure and signature", Alibaba Cloud SDK documentation; the published example is a unit test.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from urllib.parse import quote

from pydantic import SecretStr

ALGORITHM = "ACS3-HMAC-SHA256"
_EMPTY_BODY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Call:
    """One RPC call: parameters travel in the query, the body is empty."""

    host: str
    action: str
    version: str
    query: Mapping[str, str]

    @cached_property
    def address_query(self) -> str:
        """The query in RFC 3986 form, sorted: what is signed is also what is sent."""
        return "&".join(f"{_encode(name)}={_encode(self.query[name])}" for name in sorted(self.query))


def signed_headers(call: Call, *, access_key_id: str, secret: SecretStr, date: datetime, nonce: str) -> dict[str, str]:
    """All headers that the call must carry, Authorization included.

    `date` may be 15 minutes off the carrier's clock; `nonce` must never repeat.
    """
    headers = {
        "host": call.host,
        "x-acs-action": call.action,
        "x-acs-content-sha256": _EMPTY_BODY,
        "x-acs-date": date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": nonce,
        "x-acs-version": call.version,
    }
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        (
            "POST",
            "/",
            call.address_query,
            "".join(f"{name}:{headers[name]}\n" for name in sorted(headers)),
            names,
            _EMPTY_BODY,
        )
    )
    to_sign = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(secret.get_secret_value().encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    headers["Authorization"] = f"{ALGORITHM} Credential={access_key_id},SignedHeaders={names},Signature={signature}"
    return headers


def _encode(text: str) -> str:
    return quote(text, safe="~")
