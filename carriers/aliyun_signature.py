"""Checks ACS3-HMAC-SHA256 signatures on received requests, as Aliyun's gateway does.

Written from the vendor's description and from the wire, on purpose without a look at our own signing code:
two independent readings of one rule find each other's mistakes.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from urllib.parse import parse_qsl, quote

from pydantic import SecretStr

from foundation.clock import Clock

ALGORITHM = "ACS3-HMAC-SHA256"
SKEW = timedelta(minutes=15)
_NONCES_KEPT = 100_000
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} *Credential=(?P<key>[^,]+), *SignedHeaders=(?P<headers>[^,]+), *Signature=(?P<signature>[0-9a-f]+)"
)


class SignatureRefused(Exception):
    """The gateway turns the request away: HTTP `status`, Aliyun's `code` and its `message`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Received:
    """A request as it arrived; header names in lower case, a repeated header once per line."""

    method: str
    path: str
    raw_query: str
    headers: list[tuple[str, str]]
    body: bytes

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """The query's names and values."""
        return parse_qsl(self.raw_query, keep_blank_values=True)

    def header(self, name: str) -> str:
        """All values of one header, joined as the canonical form wants them."""
        return ",".join(value.strip() for key, value in self.headers if key == name)

    def has(self, name: str) -> bool:
        """Whether the header came at all."""
        return any(key == name for key, _ in self.headers)


class SignatureCheck:
    """One account's key, and the nonces that it has used within the allowed skew."""

    def __init__(self, access_key_id: str, secret: SecretStr, clock: Clock) -> None:
        self._key_id = access_key_id
        self._secret = secret
        self._clock = clock
        self._used: OrderedDict[str, datetime] = OrderedDict()

    def check(self, request: Received) -> None:
        """Let a well-signed, fresh request pass; raise SignatureRefused otherwise."""
        parts = _AUTHORIZATION.fullmatch(request.header("authorization"))
        if parts is None:
            raise SignatureRefused(
                400, "IncompleteSignature", "The request signature does not conform to Aliyun standards."
            )
        if parts["key"] != self._key_id:
            raise SignatureRefused(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
        self._check_date(request.header("x-acs-date"))
        signed = parts["headers"].split(";")
        if _must_be_signed(request) - set(signed) or request.header("x-acs-content-sha256") != _sha256(request.body):
            raise _mismatch()
        expected = hmac.new(
            self._secret.get_secret_value().encode(),
            f"{ALGORITHM}\n{_sha256(canonical_request(request, signed).encode())}".encode(),
            hashlib.sha256,
        ).hexdigest()
        if not hmac.compare_digest(expected, parts["signature"]):
            raise _mismatch()
        self._use_nonce(request.header("x-acs-signature-nonce"))

    def _check_date(self, text: str) -> None:
        try:
            date = datetime.fromisoformat(text if _DATE.fullmatch(text) else "")
        except ValueError:
            raise SignatureRefused(
                400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted."
            ) from None
        if abs(self._clock() - date) > SKEW:
            raise SignatureRefused(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")

    def _use_nonce(self, nonce: str) -> None:
        # only after the signature: a stranger must not be able to burn nonces
        now = self._clock()
        while self._used and (len(self._used) >= _NONCES_KEPT or now - next(iter(self._used.values())) > 2 * SKEW):
            self._used.popitem(last=False)
        if not nonce or nonce in self._used:
            raise SignatureRefused(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
        self._used[nonce] = now


def canonical_request(request: Received, signed: list[str]) -> str:
    """The text that both sides sign, rebuilt from what was received."""
    # sorted by the bare name, as the official SDK does: `a` before `a-b`, whatever `=` sorts like
    query = "&".join(f"{_encode(name)}={_encode(value)}" for name, value in sorted(request.pairs))
    headers = "".join(f"{name}:{request.header(name)}\n" for name in signed)
    return "\n".join(
        (
            request.method,
            quote(request.path or "/", safe="/~"),
            query,
            headers,
            ";".join(signed),
            request.header("x-acs-content-sha256"),
        )
    )


def _must_be_signed(request: Received) -> set[str]:
    acs = {name for name, _ in request.headers if name.startswith("x-acs-")}
    content = {"content-type"} if request.body and request.has("content-type") else set()
    return acs | content | {"host", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256", "x-acs-action"}


def _mismatch() -> SignatureRefused:
    # the real gateway adds its own string to sign; left out, nobody needs it in a log
    return SignatureRefused(400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation.")


def _encode(text: str) -> str:
    return quote(text, safe="~")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
