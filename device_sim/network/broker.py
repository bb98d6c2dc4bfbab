"""The one broker that all devices share: its address, how many may knock at once, and one line when it goes away."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import structlog

from foundation.errors import SettingsError

_HANDSHAKES: Final = 100
"""Devices that may be between TCP connect and birth at the same time."""
_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Address:
    """Where the broker listens; `tls` is None on a plain connection."""

    host: str
    port: int
    tls: ssl.SSLContext | None


def parse_address(url: str) -> Address:
    """The address in `mqtt://host[:port]` or `mqtts://…`; an account in it is not used. Raises SettingsError."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        # not the URL itself: it may carry a password
        raise SettingsError("the broker's address cannot be read", do="write mqtt://host:port or mqtts://host:port")
    tls = ssl.create_default_context() if parts.scheme == "mqtts" else None
    return Address(parts.hostname, parts.port or _PORTS[parts.scheme], tls)


class Broker:
    """Shared by all devices of a run. Keeps 700 devices that lose one broker from writing 700 lines."""

    def __init__(self, address: Address, devices: int) -> None:
        self.address = address
        self.gate = asyncio.Semaphore(_HANDSHAKES)
        self.connected = 0
        self._devices = devices
        self._away = False
        self._told: set[str] = set()

    def joined(self) -> None:
        """A device has a session."""
        self.connected += 1
        if self._away and self.connected * 2 > self._devices:
            self._away = False
            _log.info("the broker is back", connected=self.connected, devices=self._devices)

    def left(self) -> None:
        """A device's session is over."""
        self.connected -= 1

    def lost(self, reason: str) -> None:
        """A device could not reach the broker or lost it. When half of them have, it is the broker."""
        if not self._away and self.connected * 2 <= self._devices:
            self._away = True
            _log.warning("the broker is away, devices keep trying", reason=reason, devices=self._devices)

    def refused(self, uid: str, reason: str) -> None:
        """The broker answered a device and said no; told once a reason."""
        if reason not in self._told:
            self._told.add(reason)
            _log.error("the broker refuses a device, it keeps trying", uid=uid, reason=reason)
