"""Aliyun's RPC gateway: one signed request with our own signing, for SMS and voice; nothing hidden, nothing repeated.

The official SDKs are kept for the tests, where they prove that the stand-in carrier speaks as Aliyun does.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping

from pydantic import SecretStr

from alerts.channels.aliyun_signing import Call, canonical_query, signed_headers
from alerts.channels.endpoint import Endpoint, client
from foundation.clock import Clock

VERSION = "2017-05-25"
"""Of both APIs, dysmsapi and dyvmsapi."""
_MAINLAND = re.compile(r"(?:\+|00)?86(?=1\d{10}$)")


class AliyunGateway:
    """One access key at one endpoint. `timeout_s` bounds each request."""

    def __init__(
        self, where: Endpoint, *, access_key_id: str, secret: SecretStr, clock: Clock, timeout_s: float
    ) -> None:
        self._where = where
        self._access_key_id = access_key_id
        self._secret = secret
        self._clock = clock
        self._http = client(where, timeout_s)

    async def call(self, action: str, query: Mapping[str, str]) -> tuple[int, object]:
        """Status and decoded body, None for one that is no JSON. Raises httpx.HTTPError where no answer came."""
        headers = signed_headers(
            Call(host=self._where.host, action=action, version=VERSION, query=query),
            access_key_id=self._access_key_id,
            secret=self._secret,
            date=self._clock(),
            nonce=uuid.uuid4().hex,
        )
        answer = await self._http.post(f"{self._where.address}/?{canonical_query(query)}", headers=headers)
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, None

    async def close(self) -> None:
        """Let connections go."""
        await self._http.aclose()


def code_of(body: object) -> str:
    """The carrier's code for a log. Its words are left out: some of its messages repeat the phone number."""
    return str(body.get("Code", ""))[:64] if isinstance(body, dict) else ""


def national(phone: str) -> str:
    """A mainland number without its country, spaces and hyphens; another one as it is."""
    return _MAINLAND.sub("", phone.replace(" ", "").replace("-", ""), count=1)
