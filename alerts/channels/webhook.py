"""Any program that takes a signed POST (Standard Webhooks): a county's own desk, a chat bridge, another alarm centre.

A receiver answers 2xx once it has the message. It is asked to recognise a repeated `webhook-id`, so a message whose
answer was lost is sent again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
import structlog

from alerts.channels.channel import Accepted, Message, Outcome, Receipt, Refused, Unknown, Way
from alerts.channels.endpoint import client, failed
from alerts.channels.webhook_signing import id_of, signed_headers
from alerts.channels.webhook_targets import Target, name_of, targets
from foundation.clock import Clock, utc_now
from foundation.settings import Settings

log = structlog.get_logger(__name__)

LONGEST_WAIT_S: Final = 600.0
"""Longer than that no receiver may put an alarm off, whatever its Retry-After says (our choice)."""
_DESK_S = 600.0
"""How soon a person may have repaired a setting."""
_MOST_OF_AN_ANSWER = 64 * 1024
"""Bytes that are read, and thrown away, so that the connection can be used again."""

_LATER: Final[Mapping[int, tuple[str, float]]] = {
    408: ("receiver_timeout", 5.0),
    425: ("receiver_too_early", 5.0),
    429: ("receiver_limit", 30.0),
}
_NEVER: Final[Mapping[int, str]] = {
    401: "credentials_refused",
    403: "credentials_refused",
    404: "receiver_not_there",
    410: "receiver_gone",
    413: "message_too_large",
}


class Webhook:
    """The receivers of one deployment. `timeout_s` bounds each step of a request, twice that the whole of it."""

    name = "webhook"
    way: Way = "webhook"
    receipts = False
    remembers = True

    def __init__(self, receivers: Mapping[str, Target], *, clock: Clock = utc_now, timeout_s: float = 10.0) -> None:
        self._receivers = dict(receivers)
        self._clock = clock
        self._timeout_s = timeout_s
        self._http = {name: client(one.where, timeout_s) for name, one in self._receivers.items()}

    def __repr__(self) -> str:
        return f"Webhook({', '.join(self._receivers)})"

    async def send(self, message: Message) -> Outcome:
        """POST it once. A 5xx is a refusal that is tried again; no answer at all leaves open whether it was taken."""
        target = self._receivers.get(name_of(message.to))
        if target is None:
            log.warning("webhook_unknown", target=name_of(message.to), key=message.key, do="name it in the setting")
            return Refused("receiver_unknown", retryable=True, after_s=_DESK_S)
        now = self._clock()
        body = as_body(message, now)
        headers = signed_headers(target.keys, id_of(message.key), now, body) | {"content-type": "application/json"}
        try:
            async with asyncio.timeout(2 * self._timeout_s):
                status, after = await self._post(target, body, headers)
        except httpx.HTTPError as error:
            outcome: Outcome = failed(error)
            status = 0
        except TimeoutError:
            outcome, status = Unknown("carrier_timeout"), 0
        else:
            outcome = judge(status, after, now)
        if not isinstance(outcome, Accepted):
            log.warning(
                "webhook_not_accepted", reason=outcome.reason, status=status, target=target.name, key=message.key
            )
        return outcome

    async def lookup(self, message: Message, sent_at: datetime) -> Receipt | Accepted | None:  # noqa: ARG002 - Channel's
        """Receivers cannot be asked."""
        return None

    async def close(self) -> None:
        """Let connections go."""
        for one in self._http.values():
            await one.aclose()

    async def _post(self, target: Target, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        sending = self._http[target.name].stream("POST", target.url, content=body, headers=headers)
        async with sending as answer:
            status, after = answer.status_code, answer.headers.get("retry-after", "")
            read = 0
            try:
                async for some in answer.aiter_raw():
                    read += len(some)
                    if read > _MOST_OF_AN_ANSWER:
                        break
            except httpx.HTTPError:
                log.info("webhook_answer_cut_off", target=target.name, status=status)  # the status has been heard
        return status, after


def as_body(message: Message, sent_at: datetime) -> bytes:
    """What is posted: the message as JSON, in UTF-8; `sent_at` in ISO 8601, of this attempt."""
    said = {
        "key": message.key,
        "template": message.template,
        "language": message.language,
        "text": message.text,
        "params": message.params,
        "link": message.link,
        "sent_at": sent_at.isoformat(),
    }
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def judge(status: int, retry_after: str, now: datetime) -> Outcome:
    """What a receiver's status means; `retry_after` is its header, or empty."""
    if httpx.codes.is_success(status):
        return Accepted("")
    if status in _LATER:
        reason, usual_s = _LATER[status]
        return Refused(reason, retryable=True, after_s=_wait(retry_after, now, usual_s))
    if httpx.codes.is_server_error(status):
        return Refused("receiver_error", retryable=True, after_s=_wait(retry_after, now, 5.0))
    if httpx.codes.is_redirect(status):
        return Refused("receiver_redirects", retryable=False)
    return Refused(_NEVER.get(status, "receiver_refused"), retryable=False)


def _wait(retry_after: str, now: datetime, usual_s: float) -> float:
    """Retry-After in seconds or as a date (RFC 9110, 10.2.3), bounded."""
    if retry_after.isascii() and retry_after.isdigit():
        asked = float(retry_after[:9])
    else:
        try:
            asked = (parsedate_to_datetime(retry_after) - now).total_seconds()
        except (ValueError, TypeError):  # no date, or one without a zone
            return usual_s
    return min(max(asked, 0.0), LONGEST_WAIT_S)


def from_settings(chosen: Settings) -> Webhook | None:
    """The receivers that the settings name, if any. Raises SettingsError for a line that cannot be used."""
    named = targets(chosen.webhooks.get_secret_value())
    return Webhook(named) if named else None
