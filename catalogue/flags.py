"""What is noteworthy about a stored reading, as bits of the column `flags`."""

from __future__ import annotations

from enum import IntFlag


class Flag(IntFlag):
    """Bits of `telemetry.flags`. The SQL function `reading_flags(int)` gives their names."""

    CLOCK_AHEAD = 1
    """The device's time was more than 5 minutes ahead; judged on receive time."""
    CLOCK_BEHIND = 2
    """The device's time was more than 30 days old; judged on receive time."""
    CLOCK_MISSING = 4
    """The reading had no time, or none that can be a time; judged on receive time."""
    OUT_OF_RANGE = 8
    """A metric was outside what a sensor can put out; that metric is null."""
    WRONG_TYPE = 16
    """A metric was no number; that metric is null."""
    NOT_A_NUMBER = 32
    """A metric was NaN or infinite; that metric is null."""
    UNKNOWN_METRIC = 64
    """A metric is not in the catalogue and was left out."""
    BACKFILL = 128
    """Sent as history, on the topic `backfill`."""
    LATE = 256
    """Arrived more than 5 minutes after it was measured; it raises and clears nothing live."""
    CLOCK_SLOW = 512
    """The device's clock is steadily behind (ingest/clocks.py): not late, judged on receive time."""
    NOT_UTF8 = 1024
    """The payload held bytes that are no UTF-8; they were replaced, the rest is as it was sent."""
    DRILL = 2048
    """From the twin of a device in a drill (store/drill.py): nothing that really happened."""


BAD_CLOCK = Flag.CLOCK_AHEAD | Flag.CLOCK_BEHIND | Flag.CLOCK_MISSING
"""Judged on receive time."""

HISTORY = Flag.LATE | Flag.BACKFILL
"""A reading that raises and clears nothing live."""
