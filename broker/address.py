"""Where the broker is and who we are to it."""

from __future__ import annotations

import hmac
import ssl
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from foundation.errors import SettingsError

PLAIN_PORT = 1883
TLS_PORT = 8883


@dataclass(frozen=True)
class Broker:
    """Address and account. `ca_file`: the authority that has signed the broker's certificate; empty: the system's."""

    host: str
    port: int
    username: str | None
    password: bytes | None = field(repr=False)
    tls: bool
    ca_file: str = ""

    @classmethod
    def parse(cls, url: str, ca_file: str = "") -> Broker:
        """From `mqtt://user:password@host:port` or `mqtts://…`. Raises SettingsError; no password in it."""
        wrong = SettingsError("NUANSHAO_MQTT_URL is no MQTT address", do="write mqtt://user:password@host:port")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:  # a port that is no number, half an IPv6 address
            raise wrong from None
        if parts.scheme not in {"mqtt", "mqtts"} or not host:
            raise wrong
        tls = parts.scheme == "mqtts"
        return cls(
            host,
            port or (TLS_PORT if tls else PLAIN_PORT),
            unquote(parts.username) if parts.username else None,
            unquote(parts.password).encode() if parts.password else None,
            tls,
            ca_file,
        )

    def context(self) -> ssl.SSLContext | None:
        """How TLS checks the broker; None without TLS. Raises SettingsError for a file that holds no certificate."""
        if not self.tls:
            return None
        try:
            return ssl.create_default_context(cafile=self.ca_file or None)
        except (OSError, ssl.SSLError) as failed:
            raise SettingsError(
                f"NUANSHAO_MQTT_CA_FILE: {failed.strerror or 'no certificate'}", do="point it at a PEM file"
            ) from None


def session_name(broker: Broker, worker: str) -> str:
    """The client id of a worker's persistent session: stable for one account and worker, and not to be guessed.

    Whoever connects with the client id of another session ends that session and empties its queue, whatever account
    they log in as; so a device must not know this name.
    """
    mark = hmac.new(broker.password or b"", f"nuanshao session of {worker}".encode(), "sha256").hexdigest()[:16]
    return f"nuanshao-{worker}-{mark}"
