"""One message from the broker: the seam behind which another source of messages would fit."""

from __future__ import annotations

import msgspec


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """One message as received. `connection` and `packet_id` are what an acknowledgement needs."""

    connection: int
    packet_id: int
    topic: str
    payload: bytes
    duplicate: bool
    received_ms: int
