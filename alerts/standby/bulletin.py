"""What ingest says at the broker while it cannot store: the dangers that it sees; and then that it stores again."""

from __future__ import annotations

from typing import Final

import msgspec

TOPIC: Final = "nuanshao/v1/danger"
"""Our own account alone may write it (runtime/mosquitto.acl)."""
AT_ONCE: Final = 100
"""Dangers in one bulletin."""


class Danger(msgspec.Struct, frozen=True, omit_defaults=True):
    """One reading or alarm bit, as ingest has judged it. Times in ms since 1970; `ts_ms` is what rules see.

    `m`: the metrics that life-safety rules look at; `event` and `on`: an alarm bit.
    `via`: whose topic it came on, where ingest could not ask the registry whether that one may speak for the device.
    """

    uid: str
    ts_ms: int
    received_ms: int
    late: bool = False
    m: dict[str, float] = {}
    event: str = ""
    on: bool = False
    via: str = ""


class Bulletin(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of one ingest worker. `storing`: what it has seen from now on is judged in the database again."""

    worker: str
    dangers: tuple[Danger, ...] = ()
    storing: bool = False


_decoder: Final = msgspec.json.Decoder(Bulletin)


def encode(bulletin: Bulletin) -> bytes:
    """As it goes over the broker."""
    return msgspec.json.encode(bulletin)


def decode(payload: bytes) -> Bulletin | None:
    """What stands in a message; None where it is no bulletin of ours."""
    try:
        return _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
