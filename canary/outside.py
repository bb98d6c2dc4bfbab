"""Out of band: a dead man's switch somewhere else hears of each run, and so also when none comes any more.

The form is that of healthchecks.io and its like: a POST to the address says that all is well, one to `<address>/fail`
that it is not, with the reason in the body. It holds no telephone number and names no home.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final, Literal
from urllib.parse import urlsplit

import httpx
import structlog
from pydantic import SecretStr

from foundation.errors import SettingsError
from foundation.loopback import is_loopback
from store.canary import Run

log = structlog.get_logger()

TRIES: Final = 4
FIRST_PAUSE_S: Final = 1.0
"""Then twice as long each time (our choice); what has not come through by then is said with the next run."""
ANSWER_WITHIN_S: Final = 10.0
Pinged = Literal["told", "not_told"]


def checked(url: str) -> str:
    """The address without a slash at its end. Raises SettingsError; it is a secret and stands in no error."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if host is None or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
        raise SettingsError("NUANSHAO_CANARY_PING_URL is no web address", do="write https://host/path, without ?")
    if parts.scheme == "http" and not is_loopback(host):
        raise SettingsError("NUANSHAO_CANARY_PING_URL would be readable on its way", do="use https:// beyond loopback")
    return url.rstrip("/")


def words(run: Run) -> str:
    """What is said of a run, in a line."""
    took = ", ".join(f"{leg} {seconds:.2f} s" for leg, seconds in run.legs.items()) or "nothing reached"
    if run.well:
        return f"ok: {took}"
    return f"{run.outcome} at {run.leg}: {run.reason} ({took})"


class Outside:
    """The address that is told. `first_pause_s`: before the second try."""

    def __init__(self, url: SecretStr, *, first_pause_s: float = FIRST_PAUSE_S) -> None:
        self._url = SecretStr(checked(url.get_secret_value()))
        self._pause_s = first_pause_s
        # httpx writes whole addresses at INFO, and this one is a secret
        logging.getLogger("httpx").addFilter(_not_an_address)

    async def tell(self, run: Run) -> Pinged:
        """Says how the run ended, a few times where nobody answers."""
        url = self._url.get_secret_value() + ("" if run.well else "/fail")
        why, pause_s = "", self._pause_s
        local = is_loopback(urlsplit(url).hostname or "")
        async with httpx.AsyncClient(timeout=ANSWER_WITHIN_S, trust_env=not local) as http:
            for attempt in range(1, TRIES + 1):
                try:
                    answer = await http.post(url, content=words(run).encode())
                except httpx.HTTPError as failed:
                    why = type(failed).__name__  # its text may hold the address
                else:
                    if answer.is_success:
                        return "told"
                    why = f"HTTP {answer.status_code}"
                if attempt < TRIES:
                    await asyncio.sleep(pause_s)
                    pause_s *= 2
        log.error("canary_not_told_outside", why=why, outcome=run.outcome, do="see NUANSHAO_CANARY_PING_URL")
        return "not_told"


def _not_an_address(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("HTTP Request:")
