"""The wire contract v1: topics and limits that a device and ingest agree on."""

from __future__ import annotations

import re
from typing import Final, Literal

TOPIC_ROOT: Final = "heat/v1"
TOPIC_FILTER: Final = f"{TOPIC_ROOT}/+/+"
MAX_READINGS: Final = 200
"""Readings in one payload."""
MAX_PAYLOAD_BYTES: Final = 64 * 1024
"""A payload above this is rejected, its beginning kept."""
CLOCK_AHEAD_S: Final = 5 * 60
"""A `ts` further ahead than this is not believed."""
CLOCK_BEHIND_S: Final = 30 * 24 * 3600
"""A `ts` older than this is not believed."""
LATE_AFTER_S: Final = 5 * 60
"""A reading that arrives this long after it was measured is history (source: our choice, unconfirmed)."""

Channel = Literal["telemetry", "event", "status", "backfill", "cmd", "cmd_ack"]
FROM_DEVICE: Final[tuple[Channel, ...]] = ("telemetry", "event", "status", "backfill", "cmd_ack")

_UID = re.compile(r"[a-z0-9][a-z0-9-]{3,31}")


def is_uid(text: str) -> bool:
    """Whether `text` can name a device: 4–32 of a–z, 0–9 and -, not starting with -."""
    return _UID.fullmatch(text) is not None


def topic(uid: str, channel: Channel) -> str:
    """The topic of one device's channel, e.g. `heat/v1/tl-kz-0001-hp/telemetry`."""
    return f"{TOPIC_ROOT}/{uid}/{channel}"
