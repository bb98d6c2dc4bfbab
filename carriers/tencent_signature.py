"""Checks TC3-HMAC-SHA256 signatures on received requests, as Tencent's API 3.0 does.

Written from the vendor's description (cloud.tencent.com/document/api/382/52072) and from the wire, on purpose without
a look at our own signing code.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from carriers.settings import TencentSettings
from foundation.clock import Clock

SKEW_S = 300
_AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=(?P<id>[^/,]+)/(?P<date>\d{4}-\d{2}-\d{2})/(?P<service>[a-z]+)/tc3_request, *"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), *Signature=(?P<signature>[0-9a-f]{64})"
)
_MUST_BE_SIGNED = {"content-type", "host"}


class TencentRefused(Exception):
    """The API turns a request away, in an HTTP 200: Tencent's `code` and `message`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


class TencentCheck:
    """The key of one account; without an account every key is unknown."""

    def __init__(self, account: TencentSettings | None, clock: Clock) -> None:
        self._account = account
        self._clock = clock

    def check(self, headers: Mapping[str, str], body: bytes) -> None:
        """Let a well-signed, fresh `POST /` pass; raise TencentRefused otherwise. Header names in lower case."""
        parts = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if parts is None:
            raise TencentRefused(
                "AuthFailure.InvalidAuthorization", "The Authorization header is not in Tencent Cloud's form."
            )
        if self._account is None or parts["id"] != self._account.secret_id:
            raise TencentRefused("AuthFailure.SecretIdNotFound", "The SecretId is not found.")
        stamp = self._fresh(headers.get("x-tc-timestamp", ""), parts["date"])
        signed = parts["headers"].split(";")
        if parts["service"] != "sms" or not set(signed) >= _MUST_BE_SIGNED:
            raise _failure()
        key = f"TC3{self._account.secret_key.get_secret_value()}".encode()
        for step in (parts["date"], parts["service"], "tc3_request"):
            key = hmac.digest(key, step.encode(), "sha256")
        scope = f"{parts['date']}/{parts['service']}/tc3_request"
        text = "\n".join(("TC3-HMAC-SHA256", stamp, scope, _sha256(_canonical(headers, signed, body).encode())))
        expected = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, parts["signature"]):
            raise _failure()

    def _fresh(self, stamp: str, date: str) -> str:
        if not stamp.isdigit() or abs(self._clock().timestamp() - int(stamp)) > SKEW_S:
            raise TencentRefused(
                "AuthFailure.SignatureExpire", "The timestamp differs from the server's by more than five minutes."
            )
        if datetime.fromtimestamp(int(stamp), UTC).strftime("%Y-%m-%d") != date:
            raise _failure()
        return stamp


def _canonical(headers: Mapping[str, str], signed: list[str], body: bytes) -> str:
    lines = "".join(f"{name}:{headers.get(name, '').strip().lower()}\n" for name in signed)
    return "\n".join(("POST", "/", "", lines, ";".join(signed), _sha256(body)))


def _failure() -> TencentRefused:
    return TencentRefused(
        "AuthFailure.SignatureFailure",
        "The provided credentials could not be validated. Please check your signature is correct.",
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
