"""Aliyun's RPC gateway: one signed request with our own signing, for SMS and voice; nothing hidden, nothing repeated.

The official SDKs are kept for the tests, where they prove that the stand-in carrier speaks as Aliyun does.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from typing import Final

import aiohttp
from pydantic import SecretStr
from yarl import URL

from alerts.channels.aliyun_signing import Call, signed_headers
from alerts.channels.endpoint import KEPT_OPEN_S, Endpoint
from foundation.clock import Clock

VERSION = "2017-05-25"
"""Of both APIs, dysmsapi and dyvmsapi."""
UNANSWERED: Final = (aiohttp.ClientError, TimeoutError)
"""What `call` raises where no answer came; `failed` (endpoint.py) says what that means."""
_MAINLAND = re.compile(r"(?:\+|00)?86(?=1\d{10}$)")


class AliyunGateway:
    """One access key at one endpoint. `timeout_s` bounds connecting, and each wait for the answer.

    On aiohttp itself: a text stands in the address, and httpx reads it letter by letter, which costs half as much CPU
    as a message's whole way.
    """

    def __init__(
        self, where: Endpoint, *, access_key_id: str, secret: SecretStr, clock: Clock, timeout_s: float
    ) -> None:
        self._where = where
        self._access_key_id = access_key_id
        self._secret = secret
        self._clock = clock
        self._timeout = aiohttp.ClientTimeout(total=2 * timeout_s, sock_connect=timeout_s, sock_read=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def call(self, action: str, query: Mapping[str, str]) -> tuple[int, object]:
        """Status and decoded body, None for one that is no JSON. Raises one of UNANSWERED where none came."""
        call = Call(host=self._where.host, action=action, version=VERSION, query=query)
        headers = signed_headers(
            call, access_key_id=self._access_key_id, secret=self._secret, date=self._clock(), nonce=uuid.uuid4().hex
        )
        # as it was signed: nothing may encode it once more
        address = URL(f"{self._where.address}/?{call.address_query}", encoded=True)
        async with self._opened().post(address, headers=headers, allow_redirects=False) as answer:
            status, body = answer.status, await answer.read()
        try:
            return status, json.loads(body)
        except ValueError:
            return status, None

    async def close(self) -> None:
        """Let connections go."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        """The session; it belongs to the loop of who asks first. No proxy of the environment stands before loopback."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(keepalive_timeout=KEPT_OPEN_S), timeout=self._timeout,
                trust_env=not self._where.local, cookie_jar=aiohttp.DummyCookieJar(),
            )  # fmt: skip
        return self._session


def code_of(body: object) -> str:
    """The carrier's code for a log. Its words are left out: some of its messages repeat the phone number."""
    return str(body.get("Code", ""))[:64] if isinstance(body, dict) else ""


def national(phone: str) -> str:
    """A mainland number without its country, spaces and hyphens; another one as it is."""
    return _MAINLAND.sub("", phone.replace(" ", "").replace("-", ""), count=1)
