"""The access token of a carrier that hands one out for two hours: kept, renewed in time, fetched once for all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx
import structlog
from pydantic import SecretStr

from alerts.channels.channel import Outcome, Refused, Unknown
from alerts.channels.endpoint import RETRY_UNREACHABLE_S, decoded, failed
from alerts.channels.errcode import BUSY, TOKEN_CODES, errcode
from foundation.clock import Clock

log = structlog.get_logger(__name__)

RENEW_BEFORE = timedelta(minutes=5)
"""Our choice: no message starts out with a token that dies on the way."""
LIVES = timedelta(seconds=7200)
"""Where the answer does not say for how long (CHANNELS.md)."""
ASK_AGAIN_AFTER = timedelta(seconds=5)
"""After a token was refused the others in the queue do not ask again: each could wait for a time-out of its own."""


@dataclass(frozen=True)
class Granted:
    """A token and for how long it is good."""

    token: SecretStr = field(repr=False)
    lives: timedelta


class AccessToken:
    """The token of one account. `fetch` asks the carrier for one, `judge` says what a refusal means."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[httpx.Response]],
        judge: Callable[[int, object], Outcome],
        clock: Clock,
    ) -> None:
        self._fetch = fetch
        self._judge = judge
        self._clock = clock
        self._lock = asyncio.Lock()
        self._granted: Granted | None = None
        self._renew_at: datetime | None = None
        self._refused: tuple[Refused, datetime] | None = None

    async def carry(
        self, post: Callable[[SecretStr], Awaitable[httpx.Response]]
    ) -> tuple[int, object] | Refused | Unknown:
        """Status and body of what `post` is answered with a token that the carrier knows.

        One that it does not know any more is fetched again, once, and the request sent again: it was not taken.
        """
        answer: tuple[int, object] | Refused | Unknown = BUSY
        for _ in range(2):
            token = await self.get()
            if isinstance(token, Refused):
                return token
            try:
                got = await post(token)
            except httpx.HTTPError as error:
                return failed(error)
            answer = got.status_code, decoded(got)
            if errcode(answer[1]) not in TOKEN_CODES:
                return answer
            self.forget(token)
        return answer

    async def get(self) -> SecretStr | Refused:
        """The token, fetched if there is none, or why there is none."""
        async with self._lock:
            now = self._clock()
            if self._granted is not None and self._renew_at is not None and now < self._renew_at:
                return self._granted.token
            if self._refused is not None and now < self._refused[1]:
                return self._refused[0]
            got = await self._ask()
            if isinstance(got, Refused):
                self._refused = (got, self._clock() + ASK_AGAIN_AFTER)
                return got
            self._granted, self._refused = got, None
            self._renew_at = now + max(got.lives - RENEW_BEFORE, got.lives / 2)
            return got.token

    def forget(self, token: SecretStr) -> None:
        """The carrier does not know this token any more; one that was fetched meanwhile stays."""
        if self._granted is not None and self._granted.token == token:
            self._granted = None

    async def _ask(self) -> Granted | Refused:
        try:
            answer = await self._fetch()
        except httpx.HTTPError as error:
            # whatever became of it, no message was handed over
            log.warning("token_refused", reason=failed(error).reason)
            return Refused("carrier_unreachable", retryable=True, after_s=RETRY_UNREACHABLE_S, elsewhere=True)
        body = decoded(answer)
        token = body.get("access_token") if isinstance(body, dict) else None
        if isinstance(body, dict) and errcode(body) in (0, None) and isinstance(token, str) and token:
            lives = body.get("expires_in")
            return Granted(SecretStr(token), timedelta(seconds=lives) if isinstance(lives, int) else LIVES)
        outcome = self._judge(answer.status_code, body)
        refused = outcome if isinstance(outcome, Refused) and outcome.retryable else BUSY
        log.warning("token_refused", reason=refused.reason, code=errcode(body), status=answer.status_code)
        return refused
