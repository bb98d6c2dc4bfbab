"""How many items were measured and how many the broker has acknowledged: one JSON file, replaced as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
import structlog

_log = structlog.get_logger()


@dataclass(slots=True)
class Tally:
    """Counts of a run. Items are readings and events (statuses are not counted); one sent twice is still one.

    `sent` were handed to the devices' MQTT clients, `published` of them acknowledged by the broker, `dropped` given
    up because a device's memory was full; `connected` of `devices` have a session now.
    """

    devices: int
    sent: int = 0
    published: int = 0
    dropped: int = 0
    connected: int = 0

    @property
    def outstanding(self) -> int:
        """Items that may still be acknowledged."""
        return self.sent - self.published - self.dropped


def write_whole(path: Path, text: bytes) -> None:
    """Replace `path` so that a reader sees the old or the new text, never a part.

    A disk that is full for a while does not end the simulation: it is logged, and written again the next time.
    """
    draft = path.with_name(path.name + ".new")
    try:
        draft.write_bytes(text)
        draft.replace(path)
    except OSError as failed:
        _log.warning("not_written", file=path.name, why=failed.strerror)


def write_tally(path: Path | None, tally: Tally, at: datetime, *, final: bool = False) -> None:
    """Write the counts as one JSON line to `path`, if there is one."""
    if path is None:
        return
    counts = {
        "published": tally.published,
        "sent": tally.sent,
        "devices": tally.devices,
        "connected": tally.connected,
        "dropped": tally.dropped,
        "at": at,
        "final": final,
    }
    write_whole(path, msgspec.json.encode(counts) + b"\n")
