"""Waiting for an event, but not for ever."""

from __future__ import annotations

import asyncio
import contextlib


async def until(event: asyncio.Event, *, at_most_s: float) -> None:
    """Returns when the event is set or the time is over.

    Cancelled as the event is set, it ends: Python 3.11's `asyncio.wait_for` goes on then, and a process that was told
    to stop did not.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(at_most_s):
            await event.wait()
