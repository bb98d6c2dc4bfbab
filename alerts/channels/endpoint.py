"""A carrier's address and requests to it: plain HTTP on loopback only, no secret in a log, failures with a name."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import httpx
from httpx_aiohttp import HttpxAiohttpClient

from alerts.channels.channel import Refused, Unknown
from foundation.errors import SettingsError
from foundation.loopback import is_loopback

RETRY_UNREACHABLE_S = 5.0
KEPT_OPEN_S = 4.0
"""An idle connection is closed by us before servers do it (nginx 75 s, uvicorn 5 s): one that they close while we send
leaves open whether the message was taken."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Scheme and host of a carrier. `host` is the Host header, with its port."""

    address: str
    host: str
    local: bool


def endpoint(setting: str, address: str) -> Endpoint:
    """The endpoint that `setting` names, scheme and host only.

    Raises SettingsError for one that has more, or that would carry signatures and numbers in clear over a network.
    """
    parts = urlsplit(address)
    local = is_loopback(parts.hostname or "")
    if parts.scheme not in ("https", "http") or not parts.hostname or "@" in parts.netloc:
        raise SettingsError(f"{setting} is no web address", do="write it as https://host")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise SettingsError(f"{setting} has a path", do="write only scheme and host")
    if parts.scheme == "http" and not local:
        raise SettingsError(
            f"{setting}: http://{parts.netloc} would carry alarms in clear", do="use https:// beyond loopback"
        )
    return Endpoint(f"{parts.scheme}://{parts.netloc}", parts.netloc, local)


def client(where: Endpoint, timeout_s: float) -> httpx.AsyncClient:
    """A client for one carrier; `timeout_s` bounds each request. No proxy of the environment stands before loopback.

    Over aiohttp: httpx's own transport costs 6.9 ms of CPU a message at 64 at once, this one 3.0 (in one run).
    """
    # httpx writes whole addresses at INFO, and ours hold numbers, keys and tokens
    logging.getLogger("httpx").addFilter(_not_an_address)
    # reading the authorities takes 67 ms, and plain HTTP has no use for them
    return HttpxAiohttpClient(
        timeout=timeout_s, trust_env=not where.local, verify=where.address.startswith("https"),
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=KEPT_OPEN_S),
    )  # fmt: skip


def failed(error: httpx.HTTPError | aiohttp.ClientError | TimeoutError) -> Refused | Unknown:
    """What a request that was not answered means: it may have been taken unless no connection ever stood.

    Asks the transport's own error: as httpx names them, a connection that was lost looks like one that never stood.
    """
    cause = error.__cause__ if isinstance(error, httpx.HTTPError) else error
    if isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return Refused("carrier_unreachable", retryable=True, after_s=RETRY_UNREACHABLE_S, elsewhere=True)
    timed_out = isinstance(cause, TimeoutError) or (cause is None and isinstance(error, httpx.TimeoutException))
    return Unknown("carrier_timeout" if timed_out else "connection_lost")


def decoded(answer: httpx.Response) -> object:
    """The JSON of an answer, or None where it is none."""
    try:
        return answer.json()
    except ValueError:
        return None


def _not_an_address(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("HTTP Request:")
