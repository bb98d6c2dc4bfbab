"""Ask an MQTT broker whether it answers and takes our account: one CONNECT, one CONNACK, nothing else."""

from __future__ import annotations

import secrets
import socket

from broker.address import Broker
from foundation.errors import BrokerRefused, BrokerUnavailable

_CONNACK = 0x20
_CONNACK_BYTES = 4
_REFUSALS = {
    1: "protocol version",
    2: "client id",
    3: "the broker is not available",
    4: "user name or password",
    5: "not authorised",
}


def probe(url: str, *, timeout: float = 5.0, ca_file: str = "") -> None:
    """Connect as `url` (mqtt:// or mqtts://) says, within `timeout` seconds.

    Raises BrokerUnavailable when nothing answers, BrokerRefused with the broker's reason, SettingsError for an
    address that is none. No error shows the password.
    """
    broker = Broker.parse(url, ca_file)
    where = f"{broker.host}:{broker.port}"
    user, password = broker.username or "", (broker.password or b"").decode()
    context = broker.context()
    try:
        with socket.create_connection((broker.host, broker.port), timeout) as plain:
            plain.settimeout(timeout)
            if context is not None:
                with context.wrap_socket(plain, server_hostname=broker.host) as secured:
                    answer = _ask(secured, user, password)
            else:
                answer = _ask(plain, user, password)
    except OSError as failed:
        raise BrokerUnavailable(f"no MQTT broker at {where}: {failed.strerror or failed}", do="start it") from None
    if len(answer) < _CONNACK_BYTES or answer[0] != _CONNACK:
        raise BrokerUnavailable(f"what listens at {where} is no MQTT broker", do="correct NUANSHAO_MQTT_URL")
    if answer[3] != 0:
        raise BrokerRefused(
            f"the MQTT broker at {where} refuses us: {_REFUSALS.get(answer[3], f'code {answer[3]}')}",
            do="correct NUANSHAO_MQTT_URL",
        )


def connect_packet(client_id: str, user: str, password: str, keep_alive_s: int = 10) -> bytes:
    """An MQTT 3.1.1 CONNECT with a clean session."""
    flags = 0x02 | (0x80 if user else 0) | (0x40 if user and password else 0)
    body = _text("MQTT") + bytes([4, flags]) + keep_alive_s.to_bytes(2, "big") + _text(client_id)
    if user:
        body += _text(user) + (_text(password) if password else b"")
    return b"\x10" + _length(len(body)) + body


def _ask(connection: socket.socket, user: str, password: str) -> bytes:
    connection.sendall(connect_packet(f"nuanshao-probe-{secrets.token_hex(4)}", user, password))
    answer = b""
    while len(answer) < _CONNACK_BYTES:
        part = connection.recv(_CONNACK_BYTES - len(answer))
        if not part:
            break
        answer += part
    if answer[:1] == bytes([_CONNACK]) and answer[3:4] == b"\0":
        connection.sendall(b"\xe0\0")
    return answer


def _text(value: str) -> bytes:
    encoded = value.encode()
    return len(encoded).to_bytes(2, "big") + encoded


def _length(number: int) -> bytes:
    encoded = bytearray()
    while True:
        number, digit = divmod(number, 128)
        encoded.append(digit | (0x80 if number else 0))
        if not number:
            return bytes(encoded)
