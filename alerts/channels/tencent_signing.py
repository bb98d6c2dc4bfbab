"""Signs a call to Tencent's API 3.0 with TC3-HMAC-SHA256. Pure: the moment comes from outside.

Source: cloud.tencent.com/document/api/382/52072, "signature method v3"; its published example is a unit test.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import SecretStr

ALGORITHM = "TC3-HMAC-SHA256"
CONTENT_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True)
class TencentCall:
    """One `POST /`: the parameters travel in the body. `host` has its port where the address has one."""

    service: str
    host: str
    action: str
    version: str
    body: bytes
    region: str = ""


def signed_headers(call: TencentCall, *, secret_id: str, secret: SecretStr, at: datetime) -> dict[str, str]:
    """All headers that the call must carry, Authorization included. `at` may be 5 minutes off the carrier's clock."""
    stamp, day = str(int(at.timestamp())), at.astimezone(UTC).strftime("%Y-%m-%d")
    signed = {"content-type": CONTENT_TYPE, "host": call.host, "x-tc-action": call.action.lower()}
    names = ";".join(signed)
    canonical = "\n".join(
        ("POST", "/", "", "".join(f"{name}:{value}\n" for name, value in signed.items()), names, _sha256(call.body))
    )
    scope = f"{day}/{call.service}/tc3_request"
    to_sign = "\n".join((ALGORITHM, stamp, scope, _sha256(canonical.encode())))
    key = _hmac(_hmac(_hmac(f"TC3{secret.get_secret_value()}".encode(), day), call.service), "tc3_request")
    signature = _hmac(key, to_sign).hex()
    headers = {
        "content-type": CONTENT_TYPE,
        "host": call.host,
        "x-tc-action": call.action,
        "x-tc-version": call.version,
        "x-tc-timestamp": stamp,
        "authorization": f"{ALGORITHM} Credential={secret_id}/{scope}, SignedHeaders={names}, Signature={signature}",
    }
    return headers | ({"x-tc-region": call.region} if call.region else {})


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
