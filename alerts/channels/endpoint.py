"""A carrier's address and requests to it: plain HTTP on loopback only, no secret in a log, failures with a name."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from alerts.channels.channel import Refused, Unknown
from foundation.errors import SettingsError
from foundation.loopback import is_loopback

RETRY_UNREACHABLE_S = 5.0


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
    """A client for one carrier; `timeout_s` bounds each request. No proxy of the environment stands before loopback."""
    # httpx writes whole addresses at INFO, and ours hold numbers, keys and tokens
    logging.getLogger("httpx").addFilter(_not_an_address)
    return httpx.AsyncClient(timeout=timeout_s, trust_env=not where.local)


def failed(error: httpx.HTTPError) -> Refused | Unknown:
    """What a request that was not answered means: it may have been taken unless no connection ever stood."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return Refused("carrier_unreachable", retryable=True, after_s=RETRY_UNREACHABLE_S, elsewhere=True)
    return Unknown("carrier_timeout" if isinstance(error, httpx.TimeoutException) else "connection_lost")


def decoded(answer: httpx.Response) -> object:
    """The JSON of an answer, or None where it is none."""
    try:
        return answer.json()
    except ValueError:
        return None


def _not_an_address(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("HTTP Request:")
