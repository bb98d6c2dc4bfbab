"""MQTT 3.1.1 as a modem speaks it: CONNECT with a will, QoS 1 publishing, pings; bytes in, bytes out. Pure.

A codec of our own, small and unlike the one that ingest uses: two readings of one standard find each other's mistakes.
Numbers and layouts: OASIS MQTT 3.1.1, chapters 2 and 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

CONNACK: Final = 2
PUBACK: Final = 4
PINGRESP: Final = 13
PINGREQ: Final = b"\xc0\x00"
DISCONNECT: Final = b"\xe0\x00"
REFUSALS: Final = {
    1: "protocol version",
    2: "client id",
    3: "the broker is not available",
    4: "user name or password",
    5: "not authorised",
}
"""What a CONNACK's return code means; 0 is a welcome."""
LAST_PACKET_ID: Final = 65_535

_PROTOCOL: Final = b"\x00\x04MQTT\x04"
# user name, password, clean session
_LOGIN_FLAGS: Final = 0b1100_0010
# will retained, will with QoS 1, will
_WILL_FLAGS: Final = 0b0010_1100
_PUBLISH_QOS1: Final = 0x32
_DUP: Final = 0x08
_RETAIN: Final = 0x01


class NotMqtt(Exception):
    """The other side does not speak MQTT 3.1.1, or not to a client that only publishes."""


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained, when the connection ends without a DISCONNECT."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Login:
    """Who connects: a device's client id is its uid, and so is its user name."""

    client_id: str
    user: str
    password: str = field(repr=False)


def connect(login: Login, will: Will | None, *, keepalive_s: int) -> bytes:
    """CONNECT with a clean session."""
    parts = [login.client_id.encode()]
    if will is not None:
        parts += [will.topic.encode(), will.payload]
    parts += [login.user.encode(), login.password.encode()]
    flags = _LOGIN_FLAGS | (_WILL_FLAGS if will is not None else 0)
    body = _PROTOCOL + bytes((flags,)) + keepalive_s.to_bytes(2, "big") + b"".join(map(_text, parts))
    return b"\x10" + _length(len(body)) + body


def publish(topic: str, payload: bytes, packet_id: int, *, retain: bool = False, again: bool = False) -> bytes:
    """PUBLISH with QoS 1; `again` marks a repetition of an earlier packet with this id."""
    name = topic.encode()
    first = _PUBLISH_QOS1 | (_RETAIN if retain else 0) | (_DUP if again else 0)
    head = bytes((first,)) + _length(len(name) + 4 + len(payload)) + _text(name) + packet_id.to_bytes(2, "big")
    return head + payload


class Answers:
    """Cuts what the broker sends into packets, however the network cut it before."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, int]]:
        """(packet type, number) of each whole packet: a CONNACK's return code, a PUBACK's packet id, 0 of others.

        Raises NotMqtt for what a broker cannot send to a client that has not subscribed.
        """
        buffer = self._rest + data if self._rest else data
        start = 0
        while start + 1 < len(buffer):
            kind, size = buffer[start] >> 4, buffer[start + 1]
            if kind not in {CONNACK, PUBACK, PINGRESP} or size != (0 if kind == PINGRESP else 2):
                raise NotMqtt(f"a packet of type {kind} and {size} bytes")
            end = start + 2 + size
            if end > len(buffer):
                break
            yield kind, _number(kind, buffer[start + 2 : end])
            start = end
        self._rest = buffer[start:]


def _number(kind: int, body: bytes) -> int:
    if kind == CONNACK:
        return body[1]
    return int.from_bytes(body, "big")


def _text(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def _length(value: int) -> bytes:
    """The remaining length: seven bits a byte, the lowest first."""
    found = bytearray()
    while True:
        value, low = divmod(value, 128)
        found.append(low | (128 if value else 0))
        if not value:
            return bytes(found)
